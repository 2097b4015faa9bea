"""A distinct text of a column, and the errors that reading one can raise."""

import re
from typing import Final, NamedTuple, TypeVar

from state.config.config_errors import format_value

_MISSING: Final = frozenset(
    {
        "-",
        "--",
        "---",
        "–",
        "—",
        ".",
        "?",
        "n/a",
        "na",
        "#n/a",
        "n.a.",
        "n/d",
        "nd",
        "null",
        "#null!",
        "none",
        "nil",
        "nan",
        "nat",
        "undefined",
        "(null)",
        "(none)",
        "(blank)",
        "<na>",
        "<null>",
        "\\n",
        "n.v.",
        "k.a.",
        "нет",
        "н/д",
        "нд",
        "н.д.",
        "пусто",
        "нет данных",
        "не указано",
        "не указана",
        "not set",
        "(not set)",
    }
)
_LONGEST_MISSING: Final = max(map(len, _MISSING))
_ZERO_DATE: Final = re.compile(
    r"0000([-/.])00\1(?:00|01)(?:[ T]00:00(?::00(?:\.0*)?)?)?Z?|00([./-])00\2(?:00)?00", re.ASCII
)


_Key = TypeVar("_Key")
_FIRST: Final = 10
MAX_UNREADABLE: Final = 5000
"""A column whose first texts, so many, all are unreadable is no column of numbers or dates: the others are not read."""


class ColumnValue(NamedTuple):
    """A distinct text of a column.

    Attributes:
        text: without surrounding spaces, never empty.
        count: number of cells with this text, or with a text of the same shape.
        first_line: number of the first line with it.
    """

    text: str
    count: int  # type: ignore[assignment]  # hides a method of tuple that nobody needs here
    first_line: int


class FirstValues:
    """Collects the values with the smallest line numbers, and counts the cells of all.

    Attributes:
        values: at most ten, by line.
        cells: of all values added.
        texts: the number of values added.
    """

    def __init__(self) -> None:
        self.values: list[ColumnValue] = []
        self.cells = 0
        self.texts = 0

    def add(self, value: ColumnValue) -> None:
        """Count a value, and keep it if it is among the first."""
        self.cells += value.count
        self.texts += 1
        if len(self.values) < _FIRST or value.first_line < self.values[-1].first_line:
            self.values = sorted([*self.values, value], key=_line)[:_FIRST]


class CellError(ValueError):
    """A text is not what its field needs; the message completes a sentence that begins with the field's name."""


class MissingCell(CellError):
    """A text stands for the absence of a value: `-`, `N/A`, `null`, MySQL's `0000-00-00`."""


def is_missing(text: str) -> bool:
    """Return whether a text stands for the absence of a value, such as `-`, `N/A`, `null` or `0000-00-00`."""
    if len(text) <= _LONGEST_MISSING and text.strip().lower() in _MISSING:
        return True
    return text[:1] == "0" and _ZERO_DATE.fullmatch(text.strip()) is not None


def missing_cell(text: str) -> MissingCell:
    """Return the error for a text that stands for the absence of a value."""
    return MissingCell(f"is missing: got {format_value(text)}")


def example(value: ColumnValue) -> str:
    """Return a value with its line, as findings quote it."""
    return f"line {value.first_line}: {format_value(value.text)}"


def keep_first(values: dict[_Key, ColumnValue], key: _Key, value: ColumnValue) -> None:
    """Store a value under a key unless an earlier line is there."""
    if key not in values or value.first_line < values[key].first_line:
        values[key] = value


def _line(value: ColumnValue) -> int:
    return value.first_line
