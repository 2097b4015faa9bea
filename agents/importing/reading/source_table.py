"""What a file is read as: a table of text cells, batch by batch."""

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import msgspec

from agents.importing.findings import Assumption, LeftOut

_ROWS_PER_BATCH: Final = 10_000
_CELLS_PER_BATCH: Final = 200_000
MAX_COLUMNS: Final = 1_000
_SAME_COLUMNS: Final = 2 / 3
"""Of the columns, those that files of the same kind have in common: newer exports have some more."""


class ReadOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How to read a file where the user has decided it; None: decide from the file.

    Attributes:
        file_format: `csv`, `xlsx`, `json`, `jsonl` or `parquet`.
        encoding: name of the encoding, such as `cp1251`.
        delimiter: of CSV, one character.
        header: names of the columns of a file that has no header line.
        sheet: name of a workbook's sheet.
        skip: number of lines before the header line.
    """

    file_format: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    header: tuple[str, ...] | None = None
    sheet: str | None = None
    skip: int | None = None


class RowBatch(NamedTuple):
    """Some rows, column by column.

    Attributes:
        lines: of each row, the line on which it begins. XLSX and Parquet: the number of the row; a JSON array: of the
            object, from 1.
        columns: of each column in the order of the table's names, a cell for each row; None if it is absent.
    """

    lines: list[int]
    columns: Sequence[Sequence[str | None]]


class SourceTable(Protocol):
    """A file as a table whose cells are texts.

    Attributes:
        path: the file.
        file_format: `csv`, `xlsx`, `json`, `jsonl` or `parquet`.
        names: names of the columns, unique, without surrounding spaces. A repeated name is followed by ` (2)`. Fields
            of nested JSON objects have dotted paths.
        assumptions: how the file is read; complete once reading has ended.
        left_out: rows that are not read, by reason; complete once reading has ended.
        size: the file's size in bytes.
    """

    path: Path
    file_format: str
    names: tuple[str, ...]
    assumptions: list[Assumption]
    left_out: LeftOut
    size: int

    @property
    def typed(self) -> frozenset[str]:
        """Names of the columns whose cells, of the rows read so far, all came as numbers or dates, not as text."""
        ...

    def position(self) -> int:
        """Return how many of the file's bytes have been read."""
        ...

    def batches(self) -> Generator[RowBatch]:
        """Yield the rows in the order of the file; to be called once. A reader may close it before its end.

        Raises:
            FileError: the file is damaged, or what it contains is no table.
        """
        ...


def have_same_form(names: Sequence[str], others: Sequence[str]) -> bool:
    """Return whether two files with these columns are of the same kind."""
    return len({*names} & {*others}) >= _SAME_COLUMNS * max(len(names), len(others))


def unique_names(names: list[str]) -> tuple[str, ...]:
    """Return names of columns without surrounding spaces, each once: `Total`, `Total (2)`; empty ones are numbered."""
    taken: set[str] = set()
    unique = []
    for number, raw in enumerate(names, 1):
        plain = " ".join(raw.replace("\ufeff", "").split()) or f"column {number}"
        name, ordinal = plain, 1
        while name in taken:
            ordinal += 1
            name = f"{plain} ({ordinal})"
        taken.add(name)
        unique.append(name)
    return tuple(unique)


def rows_per_batch(columns: int) -> int:
    """Return how many rows a batch has, so that it needs little memory however many columns there are."""
    return max(1, min(_ROWS_PER_BATCH, _CELLS_PER_BATCH // max(1, columns)))
