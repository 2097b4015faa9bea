"""Convert cells to the values of event fields: text, money, moments and flags."""

import math
import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from agents.importing.row_mapping import Mapping
from state.config.config_errors import format_value
from state.units.money import DIGITS

_YES: Final = frozenset({"true", "yes", "y", "1", "t", "да", "д", "истина"})
_NO: Final = frozenset({"false", "no", "n", "0", "f", "нет", "н", "ложь"})
_GROUPING: Final = str.maketrans("", "", " \u00a0\u202f\u2009'")
_NUMBER: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]{1,3})?|[+-]?\.[0-9]+", re.ASCII)
_POINT_DATE: Final = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?:[ T,]+(\d{1,2}):(\d\d)(?::(\d\d))?)?", re.ASCII)
_SLASHES: Final = re.compile(r"\d{1,2}/\d{1,2}/\d{2,4}.*", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
# A binary float shows its error from the 16th significant digit on, which is not part of the amount.
_FLOAT_DIGITS: Final = 15
_MIN_EXPONENT: Final = -30
_MAX_ID_BITS: Final = 1_000
_MAX_NUMBER_DIGITS: Final = 200
_FLOAT_ERROR: Final = Decimal("1e-6")


class CellError(Exception):
    """A cell is not what its field needs; the message completes a sentence that begins with the field's name."""


def is_absent(cell: Any) -> bool:
    """Return whether a cell is empty: null, blank text, or NaN."""
    match cell:
        case None:
            return True
        case str():
            return not cell.strip()
        case float():
            return math.isnan(cell)
        case Decimal():
            return cell.is_nan()
        case _:
            return False


def read_text(cell: Any) -> str:
    """Return a cell as text without surrounding spaces; whole numbers, such as ids in Parquet, without a point.

    Raises:
        CellError: a list, an object, or a number of excessive length.
    """
    match cell:
        case str():
            return cell.strip()
        case bool():
            return "true" if cell else "false"
        case int():
            return _id_text(cell)
        case float() | Decimal() if _is_whole(cell):
            return _id_text(int(cell))
        case float() | Decimal() | datetime() | date() | time():
            return str(cell)
        case _:
            raise CellError(f"must be a text: got {format_value(cell)}")


def read_flag(cell: Any) -> bool:
    """Return yes or no, in English or Russian, as a boolean.

    Raises:
        CellError: neither.
    """
    if isinstance(cell, bool):
        return cell
    word = read_text(cell).lower()
    if word in _YES or word in _NO:
        return word in _YES
    raise CellError(f"must be yes or no: got {format_value(cell)}")


def read_number(cell: Any, decimal: str, currency: str | None) -> str:
    """Return an amount of money or a rate as the text of a JSON number.

    Spaces between digits are removed. Digits beyond those of the currency are rounded away if they are only the error
    of a binary float; otherwise they stay, and admission refuses the amount.

    Raises:
        CellError: it is not a number.
    """
    if isinstance(cell, float | Decimal):
        exact = Decimal(repr(cell)) if isinstance(cell, float) else cell
        if not exact.is_finite():
            raise CellError(f"must be a number: got {cell}")
        return _json_number(_without_float_error(exact, currency))
    text = read_text(cell).translate(_GROUPING)
    if decimal == ",":
        text = text.replace(".", "").replace(",", ".") if text.count(",") == 1 else text
    if not _NUMBER.fullmatch(text):
        remedy = '; if "," is the decimal sign, give --decimal ","' if decimal == "." and "," in text else ""
        raise CellError(f"must be a number: got {format_value(cell)}{remedy}")
    return _json_number(_without_float_error(Decimal(text), currency))


def read_moment(cell: Any, mapping: Mapping, zone: ZoneInfo) -> int:
    """Return a moment in milliseconds since 1970.

    Accepts `time_format` if it is set; otherwise RFC 3339 and similar forms (a space in place of the `T`, no seconds,
    no time), `31.12.2025 18:30` and `20251231`. A time without an offset is in `zone`.

    Raises:
        CellError: it has none of these forms.
    """
    if isinstance(cell, datetime):
        return _ms(cell, zone)
    if isinstance(cell, date):
        return _ms(datetime.combine(cell, time.min), zone)
    text = read_text(cell)
    try:
        if mapping.time_format in ("unix", "unix_ms"):
            return int(_usable(Decimal(text)) * (1000 if mapping.time_format == "unix" else 1))
        if mapping.time_format:
            return _ms(datetime.strptime(text, mapping.time_format), zone)  # noqa: DTZ007 - `_ms` adds the zone
        if shape := _POINT_DATE.fullmatch(text):
            day, month, year, hour, minute, second = (int(part or 0) for part in shape.groups())
            return _ms(datetime(year, month, day, hour, minute, second), zone)  # noqa: DTZ001 - `_ms` adds the zone
        return _ms(datetime.fromisoformat(text), zone)
    except (ValueError, ArithmeticError, OverflowError) as error:
        remedy = (
            "; state whether day or month comes first, such as --time-format %d/%m/%Y"
            if _SLASHES.fullmatch(text)
            else ""
        )
        expected = f"of the form {mapping.time_format}" if mapping.time_format else "a date and time"
        raise CellError(f"must be {expected}: got {format_value(cell)}{remedy}") from error


def _ms(moment: datetime, zone: ZoneInfo) -> int:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return (moment - _EPOCH) // _MILLISECOND


def _is_whole(number: float | Decimal) -> bool:
    """Return whether a number is whole and of a usable length; `1e999999` is whole too, but too long to write out."""
    exact = Decimal(number)
    return exact.is_finite() and exact.adjusted() < _MAX_NUMBER_DIGITS and exact == int(exact)


def _usable(number: Decimal) -> Decimal:
    if not number.is_finite() or number.adjusted() >= _MAX_NUMBER_DIGITS:
        raise ValueError("too large for a moment")
    return number


def _id_text(number: int) -> str:
    if number.bit_length() > _MAX_ID_BITS:
        raise CellError(f"must be a text: got {format_value(number)}")
    return str(number)


def _without_float_error(number: Decimal, currency: str | None) -> Decimal:
    if len(number.as_tuple().digits) <= _FLOAT_DIGITS or currency is None or currency not in DIGITS:
        return number
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or not _MIN_EXPONENT < exponent < 0:
        return number
    rounded = round(number, DIGITS[currency])
    return rounded if abs(rounded - number) < _FLOAT_ERROR else number


def _json_number(number: Decimal) -> str:
    text = str(number)
    return text.lower().replace("e+", "e") if "E" in text else text
