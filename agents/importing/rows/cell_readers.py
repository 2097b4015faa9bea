"""Functions that read the texts of cells: parts of them, numbers, and sums of lists."""

import re
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

import msgspec

from agents.importing.columns.column_value import CellError
from agents.importing.columns.numbers.decision import NumberFormat, parse_number
from agents.importing.rows.refund_lists import join_amounts

_MONEY_DIGITS: Final = Decimal("1e-12")
_MAX_MONEY: Final = Decimal(10) ** 15
_decode_objects: Final = msgspec.json.Decoder(list[dict[str, Any]], float_hook=Decimal).decode


def part_reader(pattern: str) -> Callable[[str], str | None]:
    """Return a function that returns the group of a regular expression in a text; None if it is empty or not found."""
    search = re.compile(pattern).search

    def read(text: str) -> str | None:
        found = search(text)
        return (found[1] or "").strip() or None if found else None

    return read


def number_reader(decided: NumberFormat, divide: int = 1) -> Callable[[str], Decimal]:
    """Return a function that reads numbers and divides them, exact to twelve digits after the point."""

    def read(text: str) -> Decimal:
        number = parse_number(text, decided)
        if divide > 1:
            number /= divide
        if not -_MAX_MONEY < number < _MAX_MONEY:
            raise CellError("is too large")
        exponent = number.as_tuple().exponent
        too_fine = isinstance(exponent, int) and exponent < -12
        return number.quantize(_MONEY_DIGITS, ROUND_HALF_EVEN) if too_fine else number

    return read


def amounts_reader(member: str) -> Callable[[str], str]:
    """Return a function that joins a member of the objects of a JSON list."""

    def read(text: str) -> str:
        try:
            return join_amounts(_decode_objects(text), member)
        except (msgspec.MsgspecError, CellError):
            return ""  # the sum says what is wrong

    return read


def sum_reader(member: str) -> Callable[[str], Decimal]:
    """Return a function that adds a member of the objects of a JSON list."""
    plain = number_reader(NumberFormat("."))

    def read(text: str) -> Decimal:
        try:
            objects = _decode_objects(text)
        except msgspec.MsgspecError:
            raise CellError("is no JSON list") from None
        total = Decimal(0)
        for each in objects:
            if each.get(member) is not None:
                total += plain(str(each[member]))
        return total

    return read
