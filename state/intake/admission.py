"""Admission: every record of a source topic becomes an event of the journal or a rejection.

Nearly all records that are admitted take the fast route: one pass of msgspec over the JSON, then the conversion of the
fields, which stops at the first error. A refused record is decoded again field by field, with the same types and the
same conversion, which then reports every error. So no rule is written twice, and there is always an event or a reason.
"""

from typing import Final

from state.intake.admission_result import AdmissionRules, Admitted, Rejected
from state.intake.event_decoders import DECODERS, SCHEMAS, decode_fields, schema_of
from state.intake.field_errors import CollectedErrors, FailFast, show_field
from state.intake.json_payload import SAFE_BYTES, check_bounds, malformed, parse_object
from state.records.reasons import RejectionReason

__all__ = ["SOURCE_TOPICS", "AdmissionRules", "Admitted", "Rejected", "admit"]

SOURCE_TOPICS: Final[tuple[str, ...]] = tuple(DECODERS)
"""Short names of the source topics."""

_FAIL_FAST: Final = FailFast()


def admit(
    source: str, partition: int, offset: int, value: bytes | None, rules: AdmissionRules, latest_ms: int | None
) -> Admitted | Rejected:
    """Return the event of a record, or why it has none. No value raises.

    Args:
        source: Short name of the topic that the record was read from, one of `SOURCE_TOPICS`.
        partition: Partition of that topic.
        offset: Offset in that partition.
        value: The record's value.
        rules: The rules of the active policy.
        latest_ms: The latest moment at which an event may have occurred; None if there is none, as in event mode.

    Raises:
        KeyError: There is no such source.
    """
    decode = DECODERS[source]
    if value is None:
        return malformed("a JSON object: got null")
    if len(value) > SAFE_BYTES:
        rejected = check_bounds(value)
        if rejected is not None:
            return rejected
    try:
        if not value.isascii():
            value.decode()  # msgspec does not check the strings that it skips
        published = decode(value)
        event = published.to_event(source, partition, offset, rules, latest_ms, _FAIL_FAST)
    except (ValueError, RecursionError):
        return _admit_by_field(source, partition, offset, value, rules, latest_ms)
    return Admitted(published.customer_id or "", event)


def _admit_by_field(
    source: str, partition: int, offset: int, value: bytes, rules: AdmissionRules, latest_ms: int | None
) -> Admitted | Rejected:
    found = parse_object(value)
    if isinstance(found, Rejected):
        return found
    schema = schema_of(source, found)
    if schema is None:
        detail = f"type must be one of {', '.join(SCHEMAS)}: got {show_field(found, 'type')}"
        return Rejected(RejectionReason.INVALID, detail)
    errors = CollectedErrors(found, schema.__struct_fields__)
    published = decode_fields(schema, found, errors)
    event = published.to_event(source, partition, offset, rules, latest_ms, errors)
    return errors.rejection() or Admitted(published.customer_id or "", event)
