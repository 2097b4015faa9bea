"""Read the rows of a Parquet file batch by batch with pyarrow, which the extra `import` installs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from agents.importing.row_reader import FileError, Row, UnreadableRow

_ROWS_PER_BATCH: Final = 10_000


class ParquetReader:
    """Reads the rows of a Parquet file, and knows how many have been read.

    Attributes:
        size: the file's number of rows.

    Raises:
        FileError: pyarrow is missing, or the file does not exist or is not Parquet.
    """

    def __init__(self, path: Path) -> None:
        try:
            from pyarrow import ArrowException
            from pyarrow.parquet import ParquetFile
        except ImportError as error:
            raise FileError(f"{path} needs pyarrow; install it with `pip install 'goldstream[import]'`") from error
        self.path = path
        self.file_format = "parquet"
        self._arrow_error = ArrowException
        try:
            self._file: Any = ParquetFile(path)
        except (OSError, ArrowException) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise FileError(f"{path} cannot be read as Parquet ({reason}); name an existing file") from error
        self.size = int(self._file.metadata.num_rows)
        self._rows_read = 0

    def position(self) -> int:
        """Return how many rows have been read."""
        return self._rows_read

    def rows(self) -> Iterator[Row | UnreadableRow]:
        """Yield the rows in the order of the file, numbered from 1.

        Raises:
            FileError: the file is damaged.
        """
        try:
            for batch in self._file.iter_batches(batch_size=_ROWS_PER_BATCH):
                names = tuple(batch.schema.names)
                columns = [_values(column) for column in batch.columns]
                for cells in zip(*columns, strict=True):
                    self._rows_read += 1
                    yield Row(self._rows_read, names, cells)
        except (OSError, self._arrow_error) as error:
            raise FileError(f"{self.path} is damaged ({error}); download it again") from error
        finally:
            self._file.close()


def _values(column: Any) -> list[Any]:
    """Return a column as Python values; times are truncated to microseconds, the resolution of `datetime`."""
    import pyarrow as pa

    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        column = column.cast(pa.timestamp("us", tz=column.type.tz), safe=False)
    values: list[Any] = column.to_pylist()
    return values
