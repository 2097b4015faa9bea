"""CloudEvents over HTTP: binary, structured and batched, whose data is an event.

The type of the event is its own `type`, otherwise that of the envelope: `purchase` or `goldstream.purchase.v1`. The id
of the envelope stands in for a missing `event_id`. Of the other attributes only `specversion` and `datacontenttype`
matter. A wrong envelope is a refused event, as a wrong event is.

The binding: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote_to_bytes

import msgspec
from msgspec import Raw

from agents.serve.intake.requests.bodies import UnreadableBodyError, one_value, split_array
from agents.serve.intake.sent_events import SentEvent
from state.intake.admission_result import Rejected
from state.intake.field_errors import show
from state.intake.json_payload import parse_object
from state.records.reasons import RejectionReason

STRUCTURED: Final = "application/cloudevents+json"
BATCHED: Final = "application/cloudevents-batch+json"

_OWN_TYPE: Final = re.compile(r"goldstream\.([a-z]+)\.v1")
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_JSON_TYPE: Final = re.compile(r"\s*[^;\s]+/(?:[^;\s]+\+)?json\s*(?:;.*)?", re.IGNORECASE | re.DOTALL)
_SPEC_VERSION: Final = "1.0"


class _Envelope(msgspec.Struct):
    """The attributes that matter; each may have any type, which is checked later."""

    specversion: object = None
    id: object = None
    type: object = None
    datacontenttype: object = None
    data: Raw = Raw(b"")
    data_base64: object = None


_decode_envelope: Final = msgspec.json.Decoder(_Envelope).decode


def from_binary(headers: Iterable[tuple[bytes, bytes]], body: bytes) -> list[SentEvent]:
    """Return the event of a request in binary mode: attributes in headers, the event as the body.

    Raises:
        UnreadableBodyError: the request is no CloudEvent, or the body is no JSON.
    """
    attributes = {
        name[3:].decode("latin-1").lower(): _header_text(value) for name, value in headers if name[:3].lower() == b"ce-"
    }
    if not attributes:
        raise UnreadableBodyError(
            f"a CloudEvent in binary mode must have the headers ce-id, ce-source, ce-specversion and ce-type; send one "
            f"in structured mode as {STRUCTURED}"
        )
    body = one_value(body)
    envelope = _Envelope(attributes.get("specversion"), attributes.get("id"), attributes.get("type"))
    return [_sent(envelope, body)]


def from_structured(body: bytes) -> list[SentEvent]:
    """Return the event of a body in structured mode; raises UnreadableBodyError if it is no JSON."""
    return [_from_envelope(one_value(body))]


def from_batch(body: bytes) -> list[SentEvent]:
    """Return the events of a batch; raises as `bodies.split_array` does."""
    return [_from_envelope(value) for value in split_array(body)]


def _from_envelope(value: bytes) -> SentEvent:
    try:
        envelope = _decode_envelope(value)
    except (msgspec.DecodeError, RecursionError):  # no object, or with lone surrogates, which no attribute may have
        found = parse_object(value)
        rejected = found if isinstance(found, Rejected) else _invalid("the CloudEvent", "must be UTF-8", "a surrogate")
        return SentEvent(value, refused=rejected)
    kind = envelope.datacontenttype
    if kind is not None and (not isinstance(kind, str) or not _JSON_TYPE.fullmatch(kind)):
        return SentEvent(b"", refused=_invalid("datacontenttype", "must be application/json", _shown(kind)))
    data = bytes(envelope.data)
    if envelope.data_base64 is not None:
        try:
            data = b64decode(str(envelope.data_base64), validate=True)
        except (binascii.Error, ValueError):
            return SentEvent(b"", refused=_invalid("data_base64", "must be Base64", _shown(envelope.data_base64)))
    return _sent(envelope, data or b"null")


def _sent(envelope: _Envelope, data: bytes) -> SentEvent:
    event_id = envelope.id
    if envelope.specversion != _SPEC_VERSION:
        refused = _invalid("specversion", f"must be {_SPEC_VERSION}", _shown(envelope.specversion))
    elif not isinstance(event_id, str) or not event_id:
        refused = _invalid("id", "must be a string of at least 1 character", _shown(event_id))
    elif not isinstance(envelope.type, str) or not envelope.type:
        refused = _invalid("type", "must be a string of at least 1 character", _shown(envelope.type))
    else:
        own = _OWN_TYPE.fullmatch(envelope.type)
        kind = own[1] if own else envelope.type
        return SentEvent(data, kind, event_id=event_id, id_origin="the CloudEvent's id")
    return SentEvent(data, refused=refused, event_id=event_id if isinstance(event_id, str) else None)


def _header_text(value: bytes) -> str:
    """Return the value of an attribute: unquoted, then percent-decoded, as the binding says."""
    text = value.decode("latin-1").strip()
    if quoted := _QUOTED.fullmatch(text):
        text = re.sub(r"\\(.)", r"\1", quoted[1], flags=re.DOTALL)
    try:
        return unquote_to_bytes(text.encode("latin-1")).decode()
    except UnicodeDecodeError as error:
        raise UnreadableBodyError("the headers of a CloudEvent must be percent-encoded UTF-8") from error


def _shown(value: object) -> str:
    return "nothing" if value is None else show(value if isinstance(value, str) else Raw(msgspec.json.encode(value)))


def _invalid(name: str, expected: str, got: str) -> Rejected:
    return Rejected(RejectionReason.INVALID, f"{name} {expected}: got {got}")
