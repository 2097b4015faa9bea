"""The bodies of requests with events, and what is answered: the intake reads and writes them itself, for speed."""

from typing import Any, Final

from agents.serve.documents.json_schemas import EVENT_NAMES, REF_TEMPLATE
from agents.serve.intake.requests.bodies import MAX_EVENTS
from agents.serve.intake.requests.cloud_events import BATCHED, STRUCTURED
from agents.serve.intake.requests.request_events import JSON, LINES
from state.records.reasons import RejectionReason

_ACCEPTED: Final = {"type": "object", "required": ["accepted"], "properties": {"accepted": {"type": "integer"}}}
_REFUSAL: Final = {
    "type": "object",
    "required": ["index", "event_id", "reason", "detail"],
    "properties": {
        "index": {"type": "integer", "description": "Of the event in the request, from 0."},
        "event_id": {"type": ["string", "null"]},
        "reason": {"enum": [reason.value for reason in RejectionReason]},
        "detail": {"type": "string", "description": "The field, what it must be, and its value."},
    },
}
_PARTLY_ACCEPTED: Final = {
    "type": "object",
    "required": ["accepted", "rejected", "results"],
    "properties": {
        "accepted": {"type": "integer"},
        "rejected": {"type": "integer"},
        "results": {"type": "array", "items": _REFUSAL, "description": "One entry for each refused event."},
    },
}
_ALL_REFUSED: Final = {"allOf": [{"$ref": "#/components/schemas/Problem"}, _PARTLY_ACCEPTED]}

_RESPONSES: Final = {
    "200": {"description": "Every event is on all in-sync replicas.", "content": {JSON: {"schema": _ACCEPTED}}},
    "202": {
        "description": "As 200 or 207, but stored on the server's disk until Kafka is back (`serve --spool`).",
        "content": {JSON: {"schema": {"anyOf": [_PARTLY_ACCEPTED, _ACCEPTED]}}},
    },
    "207": {"description": "Some are, others were refused.", "content": {JSON: {"schema": _PARTLY_ACCEPTED}}},
    "422": {
        "description": "All were refused.",
        "content": {"application/problem+json": {"schema": _ALL_REFUSED}},
    },
}


def _body(event: str) -> dict[str, Any]:
    """Return the request body of a route that takes one or many events with this schema."""
    ref = {"$ref": REF_TEMPLATE.format(name=event)}
    many = {"type": "array", "items": ref, "maxItems": MAX_EVENTS}
    wrapped = {"type": "object", "required": ["events"], "properties": {"events": many}}
    lines = {"type": "string", "description": "JSON Lines: an event on each line."}
    content: dict[str, Any] = {JSON: {"schema": {"anyOf": [ref, wrapped, many]}}}
    return {"required": True, "content": content | {LINES[0]: {"schema": lines}}}


def _cloud_events() -> dict[str, Any]:
    envelope = {
        "type": "object",
        "required": ["specversion", "id", "source", "type"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "description": "Stands in for a missing `event_id`."},
            "source": {"type": "string"},
            "type": {"type": "string", "description": "Such as `purchase` or `goldstream.purchase.v1`."},
            "data": {"type": "object"},
        },
    }
    event = {"$ref": REF_TEMPLATE.format(name="Event")}
    return {
        "required": True,
        "content": {
            STRUCTURED: {"schema": envelope},
            BATCHED: {"schema": {"type": "array", "items": envelope, "maxItems": MAX_EVENTS}},
            JSON: {"schema": event},
        },
    }


EVENT_BODIES: Final[dict[str, tuple[dict[str, Any], dict[str, Any]]]] = {
    "sendEvents": (_body("Event"), _RESPONSES),
    "checkEvents": (_body("Event"), _RESPONSES),
    "sendCloudEvents": (_cloud_events(), _RESPONSES),
    **{f"send{kind.capitalize()}s": (_body(name), _RESPONSES) for kind, name in EVENT_NAMES.items()},
}
"""Operation of the intake to its request body and its responses."""
