"""Parquet as a table."""

import contextlib
from collections.abc import Generator, Iterator
from typing import Any, Final

from agents.importing.findings import Assumption, FileError, LeftOut
from agents.importing.reading.arrow_texts import column_texts, is_nested, plain_value
from agents.importing.reading.byte_source import ByteSource, file_errors, one_line
from agents.importing.reading.json_files.flattening import flatten
from agents.importing.reading.sheets.table import uncompressed
from agents.importing.reading.source_table import MAX_COLUMNS, ReadOptions, RowBatch, rows_per_batch

_MAX_ROWS_PER_BYTE: Final = 100
_MAX_ROWS_UNCHECKED: Final = 10_000_000


class ParquetTable:
    """Reads a Parquet file; the attributes are those of `SourceTable`.

    Raises:
        FileError: the file is damaged, or pyarrow is missing.
    """

    file_format = "parquet"

    def __init__(self, source: ByteSource, options: ReadOptions) -> None:  # noqa: ARG002 - as for other formats
        self.path = source.path
        self.size = source.size
        self.assumptions: list[Assumption] = []
        self.left_out = LeftOut()
        self._with_text: set[str] = set()
        self._file_path = uncompressed(source)
        self._source = source  # which removes an uncompressed copy when it is no longer used
        self._rows_read = 0
        with self._opened() as file:
            self._rows = int(file.metadata.num_rows)
            self._nested = [is_nested(field.type) for field in file.schema_arrow]
            if self._rows > max(_MAX_ROWS_UNCHECKED, _MAX_ROWS_PER_BYTE * self.size):
                raise FileError(
                    f"{self.path} claims to have {self._rows:,} rows in {self.size:,} bytes; check the file"
                )
            self.names = self._read_names(file)
        if len(self.names) > MAX_COLUMNS:
            raise FileError(
                f"{self.path} has {len(self.names):,} columns; export at most {MAX_COLUMNS:,}, those that are needed"
            )

    @property
    def typed(self) -> frozenset[str]:
        """Names of the columns whose cells, of the rows read so far, all came as numbers or dates."""
        return frozenset(self.names) - self._with_text

    def position(self) -> int:
        """Return about how many of the file's bytes have been read."""
        return self.size * self._rows_read // max(1, self._rows)

    def batches(self) -> Generator[RowBatch]:
        """Yield the rows in the order of the file, numbered from 1.

        Raises:
            FileError: the file cannot be read to its end.
        """
        self._rows_read = 0
        with self._opened() as file:
            for batch in file.iter_batches(batch_size=rows_per_batch(len(self.names))):
                cells = self._cells(batch)
                columns = [cells.get(name) or [None] * len(batch) for name in self.names]
                for name, column in zip(self.names, columns, strict=True):
                    if name not in self._with_text and any(type(cell) is str for cell in column):
                        self._with_text.add(name)
                yield RowBatch(list(range(self._rows_read + 1, self._rows_read + len(batch) + 1)), columns)
                self._rows_read += len(batch)

    def _read_names(self, file: Any) -> tuple[str, ...]:
        """Return the columns, for which nested ones must be read."""
        if not any(self._nested):
            return tuple(dict.fromkeys(file.schema_arrow.names))
        names: dict[str, None] = {}
        for batch in file.iter_batches(batch_size=rows_per_batch(len(self._nested))):
            names |= dict.fromkeys(self._cells(batch))
            if len(names) > MAX_COLUMNS:
                break
        return tuple(names)

    def _cells(self, batch: Any) -> dict[str, list[str | None]]:
        """Return the cells of a batch by the names of their columns."""
        cells: dict[str, list[str | None]] = {}
        for name, column, nested in zip(batch.schema.names, batch.columns, self._nested, strict=True):
            if not nested:
                cells.setdefault(name, column_texts(column))
                continue
            for number, value in enumerate(column.to_pylist()):
                for path, cell in flatten({name: plain_value(value)}).items():
                    cells.setdefault(path, [None] * len(batch))[number] = cell
        return cells

    @contextlib.contextmanager
    def _opened(self) -> Iterator[Any]:
        try:
            from pyarrow import ArrowException
            from pyarrow.parquet import ParquetFile
        except ImportError as error:
            raise FileError(f"{self.path} needs pyarrow; install it with `pip install 'goldstream[import]'`") from error
        with file_errors(self.path):
            try:
                with ParquetFile(self._file_path, memory_map=False, pre_buffer=False) as file:
                    yield file
            except (ArrowException, ValueError, OverflowError) as error:
                raise FileError(f"{self.path} is damaged ({one_line(error)[:200]}); download it again") from error
