# ruff: noqa: S608 - the names in the statements are those of our own tables and columns
"""Rows of files in DuckDB tables of text, where columns are examined as a whole and orders are grouped on disk."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from agents.importing.columns.column_value import ColumnValue
from agents.importing.findings import Assumption, LeftOut
from agents.importing.reading.source_table import RowBatch, SourceTable

_MEMORY: Final = "350MB"
_THREADS: Final = 2
_ROWS_PER_FETCH: Final = 50_000
_FORM: Final = "translate(text, '0123456789', '9999999999')"
_CONFIG: Final = {
    "memory_limit": _MEMORY,
    "threads": _THREADS,
    "preserve_insertion_order": False,  # which would hold rows in memory; they have their lines
    "autoinstall_known_extensions": False,  # nothing is fetched
    "autoload_known_extensions": False,
}


class StagedTable(msgspec.Struct):
    """A table of rows: a file, or several files with the same columns.

    Its SQL table has the columns `line`, `file` (index of the path) and `c0`, `c1`, … in the order of the names.
    """

    name: str
    paths: list[Path]
    names: tuple[str, ...]
    file_format: str
    rows: int
    typed: frozenset[str]
    assumptions: list[Assumption]
    left_out: LeftOut

    @property
    def path(self) -> Path:
        """The first file."""
        return self.paths[0]


class Staging:
    """The rows of all files; a context manager, which removes its database.

    Cells are text without surrounding spaces; blank ones are NULL.

    Attributes:
        con: connection to the database, which is in a temporary directory and uses little memory.
        tables: one for each file, except that files with the same columns share one.
    """

    def __init__(self) -> None:
        import duckdb

        self._resources = ExitStack()
        folder = self._resources.enter_context(tempfile.TemporaryDirectory(prefix="goldstream-import-"))
        config: dict[str, Any] = {**_CONFIG, "temp_directory": str(Path(folder, "spill"))}
        self.con = duckdb.connect(str(Path(folder, "rows.duckdb")), config=config)
        self._resources.callback(self.con.close)
        self.con.execute("SET enable_progress_bar = false")  # which DuckDB writes to standard output
        self.tables: list[StagedTable] = []
        self._made = 0

    def __enter__(self) -> Self:
        """Return self."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close and remove the database."""
        self.close()

    def close(self) -> None:
        """Close and remove the database."""
        self._resources.close()

    def column(self, table: StagedTable, name: str) -> str:
        """Return the SQL name of a column."""
        return f"c{table.names.index(name)}"

    def filled(self, table: StagedTable, name: str) -> int:
        """Return how many cells of a column are not empty."""
        return self._count(f"SELECT count({self.column(table, name)}) FROM {table.name}")

    def distinct(self, table: StagedTable, name: str) -> int:
        """Return how many different texts a column has."""
        return self._count(f"SELECT count(DISTINCT {self.column(table, name)}) FROM {table.name}")

    def examples(self, table: StagedTable, name: str, n: int = 3) -> list[tuple[str, int]]:
        """Return the first `n` different texts of a column, with their lines."""
        cell = self.column(table, name)
        return self.con.execute(
            f"SELECT {cell}, min(line) FROM {table.name} WHERE {cell} IS NOT NULL GROUP BY 1 ORDER BY 2, 1 LIMIT ?", [n]
        ).fetchall()

    def number_shapes(self, table: StagedTable, name: str) -> Iterator[ColumnValue]:
        """Yield one example of each form of text; two texts have the same form if they differ in digits only."""
        yield from self._shapes(table, name, _FORM)

    def date_shapes(self, table: StagedTable, name: str) -> Iterator[ColumnValue]:
        """Yield one example of each form of text, and of each pair of first numbers in it.

        Numbers of more than four digits, which are not days, months or years, are not distinguished.
        """
        first = r"regexp_extract(text, '(?:^|[^0-9])([0-9]{1,4})(?:[^0-9]+([0-9]{1,4}))?(?:[^0-9]|$)', ['a', 'b'])"
        yield from self._shapes(table, name, f"({_FORM}, {first})")

    def values(self, table: StagedTable, name: str) -> Iterator[ColumnValue]:
        """Yield every different text of a column, in no order."""
        yield from self._column_values(self._distinct_sql(table, name))

    def map_values(
        self, table: StagedTable, name: str, target_type: str, function: Callable[[str], object | None]
    ) -> str:
        """Create a table (`text VARCHAR`, `value`) of what a function returns for every text of a column.

        Args:
            table: whose column it is.
            name: of the column.
            target_type: SQL type of `value`, such as `BIGINT` or `DECIMAL(38, 9)`.
            function: called once for each text; returns None for one that it cannot read.

        Returns:
            The name of the new table.
        """
        import pyarrow as pa

        made = self._new_name("v")
        self.con.execute(f"CREATE TABLE {made} (text VARCHAR, value {target_type})")
        arrow_type = self.con.sql(f"SELECT value FROM {made}").to_arrow_table().schema.field(0).type
        cell = self.column(table, name)
        reader = self.con.cursor()
        found = reader.sql(f"SELECT DISTINCT {cell} AS text FROM {table.name} WHERE {cell} IS NOT NULL")
        for batch in found.to_arrow_reader(_ROWS_PER_FETCH):
            texts = batch.column(0).to_pylist()
            values = pa.array([function(text) for text in texts], arrow_type)
            self.insert(made, pa.table({"text": batch.column(0), "value": values}))
        reader.close()
        return made

    def insert(self, table: str, rows: Any) -> None:
        """Append the rows of an Arrow table to an SQL table with the same columns."""
        self.con.register("arrived", rows)
        self.con.execute(f"INSERT INTO {table} SELECT * FROM arrived")
        self.con.unregister("arrived")

    def _new_name(self, prefix: str) -> str:
        self._made += 1
        return f"{prefix}{self._made}"

    def _distinct_sql(self, table: StagedTable, name: str) -> str:
        cell = self.column(table, name)
        return (
            f"SELECT {cell} AS text, count(*) AS count, min(line) AS line FROM {table.name} "
            f"WHERE {cell} IS NOT NULL GROUP BY {cell}"
        )

    def _shapes(self, table: StagedTable, name: str, shape: str) -> Iterator[ColumnValue]:
        sql = (
            f"SELECT arg_min(text, line), sum(count)::BIGINT, min(line) FROM ({self._distinct_sql(table, name)}) "
            f"GROUP BY {shape} ORDER BY 3"
        )
        yield from self._column_values(sql)

    def _column_values(self, sql: str) -> Iterator[ColumnValue]:
        reader = self.con.cursor()
        found = reader.execute(sql)
        while rows := found.fetchmany(_ROWS_PER_FETCH):
            yield from map(ColumnValue._make, rows)
        reader.close()

    def _count(self, sql: str) -> int:
        row = self.con.execute(sql).fetchone()
        assert row is not None
        return int(row[0])


def stage(sources: Sequence[SourceTable], show: Callable[[int], None], limit: int | None = None) -> Staging:
    """Read all rows of the sources into tables.

    Args:
        sources: the files.
        show: called with the number of bytes that have been read so far, of all files.
        limit: how many rows of each file to read; None: all.

    Raises:
        FileError: a file cannot be read; nothing remains staged.
    """
    staging = Staging()
    try:
        done = 0
        for source in sources:
            for position in _read_into(staging, _table_for(staging, source), source, limit):
                show(done + position)
            done += source.size
    except BaseException:
        staging.close()
        raise
    return staging


def _table_for(staging: Staging, source: SourceTable) -> StagedTable:
    """Return the table with the source's columns; create it if there is none."""
    for table in staging.tables:
        if set(table.names) == set(source.names):
            table.paths.append(source.path)
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


def _read_into(staging: Staging, table: StagedTable, source: SourceTable, limit: int | None) -> Iterator[int]:
    """Read a source into a table; yield how many bytes have been read, and finally all of them."""
    order = [source.names.index(name) for name in table.names]
    file = len(table.paths) - 1
    left = limit
    for batch in source.batches():
        rows = _arrow_rows(batch, order, file)
        if left is not None:
            rows = rows.slice(0, left)
            left -= len(rows)
        staging.insert(table.name, rows)
        table.rows += len(rows)
        yield source.position()
        if left == 0:
            break
    table.typed &= source.typed
    table.assumptions += source.assumptions
    for reason, count, lines, detail in source.left_out.rows():
        for line in lines:
            table.left_out.add(reason, line, detail)
        if count > len(lines):
            table.left_out.add(reason, lines[-1], count=count - len(lines))
    yield source.size


def _arrow_rows(batch: RowBatch, order: Sequence[int], file: int) -> Any:
    """Return a batch as an Arrow table with the columns of the SQL table."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = {"line": pa.array(batch.lines, pa.int64()), "file": pa.array([file] * len(batch.lines), pa.int16())}
    for number, index in enumerate(order):
        text = pc.utf8_trim_whitespace(pa.array(batch.columns[index], pa.string()))
        columns[f"c{number}"] = pc.if_else(pc.equal(text, ""), None, text)
    return pa.table(columns)
