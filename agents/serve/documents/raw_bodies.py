"""The bodies that handlers read as bytes: policies as TOML or JSON, and what platforms send to hooks."""

from typing import Any, Final

_JSON: Final = "application/json"
_TOML: Final = {"application/toml": {"schema": {"type": "string", "description": "The policy as TOML."}}}
_TEXT: Final = {"type": "string", "minLength": 1}


def _policy(required: str, *optional: str) -> dict[str, Any]:
    schema = {
        "type": "object",
        "required": [required],
        "properties": dict.fromkeys((required, *optional), _TEXT),
        "additionalProperties": False,
    }
    return {"required": True, "content": {_JSON: {"schema": schema}, **_TOML}}


def _of_platform(meaning: str) -> dict[str, Any]:
    return {"required": True, "description": meaning, "content": {_JSON: {"schema": {"type": "object"}}}}


RAW_BODIES: Final[dict[str, dict[str, Any]]] = {
    "beginPolicyDiff": _policy("b", "a", "campaigns"),
    "applyPolicy": _policy("policy"),
    "takeDelivery": _of_platform("What the platform sends, signed as it signs."),
    "collect": _of_platform("A request of the GA4 Measurement Protocol."),
    "takeSegmentCall": _of_platform("A call of Segment's tracking API."),
}
"""Operation to its request body."""
