"""The values of Arrow columns as texts; numbers, dates and times as `NumberText`."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from agents.importing.reading.json_files.flattening import NumberText

_SINGLE_DIGITS: Final = 7
_DOUBLE_DIGITS: Final = 15
"""Digits of a binary fraction that are no noise."""
_EXACT_WHOLE: Final = 2**53


def is_nested(kind: Any) -> bool:
    """Return whether values of an Arrow type are objects or lists."""
    import pyarrow as pa

    return bool(pa.types.is_nested(kind))


def column_texts(column: Any) -> list[str | None]:
    """Return the values of a column without nested ones. Moments with a time zone are in UTC, with a `Z`."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        return column_texts(column.dictionary_decode())
    if pa.types.is_timestamp(kind):
        plain = column.view(pa.timestamp(kind.unit)).cast(pa.timestamp("ms"), safe=False).cast(pa.string())
        suffix = "Z" if kind.tz else ""
        return [None if value is None else NumberText(value + suffix) for value in plain.to_pylist()]
    digits = _SINGLE_DIGITS if pa.types.is_float32(kind) or pa.types.is_float16(kind) else _DOUBLE_DIGITS
    return [_text(value, digits) for value in column.to_pylist()]


def plain_value(value: Any) -> Any:
    """Return a nested value with objects, lists, texts and numbers only."""
    if isinstance(value, dict):
        return {str(key): plain_value(one) for key, one in value.items()}
    if isinstance(value, list):
        if value and all(isinstance(one, tuple) for one in value):  # a map
            return {str(key): plain_value(one) for key, one in value}
        return [plain_value(one) for one in value]
    return value if isinstance(value, bool) else _text(value, _DOUBLE_DIGITS)


def number_text(number: float, digits: int = _DOUBLE_DIGITS) -> str | None:
    """Return a number without exponent and without the noise of binary fractions; None for NaN and infinity."""
    if number - number != 0:
        return None
    if number.is_integer() and abs(number) <= _EXACT_WHOLE:
        return str(int(number))
    return f"{Decimal(f'{number:.{digits}g}'):f}"


def _text(value: Any, digits: int) -> str | None:
    convert = _CONVERSIONS.get(type(value))
    return str(value) if convert is None else convert(value, digits)


def _of_float(value: float, digits: int) -> str | None:
    text = number_text(value, digits)
    return None if text is None else NumberText(text)


def _of_moment(value: datetime, _digits: int) -> str:
    if value.tzinfo is None:
        return NumberText(value.isoformat(" "))
    return NumberText(value.astimezone(UTC).replace(tzinfo=None).isoformat(" ") + "Z")


_CONVERSIONS: Final[dict[type, Callable[[Any, int], str | None]]] = {
    type(None): lambda _value, _digits: None,
    str: lambda value, _digits: value,
    bool: lambda value, _digits: "true" if value else "false",
    int: lambda value, _digits: NumberText(value),
    float: _of_float,
    Decimal: lambda value, _digits: NumberText(f"{value:f}"),
    datetime: _of_moment,
    date: lambda value, _digits: NumberText(value.isoformat()),
    time: lambda value, _digits: NumberText(value.isoformat("seconds")),
    timedelta: lambda value, _digits: NumberText(value),
    bytes: lambda value, _digits: value.decode("utf-8", "replace"),
}
