"""Decide how the columns of a file are written: all columns of numbers together, all columns of moments together."""

from collections.abc import Sequence

import msgspec

from agents.importing.columns.dates.decision import DateDecision, decide_dates
from agents.importing.columns.numbers.decision import NumberDecision, NumberFormat, decide_numbers
from agents.importing.findings import Findings
from agents.importing.mapping.mapping import Mapping
from agents.importing.rows.row_source import Cell
from agents.importing.staging.stage import Staging


class ColumnDecisions:
    """How numbers and moments are written, column by column.

    Args:
        staging: the tables.
        mapping: what is known already: decimal sign, time format, order of ambiguous dates.
        findings: receives assumptions and questions.
    """

    def __init__(self, staging: Staging, mapping: Mapping, findings: Findings) -> None:
        self._staging = staging
        self._mapping = mapping
        self._findings = findings
        self._numbers: dict[tuple[str, str], NumberDecision] = {}
        self._dates: dict[tuple[str, str], DateDecision] = {}

    def number(self, cell: Cell) -> NumberDecision:
        """Return the decision about a column that was among those of `decide_numbers`."""
        return self._numbers[cell.table.name, cell.name]

    def date(self, cell: Cell) -> DateDecision:
        """Return the decision about a column that was among those of `decide_dates`."""
        return self._dates[cell.table.name, cell.name]

    def look_at_numbers(self, cell: Cell, subject: str) -> NumberDecision:
        """Return what a column is as a column of numbers, without saying so to anyone."""
        shapes = self._staging.number_shapes(cell.table, cell.name)
        typed = cell.name in cell.table.typed
        return decide_numbers(shapes, subject, decimal=self._mapping.decimal or None, typed=typed)

    def look_at_dates(self, cell: Cell, subject: str) -> DateDecision:
        """Return what a column is as a column of moments, without saying so to anyone."""
        shapes = self._staging.date_shapes(cell.table, cell.name)
        return decide_dates(shapes, subject, time_format=self._mapping.time_format or None)

    def decide_numbers(self, cells: Sequence[tuple[str, Cell]]) -> None:
        """Decide columns of numbers; what one of them proves about the decimal sign decides the others.

        Args:
            cells: field and column.
        """
        decisions = {_key(cell): (subject, cell, self.look_at_numbers(cell, subject)) for subject, cell in cells}
        proved = {
            decision.format.decimal
            for _, _, decision in decisions.values()
            if decision.format is not None and decision.format.decimal and not decision.format.typed
        }
        for key, (subject, cell, first) in decisions.items():
            decision = first
            if decision.question is not None and len(proved) == 1:
                shapes = self._staging.number_shapes(cell.table, cell.name)
                typed = cell.name in cell.table.typed
                decision = decide_numbers(shapes, subject, elsewhere=next(iter(proved)), typed=typed)
            self._report(decision, subject, cell.name)
            self._numbers[key] = decision

    def decide_dates(self, cells: Sequence[tuple[str, Cell]]) -> None:
        """Decide columns of moments; see `decide_numbers`."""
        decisions = {
            _key(cell): (subject, cell, self.look_at_dates(cell, subject))
            for subject, cell in cells
            if _key(cell) not in self._dates
        }
        proved = _proved_forms([decision for _, _, decision in decisions.values()])
        for key, (subject, cell, first) in decisions.items():
            decision = first
            if proved and not _is_proved(decision):
                shapes = self._staging.date_shapes(cell.table, cell.name)
                given = self._mapping.time_format or None
                decision = decide_dates(shapes, subject, time_format=given, elsewhere=proved)
            order = self._mapping.date_order
            if decision.question is not None and order in [choice.value for choice in decision.question.choices]:
                shapes = self._staging.date_shapes(cell.table, cell.name)
                decision = decide_dates(shapes, subject, time_format=order)
                evidence = f"{self._mapping.platform or 'the mapping file'} writes dates so"
                self._findings.assume(f"{subject}.order", order, evidence, "--time-format")
            self._report(decision, subject, cell.name)
            self._dates[key] = decision

    def _report(self, decision: NumberDecision | DateDecision, subject: str, column: str) -> None:
        question = decision.question
        if question is not None:
            text = question.text.replace(f" {subject} ", f" {column} ", 1).replace(f" {subject},", f" {column},", 1)
            self._findings.ask(msgspec.structs.replace(question, text=text))  # people know columns, not fields
        else:
            for each in decision.assumptions:
                self._findings.assume(each.subject, each.value, each.evidence, each.option)


def _proved_forms(decisions: Sequence[DateDecision]) -> dict[str, str]:
    """Return which form the columns prove for a group of dates, if they agree."""
    found: dict[str, set[str]] = {}
    for decision in decisions:
        for group, form in decision.proved.items():
            found.setdefault(group, set()).add(form)
    return {group: forms.pop() for group, forms in found.items() if len(forms) == 1}


def _is_proved(decision: DateDecision) -> bool:
    """Return whether a column needs no proof from others: it has its own, or nothing in it is doubtful."""
    return decision.format is not None and all(group in decision.proved for group, _ in decision.format.forms)


def number_format(decision: NumberDecision) -> NumberFormat | None:
    """Return the format of a column; one with percent signs is a column of shares."""
    if decision.format is None or decision.percent is None:
        return decision.format
    return msgspec.structs.replace(decision.format, rate=True)


def _key(cell: Cell) -> tuple[str, str]:
    return cell.table.name, cell.name
