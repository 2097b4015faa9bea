# ruff: noqa: S608 - the names in the statements are those of our own tables and columns
"""SQL for the values of fields: texts, ids, money, flags and words of the cells of a row source.

A cell that cannot be read is NULL; one that is not empty and cannot be read is also an error of its row.
"""

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

from agents.importing.columns.column_value import CellError, MissingCell
from agents.importing.columns.flags import read_flag
from agents.importing.mapping.expression import (
    Arithmetic,
    Column,
    Expression,
    FirstFilled,
    Joined,
    alternatives_of,
    columns_of,
)
from agents.importing.mapping.known_names import known_names
from agents.importing.rows.cell_readers import amounts_reader, number_reader, part_reader, sum_reader
from agents.importing.rows.column_decisions import ColumnDecisions, number_format
from agents.importing.rows.row_source import Cell, RowSource

MONEY: Final = "DECIMAL(38, 12)"
_FACTOR: Final = "DECIMAL(19, 8)"
_UNREADABLE_MONEY: Final = Decimal(-(10**24))
UNREADABLE_MOMENT: Final = -(1 << 62)
"""In place of the milliseconds of a text that is no moment."""
_UNREADABLE_WORD: Final = ""
_SHOWN: Final = 60


def quoted(text: str) -> str:
    """Return a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def guest_sql(text: str, guests: Sequence[str]) -> str:
    """Return whether a text in place of a customer's id stands for nobody: `guest`, `no-email@shop.example`.

    If `0` does, so does any number of zeros.
    """
    mailboxes = "|".join("[-_.+ ]*".join(mailbox) for mailbox in known_names().guest_mailboxes)
    pattern = quoted(f"^(?i:{mailboxes})@")  # which fails at the first letter of nearly all others
    zeros = f" OR (starts_with({text}, '0') AND regexp_full_match({text}, '[0.-]+'))" if "0" in guests else ""
    return f"(lower({text}) IN ({', '.join(map(quoted, guests))}){zeros} OR regexp_matches({text}, {pattern}))"


class CellSql:
    """Builds SQL for cells, and collects the joins and the errors that it needs.

    Args:
        source: the rows.
        decisions: how their columns are written.

    Attributes:
        joins: to append to the FROM clause of the source.
        errors: SQL expressions, each the error of a row or NULL.
    """

    def __init__(self, source: RowSource, decisions: ColumnDecisions) -> None:
        self.source = source
        self._decisions = decisions
        self._values: dict[tuple[str, str, str], str] = {}
        self.joins: list[str] = []
        self.errors: list[str] = []

    def text(self, expression: Expression) -> str:
        """Return the text of an expression."""
        match expression:
            case Column():
                return self._cell_text(expression)
            case Joined(names):
                return self.source.joined_cells(names).sql
            case FirstFilled(parts):
                return f"coalesce({', '.join(map(self.text, parts))})"
            case Arithmetic():
                raise AssertionError("no text is computed")

    def identifiers(self, expression: Expression, guests: Sequence[str] = ()) -> list[str]:
        """Return the ids that an expression offers, the first filled one of which is meant.

        Whole numbers that a program wrote as floats are whole again, and addresses are in lower case.

        Args:
            expression: of the field.
            guests: texts in lower case that stand for nobody.
        """
        found = []
        for part in alternatives_of(expression):
            text = self.text(part)
            if isinstance(part, Column) and not part.extract and self._is_float_column(part.name, guests):
                text = f"regexp_replace({text}, '\\.0+$', '')"
            text = f"CASE WHEN contains({text}, '@') THEN lower({text}) ELSE {text} END"
            if guests:
                text = f"CASE WHEN NOT {guest_sql(text, guests)} THEN {text} END"
            found.append(text)
        return found

    def money(self, field: str, expression: Expression) -> str:
        """Return a number as `MONEY`, exact to twelve digits after the point."""
        match expression:
            case Column():
                return self._number(field, expression)
            case FirstFilled(parts):
                return f"coalesce({', '.join(self.money(field, part) for part in parts)})"
            case Arithmetic("multiply", parts):
                factors = (f"TRY_CAST({self.money(field, part)} AS {_FACTOR})" for part in parts)
                return f"({' * '.join(factors)})::{MONEY}"
            case Arithmetic("add", parts):
                values = [self.money(field, part) for part in parts]
                total = " + ".join(f"coalesce({value}, 0)" for value in values)
                return f"CASE WHEN coalesce({', '.join(values)}) IS NOT NULL THEN {total} END"
            case Arithmetic(_, (first, *rest)):
                taken = "".join(f" - coalesce({self.money(field, part)}, 0)" for part in rest)
                return f"({self.money(field, first)}{taken})"
            case _:
                raise AssertionError("texts are not joined to numbers")

    def refund_amounts(self, expression: Expression) -> str:
        """Return the amounts in a list of refunds as one text; NULL where the sum comes from another column."""
        found = []
        for part in alternatives_of(expression):
            if isinstance(part, Column) and part.each:
                read = amounts_reader(part.each)
                found.append(self.mapped(self.source.cell(part.name), "VARCHAR", read, f"amounts:{part.each}"))
            else:
                names = " AND ".join(f"{self.source.cell(name).sql} IS NULL" for name in columns_of(part))
                found.append(f"CASE WHEN NOT ({names}) THEN '' END")
        return f"nullif(coalesce({', '.join(found)}), '')"

    def flag(
        self, expression: Expression, read: Callable[[str], bool | None] = read_flag, purpose: str = "flag"
    ) -> str:
        """Return yes or no; NULL for anything else."""
        parts = [self._word(part, "BOOLEAN", read, purpose) for part in alternatives_of(expression)]
        return f"coalesce({', '.join(parts)})"

    def word(self, expression: Expression, function: Callable[[str], str | None], purpose: str) -> str:
        """Return what a function says about the text of an expression; an empty text if it returns None."""
        return self._word(expression, "VARCHAR", lambda text: function(text) or _UNREADABLE_WORD, purpose)

    def matches(self, cell: Cell, pattern: str) -> str:
        """Return whether a regular expression is found in a cell; NULL for an empty one."""
        search = re.compile(pattern).search
        return self.mapped(cell, "BOOLEAN", lambda text: search(text) is not None, f"matches:{pattern}")

    def cell_word(self, name: str, function: Callable[[str], str | None], purpose: str) -> str:
        """Return what a function says about the cells of a column; an empty text if it returns None."""
        return self.word(Column(name), function, purpose)

    def currency(self, field: str, expression: Expression, read: Callable[[str], str | None]) -> str:
        """Return the ISO code of a currency; a text that is none is an error."""
        found = []
        for part in alternatives_of(expression):
            text = self.text(part)
            code = self.word(part, read, "currency")
            self.add_error(f"{code} = ''", field, "must be a currency", text)
            found.append(f"nullif({code}, '')")
        return f"coalesce({', '.join(found)})"

    def _cell_text(self, column: Column) -> str:
        cell = self.source.cell(column.name)
        if not column.extract:
            return cell.sql
        return self.mapped(cell, "VARCHAR", part_reader(column.extract), f"part:{column.extract}")

    def _is_float_column(self, column: str, guests: Sequence[str]) -> bool:
        """Whether all filled cells, guests excepted, are whole numbers, some of them with a point and zeros."""
        cell = self.source.cell(column)
        others = f" AND lower({{0}}) NOT IN ({', '.join(map(quoted, guests))})" if guests else ""
        name = self.source.staging.column(cell.table, cell.name)
        row = self.source.staging.con.execute(
            f"SELECT count(*) FILTER (WHERE NOT regexp_full_match({name}, '[0-9]+(\\.0+)?')), "
            f"count(*) FILTER (WHERE contains({name}, '.')) FROM {cell.table.name} WHERE {name} IS NOT NULL"
            f"{others.format(name)}"
        ).fetchone()
        assert row is not None
        return bool(row[0] == 0 and row[1] > 0)

    def _number(self, field: str, column: Column) -> str:
        cell = self.source.cell(column.name)
        if column.each:
            read = sum_reader(column.each)
        else:
            decision = self._decisions.number(cell)
            decided = number_format(decision) if field == "discount" else decision.format  # nothing else is a share
            if decided is None:
                return f"NULL::{MONEY}"
            read = number_reader(decided, column.divide)
        value = self.mapped(cell, MONEY, read, f"number:{column.each}:{column.divide}")
        self.add_error(f"{value} = {_UNREADABLE_MONEY}", field, "must be a number", cell.sql)
        return f"CASE WHEN {value} <> {_UNREADABLE_MONEY} THEN {value} END"

    def _word(self, expression: Expression, sql_type: str, function: Callable[[str], Any], purpose: str) -> str:
        match expression:
            case FirstFilled(parts):
                return f"coalesce({', '.join(self._word(part, sql_type, function, purpose) for part in parts)})"
            case Column(name, extract=pattern) if pattern:
                extract = part_reader(pattern)

                def read(text: str) -> Any:
                    part = extract(text)
                    return None if part is None else function(part)

                return self.mapped(self.source.cell(name), sql_type, read, f"{purpose}:{pattern}")
            case _:
                (name, *more) = names_of(expression)
                cell = self.source.cell(name) if not more else self.source.joined_cells((name, *more))
                return self.mapped(cell, sql_type, function, purpose)

    def mapped(self, cell: Cell, sql_type: str, function: Callable[[str], Any], purpose: str) -> str:
        """Return the SQL of what a function makes of each text of a column; NULL for a text that means nothing."""
        unreadable = {MONEY: _UNREADABLE_MONEY, "BIGINT": UNREADABLE_MOMENT}.get(sql_type)

        def read(text: str) -> Any:
            try:
                return function(text)
            except MissingCell:
                return None
            except CellError:
                return unreadable

        key = (cell.table.name, cell.name, purpose)
        if key not in self._values:
            table = self.source.staging.map_values(cell.table, cell.name, sql_type, read)
            alias = f"m{len(self._values)}"
            self.joins.append(f"LEFT JOIN {table} AS {alias} ON {alias}.text = {cell.sql}")
            self._values[key] = f"{alias}.value"
        return self._values[key]

    def add_error(self, condition: str, field: str, expected: str, text: str) -> None:
        """Add an error for the rows where a condition holds; the condition and the text that was got are SQL."""
        message = f"{quoted(f'{field} {expected}: got ')} || '\"' || left({text}, {_SHOWN}) || '\"'"
        self.errors.append(f"CASE WHEN {condition} THEN {message} END")


def names_of(part: Expression) -> tuple[str, ...]:
    """Return the columns that a moment or a word is read from, joined if they are several."""
    match part:
        case Column(name):
            return (name,)
        case Joined(names):
            return names
        case _:
            raise AssertionError("moments and words are not computed")
