"""A value of a column, as the decisions about a whole column see it."""

from typing import NamedTuple


class ColumnValue(NamedTuple):
    """A text of a column, how many cells it stands for, and the line of the first one."""

    text: str
    count: int  # type: ignore[assignment]  # hides a method of tuple, which nothing here needs
    first_line: int
