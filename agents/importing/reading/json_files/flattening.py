"""A nested JSON object as one row: dotted names, texts as cells."""

from collections.abc import KeysView
from json import JSONDecoder
from typing import Any, Final

import msgspec

_MAX_DEPTH: Final = 16
"""Objects within more objects than that stay JSON text."""
_TYPED_VALUES: Final = ("string_value", "int_value", "double_value", "float_value")
_IGNORED_VALUES: Final = "set_timestamp_micros"


class NumberText(str):
    """The text of a JSON number, exactly as in the file."""

    __slots__ = ()


def _no_value(_name: str) -> None:
    """Return what `NaN` and `Infinity` stand for: nothing."""


# Tabs and line breaks are accepted within strings; whole numbers of any length stay text.
DECODER: Final = JSONDecoder(parse_float=NumberText, parse_int=NumberText, parse_constant=_no_value, strict=False)


def flatten(record: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Return the fields of an object by their dotted paths, without those that are null or empty.

    Numbers and booleans are texts; numbers are `NumberText`. A list of `{key, value}` objects, as in exports of GA4,
    is read as an object. Other lists stay JSON text.
    """
    row: dict[str, Any] = {}
    _add(row, prefix, record, 1)
    for path, value in row.items():
        kind = type(value)
        if kind is list or kind is dict:
            row[path] = to_json(value)
        elif kind is bool:
            row[path] = "true" if value else "false"
    return row


def field_paths(record: dict[str, Any]) -> KeysView[str]:
    """Return the dotted paths of the fields that `flatten` returns."""
    row: dict[str, Any] = {}
    _add(row, "", record, 1)
    return row.keys()


def _add(row: dict[str, Any], prefix: str, record: dict[str, Any], depth: int) -> None:
    for key, value in record.items():
        kind = type(value)
        if kind is str or kind is NumberText:
            if value:
                row[prefix + key] = value
        elif kind is bool:
            row[prefix + key] = value
        elif value:
            fields = value if kind is dict else _key_values(value)
            if fields is not None and depth < _MAX_DEPTH:
                _add(row, f"{prefix}{key}.", fields, depth + 1)
            else:
                row[prefix + key] = value


def to_json(value: Any) -> str:
    """Return JSON text in which numbers are as in the file."""
    return msgspec.json.encode(_with_raw_numbers(value)).decode()


def _with_raw_numbers(value: Any) -> Any:
    kind = type(value)
    if kind is NumberText:
        return msgspec.Raw(value.encode())
    if kind is dict:
        return {key: _with_raw_numbers(one) for key, one in value.items()}
    if kind is list:
        return [_with_raw_numbers(one) for one in value]
    return value


def _key_values(elements: list[Any]) -> dict[str, Any] | None:
    """Return `[{"key": k, "value": {"string_value": v}}, …]` as `{k: v, …}`; None for any other list."""
    pairs: dict[str, Any] = {}
    for element in elements:
        if type(element) is not dict or element.keys() != {"key", "value"} or type(element["key"]) is not str:
            return None
        value = element["value"]
        if type(value) is dict and value and not value.keys() - {*_TYPED_VALUES, _IGNORED_VALUES}:
            value = next((value[kind] for kind in _TYPED_VALUES if value.get(kind) is not None), None)
        pairs[element["key"]] = value
    return pairs
