"""Rows of a Parquet file, read batch by batch with pyarrow, which comes with the extra `import`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from agents.importing.row_reader import FileError, Row, UnreadableRow

_ROWS_A_BATCH: Final = 10_000


class ParquetReader:
    """A Parquet file while it is read.

    Attributes:
        size: its rows.
    """

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            CannotOpen: pyarrow is missing, or the file is not there or not Parquet.
        """
        try:
            from pyarrow import ArrowException
            from pyarrow.parquet import ParquetFile
        except ImportError as error:
            raise FileError(f"{path} needs pyarrow; install it with `pip install 'goldstream[import]'`") from error
        self.path = path
        self.file_format = "parquet"
        self._broken = ArrowException
        try:
            self._file: Any = ParquetFile(path)
        except (OSError, ArrowException) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise FileError(f"{path} cannot be read as Parquet ({reason}); name a file that is there") from error
        self.size = int(self._file.metadata.num_rows)
        self._done = 0

    def position(self) -> int:
        """How many rows have been read."""
        return self._done

    def rows(self) -> Iterator[Row | UnreadableRow]:
        """Read the file once, in its order; rows are counted from 1.

        Raises:
            CannotOpen: the file is damaged in the middle.
        """
        try:
            for batch in self._file.iter_batches(batch_size=_ROWS_A_BATCH):
                names = tuple(batch.schema.names)
                columns = [_values(column) for column in batch.columns]
                for cells in zip(*columns, strict=True):
                    self._done += 1
                    yield Row(self._done, names, cells)
        except (OSError, self._broken) as error:
            raise FileError(f"{self.path} is damaged ({error}); fetch it again") from error
        finally:
            self._file.close()


def _values(column: Any) -> list[Any]:
    """Python values of a column; times are cut to microseconds, which is all that `datetime` holds."""
    import pyarrow as pa

    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        column = column.cast(pa.timestamp("us", tz=column.type.tz), safe=False)
    values: list[Any] = column.to_pylist()
    return values
