# ruff: noqa: S608 - the names in the statements are those of our own tables and columns
"""Search columns for fields: by their names, and by what is in them; ask where that does not decide."""

import re
from collections.abc import Callable, Sequence
from typing import Final

from agents.importing.columns.dates.decision import DateDecision
from agents.importing.columns.numbers.decision import NumberDecision
from agents.importing.fields.column_contents import ColumnContents
from agents.importing.fields.likely_columns import is_of_orders, is_somebody, is_what_was_paid
from agents.importing.findings import Choice, Findings, Question
from agents.importing.mapping.expression import Column, Expression, columns_of
from agents.importing.mapping.mapping import Mapping
from agents.importing.mapping.name_recognition import ColumnNames
from agents.importing.rows.row_source import RowSource

_MAX_CHOICES: Final = 8
_LIKELY: Final[dict[str, Callable[[str], bool]]] = {
    "customer_id": is_somebody,
    "amount": is_what_was_paid,
    "occurred_at": is_of_orders,
}


class FieldSearch:
    """The columns of a file, and which of them are which fields so far.

    Args:
        source: the rows.
        mapping: what the user has named.
        findings: receives what is assumed and what must be asked.

    Attributes:
        fields: those found, and those of the mapping.
        taken: columns that are fields already.
        names: of the columns, as they are compared.
        cells: what is in them.
    """

    def __init__(self, source: RowSource, mapping: Mapping, findings: Findings) -> None:
        self.source = source
        self.mapping = mapping
        self.findings = findings
        self.names = ColumnNames(source.names)
        self.cells = ColumnContents(source, mapping)
        self.fields: dict[str, Expression] = dict(mapping.fields)
        self.taken = {name for expression in self.fields.values() for name in columns_of(expression)}

    def filled(self, field: str) -> list[str]:
        """Return the columns that can be a field's by their names, without empty ones."""
        return [name for name in self.names.candidates(field) if self.source.filled(name)]

    def first_number(self, field: str) -> Column | None:
        """Return the first column of numbers that can be a field's by its name."""
        name = next((name for name in self.filled(field) if self.cells.is_number(name)), None)
        return Column(name) if name else None

    def take_first(self, field: str, fits: Callable[[str], bool] | None = None) -> None:
        """Give a field without a column the first one that can be its by name and, if `fits` is given, by contents."""
        if field in self.fields or field in self.mapping.constants:
            return
        for name in self.filled(field):
            if name not in self.taken and (fits is None or fits(name)):
                self.set(field, Column(name))
                return

    def set(self, field: str, expression: Expression) -> None:
        """Say which columns are a field; ask if another column has the same name and other contents."""
        self.fields[field] = expression
        self.taken.update(columns_of(expression))
        for name in columns_of(expression):
            if others := self._others_of_the_name(name):
                text = f"Several columns are called {name}, and their contents differ. Which one is {field}?"
                self.ask_for_column(field, text, (name, *others))

    def words(self, name: str, most: int) -> list[str]:
        """Return the different texts of a column; none if there are more than so many."""
        texts = self.examples(name, most + 1)
        return texts if len(texts) <= most else []

    def examples(self, name: str, count: int) -> list[str]:
        """Return the first different texts of a column."""
        cell = self.source.cell(name)
        return [text for text, _ in self.source.staging.examples(cell.table, cell.name, count)]

    def plausible(self, fits: Callable[[str], bool], is_likely: Callable[[str], bool] = bool) -> list[str]:
        """Return columns whose contents fit a field that no name decides, the likely ones first."""
        names = [name for name in self.source.names if name not in self.taken and self.source.filled(name)]
        likely = sorted(names, key=lambda name: not is_likely(name))
        return [name for name in likely if fits(name)][:_MAX_CHOICES]

    def ask_for_column(self, field: str, text: str, names: Sequence[str], more: Sequence[str] = ()) -> None:
        """Ask which column is a field; the option names a column only if its name makes it likely.

        Args:
            field: whose column is sought.
            text: the question.
            names: possible columns.
            more: other options that answer it.
        """
        listed = ", ".join(self.source.names[:30])
        is_likely = _LIKELY.get(field, bool)
        first = next(filter(is_likely, names), "…")
        option = "; ".join((f'--field {field}="{first}"', *more))
        self.findings.ask(
            Question(
                field,
                f"{text} The file has {listed}.",
                f"fields.{field}",
                tuple(Choice(name, self._shown(name)) for name in names),
                option,
            )
        )

    def unread(self, field: str, decide: Callable[[str], NumberDecision | DateDecision], what: str) -> str:
        """Return what is wrong with the first column that is called like a field and cannot be read; empty: nothing."""
        for name in self.filled(field):
            if found := decide(name).unreadable:
                first = f"{found[0].text[:40]!r} in line {found[0].first_line}"
                return f"Most cells of {name} are no {what}, such as {first}. "
        return ""

    def _shown(self, name: str) -> str:
        return "such as " + ", ".join(text[:40] for text in self.examples(name, 3))

    def _others_of_the_name(self, name: str) -> list[str]:
        """Return the other columns with the same name in the file, if one of them has other contents."""
        others = [other for other in self.source.names if re.fullmatch(rf"{re.escape(name)} \(\d+\)", other)]
        cell = self.source.cell(name)
        same = [self.source.cell(other).sql for other in others]
        if not same:
            return []
        differs = " OR ".join(f"{cell.sql} <> {other}" for other in same)
        row = self.source.staging.con.execute(f"SELECT count(*) FROM {self.source.from_sql} WHERE {differs}").fetchone()
        if row is not None and row[0]:
            return others
        evidence = f"{len(same) + 1} columns are called so, with the same contents"
        self.findings.assume("columns.equal", name, evidence)
        return []
