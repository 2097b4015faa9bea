"""JSON Schemas (2020-12) of what is published to the source topics, and of what Goldstream publishes.

They follow from the types that read and write the records. A schema of an event says less than admission checks (no
digits of a currency, no time zones, no clock): what it refuses, admission refuses too.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, get_args

import msgspec
from msgspec import Meta
from msgspec.structs import FieldInfo

from agents.serve.documents.docstrings import attributes_of, meaning_of
from state.intake.event_decoders import SCHEMAS
from state.intake.event_schemas import Number
from state.intake.field_parsing import NUMBER_EXPECTED
from state.records.day_summary import DaySummary
from state.records.events import Channel
from state.records.outputs import Message, Outcome, SegmentChangeValue, Suppression

REF_TEMPLATE: Final = "#/components/schemas/{name}"

_NUMBER_SYNTAX: Final = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$"
_NumberText = Annotated[str, Meta(pattern=_NUMBER_SYNTAX)]
_RequiredNumber = Annotated[_NumberText | float, Meta(description=NUMBER_EXPECTED)]
_OptionalNumber = Annotated[_NumberText | float | None, Meta(description=NUMBER_EXPECTED)]
_REQUIRED_NUMBERS: Final = frozenset({"amount"})
"""Numbers without which an event is refused; their structs read them as absent, to report that."""

EVENT_NAMES: Final[Mapping[str, str]] = {
    "purchase": "Purchase",
    "refund": "Refund",
    "signup": "Signup",
    "consent": "Consent",
    "contact": "Contact",
    "erasure": "Erasure",
}
"""Type of an event to the name of its schema."""
OUTPUTS: Final[Mapping[str, Any]] = {
    "SegmentChange": SegmentChangeValue,
    "Message": Message,
    "Suppression": Suppression,
    "Outcome": Outcome,
    "DaySummary": DaySummary,
}
"""Name of the schema of an output to its type."""
_MOMENTS: Final = frozenset({"effective_at", "last_order_at", "due_at", "expires_at", "at", "from_at", "to_at"})


def event_schemas() -> dict[str, Any]:
    """Return the schemas of events by name: of each kind, and `Event` for any of them with its `type`."""
    found: dict[str, Any] = {}
    for kind, name in EVENT_NAMES.items():
        schema = _schema_of_event(name, SCHEMAS[kind])
        found[name] = schema
        found[f"{name}Event"] = {
            "title": f"{name}Event",
            "description": f"{schema['description']} It names its type.",
            "allOf": [_ref(name), {"required": ["type"], "properties": {"type": {"const": kind}}}],
        }
    found["Event"] = {
        "title": "Event",
        "description": "An event of any type.",
        "oneOf": [_ref(f"{name}Event") for name in EVENT_NAMES.values()],
    }
    return found


def output_schemas() -> dict[str, Any]:
    """Return the schemas of outputs by name, with those that they refer to."""
    refs, components = msgspec.json.schema_components(OUTPUTS.values(), ref_template=REF_TEMPLATE)
    named = {ref["$ref"].rpartition("/")[2]: name for name, ref in zip(OUTPUTS, refs, strict=True)}
    schemas = {named.get(name, name): _rename(schema, named) for name, schema in components.items()}
    for name, schema in schemas.items():
        schema["title"] = name
        describe(schema)
        _mark_moments(schema)
    return schemas


def describe(schema: dict[str, Any]) -> None:
    """Turn the docstring of the type of a schema into the descriptions of the schema and of its properties."""
    docstring = schema.get("description", "")
    for name, meaning in attributes_of(docstring).items():
        field = schema.get("properties", {}).get(name)
        if field is not None and "$ref" not in field:
            field["description"] = meaning
    if docstring:
        schema["description"] = meaning_of(docstring)


def inline(name: str, schemas: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema that stands alone: what it refers to is in its `$defs`."""
    needed: dict[str, Any] = {}
    _collect(schemas[name], schemas, needed)
    own = _relocate(schemas[name])
    definitions = {each: _relocate(schemas[each]) for each in sorted(needed)}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **own} | (
        {"$defs": definitions} if definitions else {}
    )


def _schema_of_event(name: str, struct: type[msgspec.Struct]) -> dict[str, Any]:
    fields: list[Any] = []
    for info in msgspec.structs.fields(struct):
        kind, default = _type_for_schema(info)
        fields.append((info.name, kind) if default is msgspec.NODEFAULT else (info.name, kind, default))
    variant = msgspec.defstruct(name, fields, kw_only=True)
    _, components = msgspec.json.schema_components([variant], ref_template=REF_TEMPLATE)
    schema: dict[str, Any] = components[name]
    if "consent" in schema["properties"]:  # null for a channel that does not exist counts as absent
        consent = next(each for each in schema["properties"]["consent"]["anyOf"] if each["type"] == "object")
        consent["properties"] = dict.fromkeys(get_args(Channel), consent["additionalProperties"])
        consent["additionalProperties"] = {"type": "null"}
    for field in schema["properties"].values():
        if field.get("default", ...) is None:
            del field["default"]  # null is not a default to fill in: it counts as absent
    meaning = meaning_of(struct.__doc__ or "")
    return schema | {"description": f"{meaning} Unknown fields are ignored; null counts as absent."}


def _type_for_schema(info: FieldInfo) -> tuple[Any, Any]:
    if info.type != Number:
        return info.type, info.default
    if info.name in _REQUIRED_NUMBERS:
        return _RequiredNumber, msgspec.NODEFAULT
    return _OptionalNumber, None


def _mark_moments(schema: Any) -> None:
    for name, field in schema.get("properties", {}).items():
        if name in _MOMENTS:
            for each in field.get("anyOf", [field]):
                if each.get("type") == "string":
                    each["format"] = "date-time"


def _ref(name: str) -> dict[str, str]:
    return {"$ref": REF_TEMPLATE.format(name=name)}


def _rename(schema: Any, named: Mapping[str, str]) -> Any:
    """Return a schema in which references have the names of `OUTPUTS`."""
    return _map_refs(schema, lambda name: REF_TEMPLATE.format(name=named.get(name, name)))


def _relocate(schema: Any) -> Any:
    return _map_refs(schema, lambda name: f"#/$defs/{name}")


def _map_refs(schema: Any, change: Any) -> Any:
    if isinstance(schema, dict):
        return {
            key: change(value.rpartition("/")[2]) if key == "$ref" else _map_refs(value, change)
            for key, value in schema.items()
        }
    return [_map_refs(each, change) for each in schema] if isinstance(schema, list) else schema


def _collect(schema: Any, schemas: Mapping[str, Any], needed: dict[str, Any]) -> None:
    for name in _names_in(schema):
        if name not in needed:
            needed[name] = schemas[name]
            _collect(schemas[name], schemas, needed)


def _names_in(schema: Any) -> Iterable[str]:
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "$ref":
                yield value.rpartition("/")[2]
            else:
                yield from _names_in(value)
    elif isinstance(schema, list):
        for each in schema:
            yield from _names_in(each)
