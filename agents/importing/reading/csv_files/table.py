"""CSV as a table."""

import contextlib
import io
from collections.abc import Generator, Iterator
from typing import Final

from agents.importing.findings import Assumption, FileError, LeftOut
from agents.importing.reading.byte_source import ByteSource, file_errors
from agents.importing.reading.csv_files.dialect import Dialect, decide_dialect
from agents.importing.reading.csv_files.rows import CsvRows, RowSplitter
from agents.importing.reading.encodings.text_encoding import (
    TextEncoding,
    decide_encoding,
    has_invalid_bytes,
    invalid_place,
)
from agents.importing.reading.header_row import Header, decide_header
from agents.importing.reading.source_table import ReadOptions, RowBatch, rows_per_batch

_HEAD_LETTERS: Final = 256 * 1024
_HEAD_ROWS: Final = 1_000
_CHUNK_LETTERS: Final = 1024 * 1024


class CsvTable:
    """Reads a CSV file; the attributes are those of `SourceTable`.

    Raises:
        FileError: the file is no table.
    """

    file_format = "csv"

    def __init__(self, source: ByteSource, options: ReadOptions) -> None:
        self.path = source.path
        self.size = source.size
        self.left_out = LeftOut()
        self.typed: frozenset[str] = frozenset()
        self._source = source
        self._encoding: TextEncoding = decide_encoding(source, options.encoding)
        self._dialect = self._decide_dialect(options)
        self._skipped_lines = self._dialect.sep_line + (options.skip or 0)
        first = next(self._rows(RowSplitter(self._dialect), _HEAD_ROWS), None)
        self._header: Header = decide_header(self.path, first or CsvRows([], []), options.header)
        self.names = self._header.names
        if any(map(has_invalid_bytes, self.names)):
            name = next(filter(has_invalid_bytes, self.names))
            raise FileError(
                f"{self.path}: line {self._header.line} is not {self._encoding.title} ({invalid_place(name)}); give "
                "another encoding, such as --encoding cp1251, or leave --encoding out"
            )
        self._splitter = RowSplitter(self._dialect)
        self._short = LeftOut()
        decided = [self._encoding.assumption, *self._dialect.assumptions, self._header.assumption]
        self.assumptions = list(filter(None, decided))

    def position(self) -> int:
        """Return how many of the file's bytes have been read."""
        return self._source.position()

    def batches(self) -> Generator[RowBatch]:
        """Yield the rows in the order of the file.

        Raises:
            FileError: the file cannot be read to its end.
        """
        try:
            yield from self._fitting_batches(len(self.names))
        finally:
            self.assumptions += self._later_assumptions()

    def _fitting_batches(self, width: int) -> Iterator[RowBatch]:
        suspicious = self._encoding.invalid or self._encoding.nul
        for line in self._header.title_lines:
            self.left_out.add("title", line)
        for lines, rows in self._rows(self._splitter, rows_per_batch(width)):
            kept = CsvRows(lines, rows)
            if lines[0] <= self._header.line:
                above = sum(line <= self._header.line for line in lines)
                kept = CsvRows(lines[above:], rows[above:])
            if suspicious or set(map(len, kept.rows)) != {width}:
                kept = self._fitting(kept)
            if kept.rows:
                yield RowBatch(kept.lines, list(zip(*kept.rows, strict=True)))

    def _fitting(self, batch: CsvRows) -> CsvRows:
        """Return the rows with as many cells as there are names; leave out those that cannot be read."""
        width = len(self.names)
        lines, rows = [], []
        for line, row in zip(batch.lines, batch.rows, strict=True):
            error = self._unreadable(row)
            if error:
                self.left_out.add("unreadable", line, error)
                continue
            if not any(row):
                continue
            if len(row) < width:
                self._short.add("short", line)
            lines.append(line)
            rows.append(row[:width] + [""] * (width - len(row)))
        return CsvRows(lines, rows)

    def _unreadable(self, row: list[str]) -> str:
        """Return why a row cannot be read; an empty text if it can."""
        width = len(self.names)
        if any(cell.strip() for cell in row[width:]):
            return (
                f"has {len(row)} cells where the header has {width}; enclose cells that contain "
                f"{self._dialect.delimiter!r} in quotes"
            )
        if self._encoding.nul and any("\0" in cell for cell in row):
            return "has NUL characters; export the file again"
        if self._encoding.invalid:
            for name, cell in zip(self.names, row, strict=False):
                if has_invalid_bytes(cell):
                    return (
                        f"is not {self._encoding.title}: {invalid_place(cell)} in {name}; correct it, or give the "
                        "file's encoding, such as --encoding cp1251"
                    )
        return ""

    def _later_assumptions(self) -> Iterator[Assumption]:
        """Yield what was found out while reading."""
        for _, count, lines, _ in self._short.rows():
            evidence = f"{count:,} rows have fewer cells than the header, the first on line {lines[0]}"
            yield Assumption("short_rows", "the missing cells are empty", evidence)
        if self._splitter.repaired:
            first = self._splitter.first_repaired
            evidence = f"{self._splitter.repaired:,} rows have quotes within cells, the first on line {first}"
            yield Assumption("stray_quotes", "part of the text", evidence)

    def _rows(self, splitter: RowSplitter, most: int) -> Iterator[CsvRows]:
        with self._opened() as text:
            for _ in range(self._skipped_lines):
                text.readline(_CHUNK_LETTERS)
            try:
                yield from splitter.batches(text.readline, 1 + self._skipped_lines, most)
            except FileError as error:
                raise FileError(f"{self.path}: {error}") from error

    def _decide_dialect(self, options: ReadOptions) -> Dialect:
        with self._opened() as text:
            head = text.read(_HEAD_LETTERS)
        lines = list(io.StringIO(head, newline=""))
        if len(lines) > 1 and len(head) == _HEAD_LETTERS:
            lines.pop()  # it may not be complete
        try:
            return decide_dialect(lines, self._chunks() if self._encoding.quotes else (), options.delimiter)
        except FileError as error:
            raise FileError(f"{self.path}: {error}") from error

    def _chunks(self) -> Iterator[str]:
        with self._opened() as text:
            while chunk := text.read(_CHUNK_LETTERS):
                yield chunk

    @contextlib.contextmanager
    def _opened(self) -> Iterator[io.TextIOWrapper]:
        with self._source.opened() as file, file_errors(self.path):
            yield io.TextIOWrapper(file, self._encoding.name, self._encoding.errors, newline="")
