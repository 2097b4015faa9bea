"""Events as a client sends them, and what a request adds to each: its type and its id.

What is added is written into the event's own bytes, so that everything else stays as it was sent.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Raw

from state.intake.admission_result import Rejected
from state.intake.field_errors import show
from state.intake.json_payload import parse_object
from state.records.reasons import RejectionReason


class SentEvent(msgspec.Struct, frozen=True, gc=False):
    """An event, before admission.

    Attributes:
        value: JSON as it was sent.
        kind: its type by the path or by the envelope; None if it must say itself.
        is_kind_fixed: whether another type of its own is an error.
        event_id: its id if it has none of its own; None for none.
        id_origin: where that comes from, for people.
        refused: what is wrong with the envelope of the event; admission does not look at it then.
    """

    value: bytes
    kind: str | None = None
    is_kind_fixed: bool = False
    event_id: str | None = None
    id_origin: str = ""
    refused: Rejected | None = None


def with_key(values: Sequence[bytes], kind: str | None, key: str | None) -> list[SentEvent]:
    """Return the events of a request.

    Args:
        values: each as it was sent.
        kind: the type of all of them by the path; None if each says its own.
        key: of the header Idempotency-Key: the id of a single event; several have `<key>/<index>`.
    """
    origin = "the header Idempotency-Key"
    if key is None:
        return [SentEvent(value, kind, kind is not None) for value in values]
    if len(values) == 1:
        return [SentEvent(values[0], kind, kind is not None, key, origin)]
    return [SentEvent(value, kind, kind is not None, f"{key}/{index}", origin) for index, value in enumerate(values)]


class _Head(msgspec.Struct, gc=False):
    type: Raw = Raw(b"null")
    event_id: Raw = Raw(b"null")


_NULL: Final = b"null"
_decode_head: Final = msgspec.json.Decoder(_Head).decode
_decode_text: Final = msgspec.json.Decoder(str).decode


def own_id(value: bytes) -> str | None:
    """Return the `event_id` of an event that was refused; None if it has none that is a string."""
    found = _own(value).get("event_id")
    return found.encode("utf-8", "replace").decode() if isinstance(found, str) else None


def complete(event: SentEvent) -> tuple[bytes, bool] | Rejected:
    """Return the value of an event with the type and the id that it lacks, and whether the id was added.

    A value that is no object is returned as it is.
    """
    value = event.value
    if event.kind is None and event.event_id is None:
        return value, False
    own = _own(value)
    added: dict[str, str] = {}
    if event.kind is not None:
        own_kind = own.get("type")
        if own_kind is None:
            added["type"] = event.kind
        elif event.is_kind_fixed and own_kind != event.kind:
            detail = f"type must be {event.kind} or absent on this path: got {show(own_kind)}"
            return Rejected(RejectionReason.INVALID, detail)
    if event.event_id is not None and own.get("event_id") is None:
        added["event_id"] = event.event_id
    return (_with_members(value, added), "event_id" in added) if added else (value, False)


def _own(value: bytes) -> Mapping[str, object]:
    """Return the type and the id that an event has itself; nothing if it is no object."""
    if value[:1] != b"{":
        return {}
    try:
        head = _decode_head(value)
        return {
            name: _decode_text(raw) if bytes(raw)[:1] == b'"' else raw
            for name, raw in (("type", head.type), ("event_id", head.event_id))
            if bytes(raw) != _NULL
        }
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # the parser of admission takes more
        found = parse_object(value)
        return {} if isinstance(found, Rejected) else found


def _with_members(value: bytes, added: Mapping[str, str]) -> bytes:
    """Return an object with further members at its end: of repeated names the last counts, and null is absent."""
    rest = value.rstrip()
    if rest[:1] != b"{" or rest[-1:] != b"}":
        return value
    is_empty = not rest[1:-1].strip()
    return rest[:-1] + (b"" if is_empty else b",") + msgspec.json.encode(added)[1:]
