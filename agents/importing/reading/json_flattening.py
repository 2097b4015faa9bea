"""A nested JSON object as one row: dotted names, texts as cells."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

_VALUES: Final = ("string_value", "int_value", "double_value", "float_value")


class NumberText(str):
    """The text of a JSON number, exactly as in the file."""

    __slots__ = ()


def flatten(record: dict[str, Any]) -> dict[str, str]:
    """Return the fields of an object by their dotted paths, without those that are null or empty.

    Numbers and booleans are texts; numbers are `NumberText`. A list of `{key, value}` objects, as in exports of GA4,
    is read as an object. Other lists stay JSON text.
    """
    row: dict[str, str] = {}
    for name, value in _fields("", record):
        row.setdefault(name, value)
    return row


def _fields(prefix: str, record: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in record.items():
        name = prefix + str(key)
        if isinstance(value, dict):
            yield from _fields(f"{name}.", value)
        elif isinstance(value, list):
            pairs = _key_values(value)
            if pairs is not None:
                yield from _fields(f"{name}.", pairs)
            elif value:
                yield name, msgspec.json.encode(value, enc_hook=str).decode()
        elif value is not None:
            yield name, _cell(value)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return NumberText(value) if isinstance(value, int | float) else value


def _key_values(elements: list[Any]) -> dict[str, Any] | None:
    """Return `[{"key": k, "value": {"string_value": v}}, …]` as `{k: v, …}`; None for any other list."""
    pairs: dict[str, Any] = {}
    for element in elements:
        if not isinstance(element, dict) or not {"key", "value"} <= element.keys() or len(element) > 2:
            return None
        value = element["value"]
        if isinstance(value, dict) and not value.keys() - set(_VALUES) - {"set_timestamp_micros"}:
            value = next((value[kind] for kind in _VALUES if value.get(kind) is not None), None)
        pairs[str(element["key"])] = value
    return pairs or None
