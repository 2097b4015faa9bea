"""Split the lines of a CSV file into rows, also where quotes are damaged."""

import csv
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from agents.importing.findings import FileError
from agents.importing.reading.csv_files.dialect import Dialect
from agents.importing.reading.csv_files.quotes import unwrapped

if TYPE_CHECKING:
    from _csv import Reader

MAX_LINE: Final = 10 * 1024 * 1024
_MAX_LINES_PER_ROW: Final = 1_000
"""A cell that has more lines is one whose quote was never closed."""
_MAX_READ_AGAIN: Final = 1_000_000
"""Lines that are read again because the quotes before them are damaged."""


class CsvRows(NamedTuple):
    """Rows, and the line on which each begins."""

    lines: list[int]
    rows: list[list[str]]


class _UnclosedQuote(Exception):
    """A row has far more lines than any row would."""


class RowSplitter:
    """Splits lines into rows.

    A row whose quotes are not as they should be is read by itself: a quote encloses a cell if it is at its beginning
    and another one is at its end; any other is part of the text.

    Attributes:
        repaired: number of rows whose quotes were not as they should be.
        first_repaired: line of the first of them.
    """

    def __init__(self, dialect: Dialect) -> None:
        self.repaired = 0
        self.first_repaired = 0
        self._dialect = dialect
        self._quote = dialect.style.quote if dialect.style else '"'
        self._read_again = 0
        self._recent: list[str] = []
        self._pending: deque[str] = deque()

    def batches(self, readline: Callable[[int], str], first_line: int, most: int) -> Iterator[CsvRows]:
        """Yield all rows, blank ones also.

        Args:
            readline: returns the next line, with its end, cut at the given length.
            first_line: number of the next line.
            most: rows of a batch.

        Raises:
            FileError: a line is too long, or the quotes of many rows are never closed.
        """
        csv.field_size_limit(2 * MAX_LINE)
        lines: list[int] = []
        rows: list[list[str]] = []
        base = first_line
        while True:
            reader = self._reader(readline)
            start = 1
            try:
                for row in reader:
                    rows.append(row)
                    lines.append(base + start - 1)
                    start = reader.line_num + 1
                    self._recent.clear()
                    if len(rows) == most:
                        yield CsvRows(lines, rows)
                        lines, rows = [], []
                break
            except (csv.Error, _UnclosedQuote):
                base += start - 1
                lines.append(base)
                rows.append(self._repair(base))
                base += 1
        if rows:
            yield CsvRows(lines, rows)

    def _reader(self, readline: Callable[[int], str]) -> "Reader":
        lines = self._feed(readline)
        style = self._dialect.style
        if style is None:
            return csv.reader(lines, delimiter=self._dialect.delimiter, quotechar=None, quoting=csv.QUOTE_NONE)
        return csv.reader(
            lines,
            delimiter=style.delimiter,
            quotechar=style.quote,
            escapechar=style.escape,
            skipinitialspace=style.skip_space,
            strict=True,
        )

    def _feed(self, readline: Callable[[int], str]) -> Iterator[str]:
        """Yield the next lines, and remember those of the current row."""
        recent, pending, wrapped = self._recent, self._pending, self._dialect.wrapped
        while line := pending.popleft() if pending else readline(MAX_LINE):
            recent.append(line)
            if len(line) == MAX_LINE:
                raise FileError(f"a line is longer than {MAX_LINE:,} characters; write each row on its own line")
            if len(recent) > _MAX_LINES_PER_ROW:
                raise _UnclosedQuote
            yield unwrapped(line) if wrapped else line

    def _repair(self, line: int) -> list[str]:
        """Return the first of the recent lines as a row; the others are read again.

        Raises:
            FileError: too many rows have quotes that are never closed.
        """
        first, *again = self._recent
        self._recent.clear()
        self._pending.extendleft(reversed(again))
        self.repaired += 1
        self.first_repaired = self.first_repaired or line
        self._read_again += len(again)
        if self._read_again > _MAX_READ_AGAIN:
            raise FileError(
                f"the quotes of {self.repaired:,} rows are not closed, the first on line {self.first_repaired}; "
                "export the file again, as XLSX if possible"
            )
        first = unwrapped(first) if self._dialect.wrapped else first
        return split_line(first.rstrip("\r\n"), self._dialect.delimiter, self._quote)


def split_line(line: str, delimiter: str, quote: str) -> list[str]:
    """Return the cells of a line. A quote counts only at the beginning and the end of a cell.

    A cell that begins with a quote, but has none at its end, is text.
    """
    cells = []
    start = 0
    while True:
        end = -1
        if line.startswith(quote, start):
            end = _closing(line, start + 1, delimiter, quote)
        if end >= 0:
            cells.append(line[start + 1 : end].replace(quote * 2, quote))
            start = end + 2
            if start > len(line):
                return cells
        else:
            end = line.find(delimiter, start)
            if end < 0:
                return [*cells, line[start:]]
            cells.append(line[start:end])
            start = end + 1


def _closing(line: str, start: int, delimiter: str, quote: str) -> int:
    """Return where the quote is that ends a cell; -1 if there is none."""
    at = line.find(quote, start)
    while at >= 0:
        if at + 1 == len(line) or line.startswith(delimiter, at + 1):
            return at
        at = line.find(quote, at + (2 if line.startswith(quote, at + 1) else 1))
    return -1
