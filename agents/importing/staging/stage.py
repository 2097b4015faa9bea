"""Read files into DuckDB tables of text, where columns are examined as a whole and orders are grouped on disk."""

import gc
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from types import TracebackType
from typing import Any, Final, Self

from agents.importing.findings import Assumption, FileError, LeftOut
from agents.importing.reading.byte_source import one_line
from agents.importing.reading.source_table import RowBatch, SourceTable, have_same_form
from agents.importing.staging.rows_without_data import leave_out_rows_without_data
from agents.importing.staging.staged_tables import StagedTable, Staging

__all__ = ["StagedTable", "Staging", "stage"]

_BYTES_PER_INSERT: Final = 16 * 1024 * 1024
_INSERTS_PER_COMMIT: Final = 4
_WITH_TITLES: Final = frozenset({"csv", "xlsx"})
"""Formats for people, who write titles, totals and notes above and below the rows."""


def stage(sources: Sequence[SourceTable], show: Callable[[int], None], limit: int | None = None) -> Staging:
    """Read all rows of the sources into tables.

    Args:
        sources: the files.
        show: called with the number of bytes that have been read so far, of all files.
        limit: how many rows of each file to read; None: all.

    Raises:
        FileError: a file cannot be read; nothing remains staged.
    """
    import duckdb

    staging = Staging()
    collects = gc.isenabled()
    gc.disable()  # it would look in vain through the cells of every batch: a third of the time that reading takes
    try:
        done = 0
        for source in sources:
            for position in _read_into(staging, _table_for(staging, source), source, limit):
                show(done + position)
            done += source.size
        for table in staging.tables:
            if table.file_format in _WITH_TITLES:
                table.rows -= leave_out_rows_without_data(staging.con, table.name, table.names, table.left_out)
            _check_rows(table)
    except duckdb.Error as error:
        staging.close()
        raise FileError(
            f"the rows of {sources[0].path} do not fit into {tempfile.gettempdir()} ({one_line(error)}); "
            "set TMPDIR to a directory with more space"
        ) from error
    except BaseException:
        staging.close()
        raise
    finally:
        if collects:
            gc.enable()
    return staging


def _table_for(staging: Staging, source: SourceTable) -> StagedTable:
    """Return the table that has about the same columns as the source; create it if there is none."""
    for table in staging.tables:
        if have_same_form(table.names, source.names):
            _add_source(staging, table, source)
            return table
    table = StagedTable(
        f"t{len(staging.tables)}",
        [source.path],
        source.names,
        source.file_format,
        0,
        frozenset(source.names),
        [],
        LeftOut(),
    )
    columns = "".join(f", c{number} VARCHAR" for number in range(len(source.names)))
    staging.con.execute(f"CREATE TABLE {table.name} (line BIGINT, file SMALLINT{columns})")
    staging.tables.append(table)
    return table


def _add_source(staging: Staging, table: StagedTable, source: SourceTable) -> None:
    """Make a table have all columns of another source."""
    new = [name for name in source.names if name not in table.names]
    missing = [name for name in table.names if name not in source.names]
    for number, _ in enumerate(new, len(table.names)):
        staging.con.execute(f"ALTER TABLE {table.name} ADD COLUMN c{number} VARCHAR")
    if new or missing:
        differences = [f"lacks {', '.join(missing)}"] * bool(missing) + [f"also has {', '.join(new)}"] * bool(new)
        evidence = f"{source.path.name} {' and '.join(differences)}; all other columns are the same"
        table.assumptions.append(Assumption("files", "one table", evidence))
    table.names += tuple(new)
    table.typed |= frozenset(new)
    table.paths.append(source.path)


def _read_into(staging: Staging, table: StagedTable, source: SourceTable, limit: int | None) -> Iterator[int]:
    """Read a source into a table; yield how many bytes have been read, and finally all of them."""
    order = [source.names.index(name) if name in source.names else None for name in table.names]
    file = len(table.paths) - 1
    with _Appender(staging, table.name) as appender, closing(source.batches()) as batches:
        for batch in batches:
            rows = _arrow_rows(batch, order, file)
            if limit is not None:
                rows = rows.slice(0, limit - appender.rows)
            appender.add(rows)
            yield source.position()
            if appender.rows == limit:
                break
    table.rows += appender.rows
    table.typed -= {*source.names} - source.typed
    table.assumptions += source.assumptions
    table.left_out.add_all(source.left_out)
    yield source.size


class _Appender:
    """Appends rows to an SQL table, many at a time.

    A commit for each insertion would take as long as the insertion. But until the commit DuckDB keeps what it inserted.
    """

    def __init__(self, staging: Staging, table: str) -> None:
        self.rows = 0
        self._staging = staging
        self._table = table
        self._waiting: list[Any] = []
        self._inserts = 0

    def __enter__(self) -> Self:
        self._staging.con.execute("BEGIN")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Append what is waiting, unless there was an error."""
        if kind is None:
            self._write()
            self._staging.con.execute("COMMIT")

    def add(self, rows: Any) -> None:
        """Append the rows of an Arrow table, at the latest when this context ends."""
        self.rows += len(rows)
        self._waiting.append(rows)
        if sum(waiting.nbytes for waiting in self._waiting) > _BYTES_PER_INSERT:
            self._write()

    def _write(self) -> None:
        import pyarrow as pa

        if self._waiting:
            rows = pa.concat_tables(self._waiting)
            cells = ", ".join(f"nullif({name}, '')" if name[0] == "c" else name for name in rows.column_names)
            self._staging.insert(self._table, rows, cells)
            self._waiting.clear()
            self._inserts += 1
            if self._inserts % _INSERTS_PER_COMMIT == 0:
                self._staging.con.execute("COMMIT")
                self._staging.con.execute("BEGIN")


def _check_rows(table: StagedTable) -> None:
    """Check that there are rows.

    Raises:
        FileError: there are none.
    """
    if table.rows:
        return
    unreadable = next((row for row in table.left_out.rows() if row[0] == "unreadable"), None)
    if unreadable is not None:
        _, count, lines, detail = unreadable
        raise FileError(f"{table.path}: none of its {count:,} rows can be read; line {lines[0]} {detail}")
    raise FileError(f"{table.path} has names of columns, but no rows; export it again, with orders")


def _arrow_rows(batch: RowBatch, order: Sequence[int | None], file: int) -> Any:
    """Return a batch as an Arrow table with the columns of the SQL table, each from one of the batch's, or empty."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = {"line": pa.array(batch.lines, pa.int64()), "file": pa.array([file] * len(batch.lines), pa.int16())}
    for number, index in enumerate(order):
        cells = (
            pa.nulls(len(batch.lines), pa.string()) if index is None else pa.array(batch.columns[index], pa.string())
        )
        columns[f"c{number}"] = pc.utf8_trim_whitespace(cells)
    return pa.table(columns)
