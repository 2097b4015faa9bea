"""The decoders of published events: a fast one for each source topic, and a thorough one that reports every error.

Both use the structs of `state.intake.event_schemas`. A fast decoder reads the JSON of a whole record at once. It gives
no usable reason for a refusal, and it refuses a few records that are admissible: with a lone surrogate in an unknown
field, a repeated key of which only the last value is valid, escapes in a number, or null for an unknown channel.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, Union

import msgspec
from msgspec import NODEFAULT
from msgspec.structs import FieldInfo

from state.intake.event_schemas import AnyPublished, Consent, Erasure, MessageContact, Purchase, Refund, Signup
from state.intake.field_errors import CollectedErrors, show
from state.records.reasons import RejectionReason

SCHEMAS: Final[Mapping[str, type[AnyPublished]]] = {
    "purchase": Purchase,
    "refund": Refund,
    "signup": Signup,
    "consent": Consent,
    "contact": MessageContact,
    "erasure": Erasure,
}
"""Value of the field `type` in `events` to the struct of such an event."""

_TYPES: Final = {f"{kind}s": kind for kind in SCHEMAS}
"""Short name of a source topic with events of one type to that type."""


def _decoder_of_any_type() -> Callable[[bytes], AnyPublished]:
    """Return the decoder of `events`: of each struct there is a variant that msgspec chooses by the field `type`."""
    variants = [
        msgspec.defstruct(f"{schema.__name__}WithType", (), bases=(schema,), tag_field="type", tag=kind, gc=False)
        for kind, schema in SCHEMAS.items()
    ]
    any_variant: Any = Union[tuple(variants)]  # noqa: UP007 - the members are not written here
    return msgspec.json.Decoder(any_variant).decode


DECODERS: Final[Mapping[str, Callable[[bytes], AnyPublished]]] = {
    **{source: msgspec.json.Decoder(SCHEMAS[kind]).decode for source, kind in _TYPES.items()},
    "events": _decoder_of_any_type(),
}
"""Short name of each source topic to its fast decoder, which raises ValueError or RecursionError."""


class _Field(NamedTuple):
    name: str
    expected: str
    decode: Callable[[bytes], object]
    is_required: bool
    placeholder: object


def _field(info: FieldInfo) -> _Field:
    is_required = info.default is NODEFAULT
    placeholder = "" if is_required else info.default
    expected = info.type.__metadata__[-1].description
    return _Field(info.name, expected, msgspec.json.Decoder(info.type).decode, is_required, placeholder)


_FIELDS: Final = {schema: tuple(map(_field, msgspec.structs.fields(schema))) for schema in SCHEMAS.values()}


def schema_of(source: str, found: Mapping[str, object]) -> type[AnyPublished] | None:
    """Return the struct for an object from a source topic; None if it is from `events` and has no known `type`."""
    kind = _TYPES.get(source) or found.get("type")
    return SCHEMAS.get(kind) if isinstance(kind, str) else None


def decode_fields(schema: type[AnyPublished], found: Mapping[str, object], errors: CollectedErrors) -> AnyPublished:
    """Return the event of an object, decoded field by field.

    Args:
        schema: The struct of the event.
        found: The object, as `state.intake.json_payload.parse_object` returns it.
        errors: Receives the fields that are missing or of the wrong type; a placeholder takes their place.
    """
    build: Callable[..., AnyPublished] = schema
    return build(**{field.name: _decode(field, found, errors) for field in _FIELDS[schema]})


def _decode(field: _Field, found: Mapping[str, object], errors: CollectedErrors) -> object:
    if field.name in found:
        value = found[field.name]
        if _fits(field, value):
            return field.decode(msgspec.json.encode(value))
        errors.add_error(RejectionReason.INVALID, field.name, field.expected, _wrong_member(field, value))
    elif field.is_required:
        errors.add_error(RejectionReason.INVALID, field.name, field.expected)
    return field.placeholder


def _fits(field: _Field, value: object) -> bool:
    try:
        field.decode(msgspec.json.encode(value))
    except (ValueError, RecursionError):
        return False
    return True


def _wrong_member(field: _Field, value: object) -> str | None:
    """Return the first wrong member of an object; None if the field is not one of objects (a number fits anything)."""
    if not isinstance(value, dict) or not _fits(field, {}) or _fits(field, []):
        return None
    wrong = (f"{show(key)}: {show(member)}" for key, member in value.items() if not _fits(field, {key: member}))
    return next(wrong, None)
