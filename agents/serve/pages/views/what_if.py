"""What the page What-if shows of a comparison: who would move from where to where, and what would be sent."""

from typing import NamedTuple

from agents.analysis.backtest.report import BacktestReport, TopMover
from agents.serve.pages.page_view import PageView
from agents.serve.pages.views.segments import segment_href

_LEVELS = 5
"""Shades of the matrix, besides none."""


class MatrixCell(NamedTuple):
    """Customers in a pair of segments: `level` shades the cell, 0 for none; `stays` on the diagonal."""

    customers: int
    reachable: int
    level: int
    stays: bool


class MatrixRow(NamedTuple):
    """A segment by the active policy, and where its customers would be; `href` of its customers."""

    segment: str
    customers: int
    reachable: int
    cells: list[MatrixCell]
    href: str | None


class CountRow(NamedTuple):
    """A figure by both policies, and its difference with a sign; of customers also how many can be reached.

    `now_href` is the address of the customers who are counted now: those of `then` have no list.
    """

    name: str
    now: int
    then: int
    change: str
    now_reachable: int | None = None
    then_reachable: int | None = None
    now_href: str | None = None


class WhatIfView:
    """A comparison in a reader's language: `now` is the active policy, `then` the edited one."""

    def __init__(self, report: BacktestReport, view: PageView) -> None:
        self._view = view
        self.report = report
        self._is_in_force = view.policy is not None and view.policy.ref == report.a.policy
        self.columns = list(report.b.segments)
        self.matrix = self._matrix()
        self.segments = [
            self._count(name, report.a.segments.get(name, 0), report.b.segments.get(name, 0))._replace(
                now_reachable=report.a.reachable.get(name, 0),
                then_reachable=report.b.reachable.get(name, 0),
                now_href=self._href(name),
            )
            for name in dict.fromkeys((*report.a.segments, *report.b.segments))
        ]
        self.messages = [
            self._count(name, report.a.sent.get(name, 0), report.b.sent.get(name, 0))
            for name in sorted({*report.a.sent, *report.b.sent})
        ]
        self.all_messages = self._count("", sum(report.a.sent.values()), sum(report.b.sent.values()))
        self.changes = self._count("", report.a.changes, report.b.changes)

    @property
    def moved_share(self) -> float:
        """The share of customers who would be in another segment."""
        return self.report.moved / self.report.customers if self.report.customers else 0.0

    @property
    def all_customers(self) -> CountRow:
        """All customers, of whom a policy changes neither the number nor the reach."""
        customers, reachable = self.report.customers, sum(self.report.a.reachable.values())
        return self._count("", customers, customers)._replace(
            now_reachable=reachable, then_reachable=reachable, now_href="/customers"
        )

    @property
    def top_movers(self) -> list[TopMover]:
        """The customers with the most revenue who would move; none if the reader may not see customers."""
        return self.report.top_movers if self._view.may("customers:read") else []

    def _matrix(self) -> list[MatrixRow]:
        """Return the matrix: moves, and on the diagonal those who stay."""
        moved = {(move.from_segment, move.to_segment): (move.customers, move.reachable) for move in self.report.moves}
        most = max((customers for customers, _ in moved.values()), default=0)
        rows = []
        for segment, customers in self.report.a.segments.items():
            reachable = self.report.a.reachable[segment]
            gone = [counts for (before, _), counts in moved.items() if before == segment]
            stay = customers - sum(count for count, _ in gone), reachable - sum(count for _, count in gone)
            cells = []
            for column in self.columns:
                count, reached = stay if column == segment else moved.get((segment, column), (0, 0))
                level = 0 if column == segment or not count else 1 + min(_LEVELS - 1, _LEVELS * count // most)
                cells.append(MatrixCell(count, reached, level, column == segment))
            rows.append(MatrixRow(segment, customers, reachable, cells, self._href(segment)))
        return rows

    def _href(self, segment: str) -> str | None:
        """Return the address of a segment's customers; None once another policy decides who they are."""
        return segment_href(segment) if self._is_in_force else None

    def _count(self, name: str, now: int, then: int) -> CountRow:
        return CountRow(name, now, then, self._view.formats.change(then - now))
