"""The events of a request's body: each as the bytes that were sent, so that numbers keep their digits.

A body is one object, `{"events": […]}`, an array, or JSON Lines. What an element must be is not looked at here: that is
admission's part. A body that is no JSON has no elements, and the request is refused as a whole.
"""

import re
from collections.abc import Collection
from typing import Final

import msgspec
from msgspec import Raw

from agents.serve.intake.requests.json_spans import check_json, cut_elements, cut_members

MAX_EVENTS: Final = 1_000
"""Events of a request."""

_BOM: Final = b"\xef\xbb\xbf"
_SPACE: Final = b" \t\r\n"
_EVENT_FIELDS: Final = frozenset({"type", "event_id", "customer_id", "occurred_at"})
_BEFORE_EVENTS: Final = re.compile(rb'\{[ \t\r\n]*"events"[ \t\r\n]*:[ \t\r\n]*')

_decode_any: Final = msgspec.json.Decoder(Raw).decode
_decode_array: Final = msgspec.json.Decoder(list[Raw]).decode
_decode_members: Final = msgspec.json.Decoder(dict[str, Raw]).decode


class UnreadableBodyError(ValueError):
    """A body is not what its media type says; the message says in which way."""


class TooManyEventsError(ValueError):
    """A request has more events than are allowed."""

    def __init__(self, count: int) -> None:
        super().__init__(f"a request may have {MAX_EVENTS} events: got {count}; send them in several requests")


def split_json(body: bytes) -> list[bytes]:
    """Return the events of a JSON body: one object, `{"events": […]}`, or an array.

    Raises:
        UnreadableBodyError: it is empty, not UTF-8, not JSON, nested too deeply, or has the form of both one event and
            several.
        TooManyEventsError: there are too many.
    """
    body = _text(body)
    try:
        elements = _split(body)
    except msgspec.DecodeError as error:
        if b"\\u" not in body:  # else msgspec may have met a lone surrogate
            raise UnreadableBodyError(f"the body must be JSON: {error}") from error
        elements = _split_slowly(body.decode())
    except RecursionError as error:
        raise UnreadableBodyError("the body must be JSON, not nested this deeply") from error
    return _counted(elements)


def split_array(body: bytes) -> list[bytes]:
    """Return the elements of a body that must be a JSON array; raises as `split_json` does."""
    elements = split_json(body)
    if _text(body)[:1] != b"[":
        raise UnreadableBodyError("the body must be a JSON array")
    return elements


def split_lines(body: bytes) -> list[bytes]:
    """Return the events of JSON Lines, without empty lines. A broken line is an element among others.

    Raises:
        UnreadableBodyError: it is empty, or none of its lines is JSON.
        TooManyEventsError: there are too many.
    """
    lines = [line for each in body.removeprefix(_BOM).split(b"\n") if (line := each.strip(_SPACE))]
    if not lines:
        raise UnreadableBodyError("the body must not be empty")
    if not any(map(_is_json, lines)):
        raise UnreadableBodyError("the body must be JSON Lines: none of its lines is JSON")
    return _counted(lines)


def one_value(body: bytes) -> bytes:
    """Return a JSON body as the one value that it is; raises `UnreadableBodyError` as `split_json` does."""
    body = _text(body)
    if not _is_json(body):
        raise UnreadableBodyError("the body must be JSON")
    return body


def _text(body: bytes) -> bytes:
    """Return a body without what surrounds its JSON."""
    body = body.removeprefix(_BOM).strip(_SPACE)
    if not body:
        raise UnreadableBodyError("the body must not be empty")
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as error:
            raise UnreadableBodyError(f"the body must be UTF-8: got byte 0x{body[error.start]:02x}") from error
    return body


def _split(body: bytes) -> list[bytes]:
    if body[:1] == b"[":
        return [bytes(element) for element in _decode_array(body)]
    if body[:1] != b"{":
        _decode_any(body)
        return [body]
    members = _decode_members(body)
    if "events" not in members:
        return [body]
    events = bytes(members["events"])
    before = _BEFORE_EVENTS.match(body)
    if before is None or body[before.end() + len(events) :].strip(_SPACE) != b"}":
        return _split_slowly(body.decode())  # something else is there, perhaps another `events`
    _check_envelope(members, events[:1].decode())
    return [bytes(element) for element in _decode_array(events)]


def _split_slowly(text: str) -> list[bytes]:
    try:
        check_json(text)
        if text[0] == "[":
            return [element.encode() for element in cut_elements(text)]
        if text[0] != "{":
            return [text.encode()]
        members = cut_members(text)
    except RecursionError as error:
        raise UnreadableBodyError("the body must be JSON, not nested this deeply") from error
    except ValueError as error:
        raise UnreadableBodyError(f"the body must be JSON: {error}") from error
    names = [name for name, _ in members]
    events = [value for name, value in members if name == "events"]
    if not events or (events[-1][0] != "[" and not _EVENT_FIELDS.isdisjoint(names)):
        return [text.encode()]
    if len(events) > 1:
        raise UnreadableBodyError("the body must have `events` once: got it several times")
    _check_envelope(names, events[0][0])
    return [element.encode() for element in cut_elements(events[0])]


def _check_envelope(names: Collection[str], begin: str) -> None:
    """Refuse an object with the member `events` that does not clearly have several events."""
    if begin != "[":
        raise UnreadableBodyError("`events` must be an array")
    both = sorted(_EVENT_FIELDS.intersection(names))
    if both:
        raise UnreadableBodyError(f"the body must be one event or have `events`: got both, `events` and `{both[0]}`")


def _counted(elements: list[bytes]) -> list[bytes]:
    if len(elements) > MAX_EVENTS:
        raise TooManyEventsError(len(elements))
    return elements


def _is_json(value: bytes) -> bool:
    try:
        _decode_any(value)
        value.decode()
    except msgspec.DecodeError:
        return b"\\u" in value and _is_json_slowly(value)
    except (UnicodeDecodeError, RecursionError):
        return False
    return True


def _is_json_slowly(value: bytes) -> bool:
    try:
        check_json(value.decode())
    except (ValueError, RecursionError):
        return False
    return True
