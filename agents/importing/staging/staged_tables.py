# ruff: noqa: S608 - the names in the statements are those of our own tables and columns
"""Rows of files in DuckDB tables of text, where columns are examined as a whole and orders are grouped on disk."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from agents.importing.columns.column_value import ColumnValue
from agents.importing.findings import Assumption, LeftOut
from agents.importing.staging.exploded_lists import ExplodedLists

_MEMORY: Final = "350MB"
_THREADS: Final = 2
_ROWS_PER_FETCH: Final = 50_000
_FORM: Final = "translate(text, '0123456789', '9999999999')"
_FIRST_DIGIT: Final = "regexp_extract(text, '[0-9]')"
_LAST_DIGIT: Final = "regexp_extract(text, '([0-9])[^0-9]*$', 1)"
_DATE: Final = "'([0-9]{1,4})[-/.] ?([0-9]{1,2})[-/.] ?([0-9]{1,4})'"
_DATE_NUMBERS: Final = f"regexp_extract(text, {_DATE})"
_FIRST_NUMBERS: Final = "regexp_extract(text, '(?:^|[^0-9])[0-9]{1,4}(?:[^0-9]+[0-9]{1,4})?(?:[^0-9]|$)')"
_CONFIG: Final = {
    "memory_limit": _MEMORY,
    "default_block_size": 32 * 1024,  # of 256 KiB, a thousand columns would need more memory than there is
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
        """Yield one example of each form of text.

        Two texts have the same form if they differ in digits only, and agree in whether the first digit is 0 and in
        whether the last one is: `0.125`, `1.125` and `1.500` show different things about the decimal sign.
        """
        yield from self._shapes(table, name, f"({_FORM}, {_FIRST_DIGIT} = '0', {_LAST_DIGIT} = '0')")

    def date_shapes(self, table: StagedTable, name: str) -> Iterator[ColumnValue]:
        """Yield one example of each form of text, and of each date in it, whatever the time of day.

        Where no three numbers look like a date, the first two numbers are distinguished instead, unless they have more
        than four digits, and so are no days, months or years.
        """
        numbers = f"CASE WHEN regexp_matches(text, {_DATE}) THEN {_DATE_NUMBERS} ELSE {_FIRST_NUMBERS} END"
        yield from self._shapes(table, name, f"({_FORM}, {numbers})")

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

    def explode(self, table: StagedTable, name: str) -> None:
        """Replace each row by one row for each element of a JSON list in a column, such as the items of an order.

        The fields of the elements become columns `<name>.<field>`; the cells of all other columns are repeated. A row
        without elements remains one row.

        Raises:
            FileError: the elements have too many different fields.
        """
        lists = self.con.cursor()
        cell = self.column(table, name)
        lists.execute(f"SELECT rowid, {cell} FROM {table.name} WHERE {cell} IS NOT NULL ORDER BY rowid")
        exploded = ExplodedLists(name)
        made = self._new_name("x")
        self.con.execute(f"CREATE TABLE {made} (key BIGINT)")
        columns = 0
        for keys, rows in exploded.elements(_streamed(lists)):
            for number in range(columns, len(exploded.names)):
                self.con.execute(f"ALTER TABLE {made} ADD COLUMN e{number} VARCHAR")
            columns = len(exploded.names)
            self.insert(made, _arrow_elements(keys, rows, list(exploded.names)))
        lists.close()
        self._join_elements(table, made, exploded)

    def _join_elements(self, table: StagedTable, made: str, exploded: ExplodedLists) -> None:
        """Replace a table by its join with the elements of its lists."""
        selected = ["line", "file", *(f"c{number}" for number in range(len(table.names)))]
        names = list(table.names)
        for number, name in enumerate(exploded.names):
            element = f"nullif(trim(e{number}), '')"
            if name in table.names:  # an object in some rows, a list in others
                old = self.column(table, name)
                selected[2 + table.names.index(name)] = f"coalesce({old}, {element}) AS {old}"
            else:
                selected.append(f"{element} AS c{len(names)}")
                names.append(name)
        joined = self._new_name("x")
        self.con.execute(
            f"CREATE TABLE {joined} AS SELECT {', '.join(selected)} "
            f"FROM {table.name} LEFT JOIN {made} ON {table.name}.rowid = key"
        )
        self.con.execute(f"DROP TABLE {made}")
        self.con.execute(f"DROP TABLE {table.name}")
        self.con.execute(f"ALTER TABLE {joined} RENAME TO {table.name}")
        table.names = tuple(names)
        table.rows = self._count(f"SELECT count(*) FROM {table.name}")
        table.typed |= exploded.typed

    def insert(self, table: str, rows: Any, cells: str = "*") -> None:
        """Append the rows of an Arrow table to an SQL table with the same columns, or expressions over them."""
        self.con.register("arrived", rows)
        self.con.execute(f"INSERT INTO {table} SELECT {cells} FROM arrived")
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
        yield from map(ColumnValue._make, _streamed(found))
        reader.close()

    def _count(self, sql: str) -> int:
        ((count,),) = self.con.execute(sql).fetchall()
        return int(count)


def _streamed(found: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a result, of which few are in memory."""
    while rows := found.fetchmany(_ROWS_PER_FETCH):
        yield from rows


def _arrow_elements(keys: list[int], rows: list[dict[str, str]], names: list[str]) -> Any:
    import pyarrow as pa

    columns = {"key": pa.array(keys, pa.int64())}
    for number, name in enumerate(names):
        columns[f"e{number}"] = pa.array([row.get(name) for row in rows], pa.string())
    return pa.table(columns)
