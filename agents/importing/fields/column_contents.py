"""What the cells of a column can be, whatever it is called: numbers, money, moments, zones, somebody."""

import re
from typing import Final

from agents.importing.columns.dates.decision import DateDecision, is_time_of_day
from agents.importing.columns.numbers.decision import NumberDecision
from agents.importing.columns.zones import read_zone
from agents.importing.findings import Findings
from agents.importing.mapping.mapping import Mapping
from agents.importing.rows.column_decisions import ColumnDecisions
from agents.importing.rows.row_meaning import read_paid
from agents.importing.rows.row_source import RowSource
from agents.importing.staging.stage import StagedTable

_EMAIL: Final = re.compile(r"[^\s@,;]+@[^\s@,;]+\.[^\s@,;]+")
_EXAMPLES: Final = 20
_MAX_WORDS: Final = 200


class ColumnContents:
    """Looks at the cells of columns; nothing is reported.

    Args:
        source: the rows.
        mapping: what is known about numbers and dates.

    Attributes:
        decisions: how they are written.
    """

    def __init__(self, source: RowSource, mapping: Mapping) -> None:
        self._source = source
        self.decisions = ColumnDecisions(source.staging, mapping, Findings())

    def is_number(self, name: str) -> bool:
        """Whether at least half of the filled cells of a column are numbers."""
        decision = self.numbers(name)
        return self._mostly(name, decision.unreadable_cells + decision.missing_cells)

    def numbers(self, name: str) -> NumberDecision:
        """Return how the numbers of a column are written."""
        return self.decisions.look_at_numbers(self._source.cell(name), name)

    def dates(self, name: str) -> DateDecision:
        """Return how the dates of a column are written."""
        return self.decisions.look_at_dates(self._source.cell(name), name)

    def is_emails(self, name: str) -> bool:
        """Whether a column has nothing but e-mail addresses."""
        texts = [text for text, _ in self._source.staging.examples(*self._place(name), _EXAMPLES)]
        return bool(texts) and all(_EMAIL.fullmatch(text.strip()) for text in texts)

    def looks_like_money(self, name: str) -> bool:
        """Whether a column has numbers, some of them with a fraction or groups of digits."""
        examples = self._source.staging.examples(*self._place(name), _EXAMPLES)
        return self.is_number(name) and any("." in text or "," in text for text, _ in examples)

    def is_date(self, name: str) -> bool:
        """Whether at least half of the filled cells of a column are dates."""
        decision = self.dates(name)
        return self._mostly(name, decision.unreadable_cells + decision.missing_cells)

    def has_time(self, name: str) -> bool:
        """Whether the dates of a column have times of day."""
        return self.dates(name).has_time

    def _mostly(self, name: str, others: int) -> bool:
        return others * 2 <= self._source.filled(name)

    def is_times(self, name: str) -> bool:
        """Whether a column has nothing but times of day."""
        if name not in self._source.names:
            return False
        examples = self._source.staging.examples(*self._place(name), _EXAMPLES)
        return bool(examples) and all(is_time_of_day(text) for text, _ in examples)

    def is_zone(self, name: str) -> bool:
        """Whether a column has nothing but time zones."""
        examples = self._source.staging.examples(*self._place(name), _EXAMPLES)
        return all(read_zone(text) is not None for text, _ in examples)

    def is_identity(self, name: str) -> bool:
        """Whether a column can say who somebody is: texts or whole numbers, several of them, and not dates."""
        if self._source.staging.distinct(*self._place(name)) < 2 or self.looks_like_money(name):
            return False
        return not self.is_date(name)

    def says_whether_paid(self, name: str) -> bool:
        """Whether a column has nothing but yes and no, or words of statuses."""
        words = [text for text, _ in self._source.staging.examples(*self._place(name), _MAX_WORDS)]
        return all(read_paid(word) for word in words)

    def _place(self, name: str) -> tuple[StagedTable, str]:
        cell = self._source.cell(name)
        return cell.table, cell.name
