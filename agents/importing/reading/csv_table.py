"""CSV as a table."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from agents.importing.findings import Assumption, FileError, LeftOut
from agents.importing.reading.source_table import ROWS_PER_BATCH, ReadOptions, RowBatch, unique_names

_DELIMITERS: Final = (",", ";", "\t", "|")


class CsvTable:
    """Reads a CSV file; the attributes are those of `SourceTable`."""

    file_format = "csv"

    def __init__(self, path: Path, options: ReadOptions) -> None:
        self.path = path
        self.size = path.stat().st_size
        self.assumptions: list[Assumption] = []
        self.left_out = LeftOut()
        self.typed: frozenset[str] = frozenset()
        self._encoding = options.encoding or "utf-8-sig"
        self._options = options
        self._position = 0
        with path.open(encoding=self._encoding, newline="") as file:
            first = file.readline()
        self._delimiter = options.delimiter or max(_DELIMITERS, key=first.count)
        names = options.header or next(csv.reader([first], delimiter=self._delimiter), None)
        if not names:
            raise FileError(f"{path} is empty; name a file with rows")
        self.names = unique_names(list(names))

    def position(self) -> int:
        """Return how many of the file's bytes have been read."""
        return self._position

    def batches(self) -> Iterator[RowBatch]:
        """Yield the rows in the order of the file."""
        width = len(self.names)
        with self.path.open("rb") as raw, self.path.open(encoding=self._encoding, newline="") as file:
            reader = csv.reader(file, delimiter=self._delimiter)
            if self._options.header is None:
                next(reader)
            lines: list[int] = []
            rows: list[list[str]] = []
            line = reader.line_num + 1
            for row in reader:
                if len(row) == width:
                    lines.append(line)
                    rows.append(row)
                elif row:
                    self.left_out.add("unreadable", line, f"has {len(row)} cells where the header has {width}")
                line = reader.line_num + 1
                if len(rows) == ROWS_PER_BATCH:
                    yield RowBatch(lines, [list(column) for column in zip(*rows, strict=True)])
                    self._position = raw.tell()
                    lines, rows = [], []
            if rows:
                yield RowBatch(lines, [list(column) for column in zip(*rows, strict=True)])
        self._position = self.size
