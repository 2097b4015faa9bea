# ruff: noqa: S608 - the names in the statements are those of our own tables and columns
"""The rows of one form of file in SQL: a staged table, alone or joined with others that belong to it."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from agents.importing.findings import ImportRefused
from agents.importing.mapping.mapping import Join
from agents.importing.mapping.name_recognition import ColumnNames
from agents.importing.staging.stage import StagedTable, Staging

LINES_PER_FILE: Final = 1 << 40
"""More lines than a file has: `position` numbers the rows of all files of a table."""


class Cell(NamedTuple):
    """A column of one of the tables.

    Attributes:
        table: whose column it is.
        name: of the column.
        sql: the cell in a statement that reads from `RowSource.from_sql`.
    """

    table: StagedTable
    name: str
    sql: str


class RowSource:
    """Rows of a main table, and what belongs to each of them in other tables.

    Args:
        staging: the tables.
        main: the table whose lines are reported.
        joined: other tables and how they are joined.

    Attributes:
        names: names of all columns, those of the main table first.
        from_sql: FROM clause without the word; the main table is `b`.
        position_sql: number of a row in all files of the main table.
    """

    def __init__(self, staging: Staging, main: StagedTable, joined: Sequence[tuple[StagedTable, Join]] = ()) -> None:
        self.staging = staging
        self.main = main
        self.joined = tuple(joined)
        self._aliases = {"b": main} | {f"j{number}": table for number, (table, _) in enumerate(joined, 1)}
        self._columns = {alias: ColumnNames(table.names) for alias, table in self._aliases.items()}
        self._views: dict[str, StagedTable] = {}
        self.names = tuple(dict.fromkeys(name for table in self._aliases.values() for name in table.names))
        self.position_sql = f"b.file::BIGINT * {LINES_PER_FILE} + b.line"
        self.from_sql = " ".join(
            (f"{main.name} AS b", *(self._join(f"j{number}", join) for number, (_, join) in enumerate(joined, 1)))
        )

    def find(self, name: str, *, exact: bool = False) -> Cell | None:
        """Return the column with a name; if there is none, one whose name differs in case and punctuation only."""
        for alias, table in self._aliases.items():
            if name in table.names:
                return Cell(table, name, f"{alias}.{self.staging.column(table, name)}")
        if exact:
            return None
        for alias, table in self._aliases.items():
            if found := self._columns[alias].same(name):
                return Cell(table, found, f"{alias}.{self.staging.column(table, found)}")
        return None

    def cell(self, name: str) -> Cell:
        """Return the column with a name that is known to exist."""
        found = self.find(name)
        assert found is not None, name
        return found

    def main_position(self, line: int) -> int:
        """Return the position of a line of the first file of the main table."""
        row = self.staging.con.execute(f"SELECT min(file) FROM {self.main.name}").fetchone()
        assert row is not None
        return int(row[0] or 0) * LINES_PER_FILE + line

    def filled(self, name: str) -> int:
        """Return how many cells of a column are not empty."""
        cell = self.cell(name)
        return self.staging.filled(cell.table, cell.name)

    def joined_cells(self, names: Sequence[str], separator: str = " ") -> Cell:
        """Return the cells of several columns of one table as one text; empty if the first one is empty.

        With a separator other than a space, the other cells keep their places if they are empty.
        """
        cells = [self.cell(name) for name in names]
        aliases = {cell.sql.partition(".")[0] for cell in cells}
        if len(aliases) > 1:
            raise ImportRefused(f"the columns {' and '.join(names)} are in different files; join columns of one file")
        alias = aliases.pop()
        title = separator.join(cell.name for cell in cells)
        texts = ", ".join(cell.sql if separator == " " else f"coalesce({cell.sql}, '')" for cell in cells)
        sql = f"CASE WHEN {cells[0].sql} IS NOT NULL THEN concat_ws('{separator}', {texts}) END"
        return Cell(self._view(alias, title, sql), title, sql)

    def _view(self, alias: str, title: str, sql: str) -> StagedTable:
        """Return a table with one column, which is computed from the cells of a row."""
        key = f"{alias}:{sql}"
        if key not in self._views:
            table = self._aliases[alias]
            name = f"{table.name}_view{len(self._views)}"
            self.staging.con.execute(
                f"CREATE OR REPLACE VIEW {name} AS SELECT line, file, {sql} AS c0 FROM {table.name} AS {alias}"
            )
            self._views[key] = msgspec.structs.replace(table, name=name, names=(title,), typed=frozenset())
        return self._views[key]

    def condition_of(self, table: StagedTable) -> str:
        """Return the condition under which a row `j` of a joined table belongs to a row `b` of the main one."""
        alias = next(alias for alias, other in self._aliases.items() if other is table)
        return " AND ".join(f"j.{mine} = {other}" for mine, other in self._pairs(alias))

    def _pairs(self, alias: str) -> list[tuple[str, str]]:
        """Return the columns of a joined table, and the cells of the others that must be equal."""
        table = self._aliases[alias]
        join = self.joined[int(alias[1:]) - 1][1]
        pairs = []
        for name in join.on:
            mine = self._columns[alias].same(name)
            owner = next(other for other, names in self._columns.items() if other != alias and names.same(name))
            other = self._columns[owner].same(name)
            assert mine is not None
            assert other is not None
            cell = f"{owner}.{self.staging.column(self._aliases[owner], other)}"
            pairs.append((self.staging.column(table, mine), cell))
        return pairs

    def _join(self, alias: str, join: Join) -> str:
        pairs = self._pairs(alias)
        source = self._aliases[alias].name
        if not join.many:
            keys = ", ".join(mine for mine, _ in pairs)
            source = f"(SELECT DISTINCT ON ({keys}) * FROM {source} ORDER BY file, line)"
        return f"LEFT JOIN {source} AS {alias} ON " + " AND ".join(f"{alias}.{mine} = {other}" for mine, other in pairs)
