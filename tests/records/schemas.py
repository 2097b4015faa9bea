"""The published schemas hold for what tests publish and read: what is admitted fits, and so does every output."""

import json
from functools import cache
from typing import Any, Final

from jsonschema import Draft202012Validator

from agents.serve.documents.json_schemas import EVENT_NAMES, event_schemas, inline, output_schemas
from streams.kafka.topics import SOURCE_NAMES

_SCHEMA_OF_SOURCE: Final = {f"{kind}s": name for kind, name in EVENT_NAMES.items()}
_SCHEMA_OF_OUTPUT: Final = {
    "segment-changes": "SegmentChange",
    "offers": "Message",
    "reactivations": "Message",
    "suppressions": "Suppression",
    "outcomes": "Outcome",
    "daily": "DaySummary",
}
_ENUMS: Final = frozenset({"reason", "group"})
_FITTING: Final[set[Any]] = set()
_MAX_SHOWN: Final = 500


@cache
def validator(schema: str) -> Any:
    """Return the validator of an event or an output, by the name of its schema."""
    return Draft202012Validator(inline(schema, event_schemas() | output_schemas()))


def fits(source: str, value: bytes) -> bool:
    """Return whether a value fits the schema of a source topic; one that is not JSON does not."""
    try:
        # how large a number is does not matter to a schema, and thousands of digits are refused by Python
        event = json.loads(value, parse_int=lambda _: 1, parse_float=lambda _: 1.5)
    except ValueError:
        return False
    return bool(validator(_SCHEMA_OF_SOURCE.get(source, "Event")).is_valid(event))


def assert_fits_schema(topic: str, value: bytes | None) -> None:
    """Check a record that was read from a topic, given by its full name; inputs and internal topics are not checked."""
    short = topic.rsplit(".", 2)[-2]
    schema = _SCHEMA_OF_OUTPUT.get(short)
    if value is None or schema is None or short in SOURCE_NAMES:
        return
    found = json.loads(value)
    shape = (schema, _shape(found))
    if shape in _FITTING:
        return
    error = next(validator(schema).iter_errors(found), None)
    assert error is None, f"{topic} has a record that does not fit its schema: {error.message}: {value[:_MAX_SHOWN]!r}"
    _FITTING.add(shape)


def _shape(value: Any, key: str = "") -> Any:
    """Return all that a schema of an output looks at: names, types, and the words of enums. Validation takes 1.4 ms."""
    if isinstance(value, dict):
        return tuple((name, _shape(member, name)) for name, member in value.items())
    if isinstance(value, list):
        return frozenset(map(_shape, value))
    return value if key in _ENUMS else type(value)
