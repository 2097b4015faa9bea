"""Find the row that names the columns, below titles and above the data."""

import re
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final, Protocol

import msgspec

from agents.importing.findings import Assumption, FileError
from agents.importing.reading.source_table import MAX_COLUMNS, unique_names

_MAX_TITLE_ROWS: Final = 50
_MIN_SHARE_OF_CELLS: Final = 0.6
_DATA_SHARE: Final = 0.25
_MAX_ROWS_OF_DATA_ABOVE: Final = 2
_SIGN: Final = r"[^\w\s]{0,3}\s?"
_DATA: Final = re.compile(
    rf"{_SIGN}[-+]?\d[\d\s.,:/'’_-]*(?:[TZ]|UTC|GMT|[AaPp][Mm]|%|[€$£₽¥₴₸]|\b[^\W\d_]{{1,4}}\.?|\d)*{_SIGN}"
    r"|[^@\s]+@[^@\s]+\.[^@\s]+"
)
_MAX_DATA_LETTERS: Final = 40


class Header(msgspec.Struct, frozen=True):
    """What the columns of a file are called.

    Attributes:
        names: of the columns, unique.
        line: of the row that names them; 0: none does.
        title_lines: of the rows above it.
        assumption: None if it is the first row.
    """

    names: tuple[str, ...]
    line: int
    title_lines: tuple[int, ...]
    assumption: Assumption | None


class Rows(Protocol):
    """The first rows of a file."""

    @property
    def lines(self) -> Sequence[int]:
        """The line on which each begins."""
        ...

    @property
    def rows(self) -> Sequence[Sequence[str | None]]:
        """Their cells."""
        ...


def decide_header(path: Path, first: Rows, given: tuple[str, ...] | None) -> Header:
    """Return the names of the columns: those that the user gave, or those in the file.

    Args:
        path: of the file, for messages.
        first: its first rows.
        given: the names of a file that does not have them.

    Raises:
        FileError: there are no rows, no row names the columns, or rows have more cells than names.
    """
    rows = first.rows
    if not any(map(_filled, rows)):
        raise FileError(f"{path} has no rows; export it again")
    if given is not None:
        named = [" ".join((cell or "").split()) for cell in rows[0]]
        return Header(unique_names(list(given)), first.lines[0] if named == list(given) else 0, (), None)
    index = find_header(rows)
    if index is None:
        raise _no_header(path, next(row for row in rows if _filled(row)))
    names = _names(rows[index], rows[index + 1 :])
    _check_widths(path, first, index, names)
    titles = tuple(first.lines[above] for above in range(index) if _filled(rows[above]))
    assumption = None
    if titles:
        evidence = f"the {len(titles)} lines above it are titles: they have fewer cells, or no names"
        assumption = Assumption("header", f"line {first.lines[index]}", evidence)
    return Header(names, first.lines[index], titles, assumption)


def _names(header: Sequence[str | None], data: Sequence[Sequence[str | None]]) -> tuple[str, ...]:
    """Return the names of the columns, without those at the end that have neither name nor data."""
    width = len(header)
    while width > 1 and not (header[width - 1] or "").strip():
        if any(len(row) >= width and (row[width - 1] or "").strip() for row in data):
            break
        width -= 1
    return unique_names([cell or "" for cell in header[:width]])


def _check_widths(path: Path, first: Rows, index: int, names: tuple[str, ...]) -> None:
    if len(names) > MAX_COLUMNS:
        raise FileError(f"{path} has {len(names):,} columns; export at most {MAX_COLUMNS:,}, those that are needed")
    data = [number for number in range(index + 1, len(first.rows)) if _filled(first.rows[number])]
    long = [number for number in data if _filled(first.rows[number][len(names) :])]
    if 2 * len(long) > len(data):
        raise FileError(
            f"{path}: line {first.lines[long[0]]} has {len(first.rows[long[0]])} cells where the header has "
            f"{len(names)}, and so have most lines; export it with another delimiter, with quotes, or as XLSX"
        )


def find_header(rows: Sequence[Sequence[str | None]]) -> int | None:
    """Return the index of the row that names the columns, None if there is none.

    It is above all rows with numbers, dates or addresses, but one or two, which may be titles. Of the rows there with
    about as many filled cells as rows have, it is the first of those with most: titles have fewer.
    """
    filled = [_filled(row) for row in rows]
    counts = [len(cells) for cells in filled if cells]
    enough = max(1.0, _MIN_SHARE_OF_CELLS * median(counts))
    best: int | None = None
    data = 0
    for index, cells in enumerate(filled[: _MAX_TITLE_ROWS + 1]):
        if len(cells) < enough:
            continue
        if _is_data(cells):
            data += 1
            if data > _MAX_ROWS_OF_DATA_ABOVE:
                break
        elif best is None or len(cells) > len(filled[best]):
            best = index
    return best


def looks_like_data(cell: str) -> bool:
    """Return whether a cell is a number, a date or an e-mail address, as no name of a column is."""
    return len(cell) <= _MAX_DATA_LETTERS and _DATA.fullmatch(cell.strip()) is not None


def _no_header(path: Path, first: Sequence[str | None]) -> FileError:
    cells = ", ".join(repr(cell[:_MAX_DATA_LETTERS]) for cell in _filled(first)[:3])
    return FileError(
        f"{path} has no line that names the columns: it begins with {cells}; "
        'add one, or give header = ["date", …] in a mapping file'
    )


def _filled(row: Sequence[str | None]) -> list[str]:
    return [cell for cell in row if cell and cell.strip()]


def _is_data(cells: Sequence[str]) -> bool:
    return sum(map(looks_like_data, cells)) >= _DATA_SHARE * len(cells)
