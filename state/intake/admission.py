"""Admission: what every record read from a source becomes, exactly one outcome each.

The rules are told in `state.intake.validation`, which gives the reason for every refusal. Most records need none: what
`state.intake.event_schemas` takes at once is the same event, in a fifth of the time.
"""

from typing import Final

from state.intake.admission_result import REJECTION_REASONS, AdmissionRules, Admitted, Rejected, RejectionReason
from state.intake.event_schemas import READERS
from state.intake.json_payload import SHALLOW_BYTES, is_within_bounds
from state.intake.validation import validate

__all__ = ["REJECTION_REASONS", "SOURCE_TOPICS", "AdmissionRules", "Admitted", "Rejected", "RejectionReason", "admit"]

SOURCE_TOPICS: Final[tuple[str, ...]] = tuple(READERS)
"""Short names of the source topics."""


def admit(
    source: str, partition: int, offset: int, value: bytes | None, exchange: AdmissionRules, latest_ms: int | None
) -> Admitted | Rejected:
    """The event that a record is, or the first reason that it is none. No value makes it raise.

    Args:
        source: Short name of the topic that it was read from, one of `SOURCE_TOPICS`.
        partition: Partition of that topic.
        offset: Offset in that partition.
        value: The record's value as it came.
        exchange: The currencies of the policy in force.
        latest_ms: The greatest moment at which an event may have occurred; None if any may, as in event mode.

    Raises:
        KeyError: There is no such source.
    """
    read = READERS[source]
    if value is not None and (len(value) <= SHALLOW_BYTES or is_within_bounds(value)):
        try:
            if not value.isascii():
                value.decode()  # msgspec does not look into the strings that it skips
            admitted = read(value).judge(source, partition, offset, exchange)
        except (ValueError, RecursionError):
            pass
        else:
            if latest_ms is None or admitted.event.occurred_at <= latest_ms:
                return admitted
    return validate(source, partition, offset, value, exchange, latest_ms)
