"""What the page of flows shows: rows of its table, and the chart of the same numbers."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple
from urllib.parse import urlencode

from markupsafe import Markup

from agents.project.projection_keys import NOBODY
from agents.serve.lookups.answers import Flow, Flows
from agents.serve.lookups.projections.flow_counts import KNOWN
from agents.serve.lookups.projections.flow_reach import FlowReach, Moved
from agents.serve.pages.charts.flow_chart import flow_chart
from agents.serve.pages.charts.flow_layout import Flow as DrawnFlow
from agents.serve.pages.charts.segment_look import SegmentLook
from agents.serve.pages.page_view import PageView
from agents.serve.pages.period import Period
from agents.serve.pages.words.causes import CAUSES, cause_words

_TOP_MOVES: Final = 3


class FlowRow(NamedTuple):
    """A flow in the table.

    Attributes:
        before: the segment before; None for customers who were not known.
        share_of_before: of all customers in the table who left that segment; `share_of_all` of all in the table.
        causes: the words of each cause, its number of customers, and their address.
        reachable: how many of the customers can be reached; None while that is not counted.
        href: address of the customers; None if the reader may not see customers.
    """

    before: str | None
    after: str
    customers: int
    share_of_before: float
    share_of_all: float
    causes: list[tuple[str, int, str | None]]
    href: str | None
    reachable: int | None


class FlowFigure(NamedTuple):
    """A figure above the chart.

    Attributes:
        words: who moved.
        moved: how many, and how many of them can be reached; None while they are not counted.
        href: address of the customers; None if the reader may not see customers.
        tone: `good`, `bad` or nothing.
    """

    words: str
    moved: Moved | None
    href: str | None
    tone: str


class FlowsView:
    """The figures of a period, in a reader's language."""

    def __init__(self, flows: Flows, period: Period, view: PageView, reach: FlowReach | None) -> None:
        self._view = view
        self._period = period
        self._reach = reach
        self._cause = flows.cause
        self._flows = [flow for flow in flows.flows if flow.customers > 0]
        self.total = sum(flow.customers for flow in self._flows)
        self.rows = list(self._rows())
        self.causes = self._causes()

    @property
    def top(self) -> list[FlowRow]:
        """The largest moves of customers who were known before."""
        known = [row for row in self.rows if row.before is not None]
        return (known or self.rows)[:_TOP_MOVES]

    @property
    def has_reach(self) -> bool:
        """Whether it is known how many can be reached."""
        return self._reach is not None

    @property
    def summary(self) -> list[FlowFigure]:
        """How many moved by a purchase, by time, and came."""
        gettext, reach = self._view.texts.gettext, self._reach
        figures = (
            (gettext("moved because they bought"), KNOWN, "purchase", "good"),
            (gettext("moved because time passed without a purchase"), KNOWN, "time", "bad"),
            (gettext("were seen for the first time"), NOBODY, None, ""),
        )
        return [
            FlowFigure(
                words,
                None if reach is None else reach.causes.get(cause, Moved(0, 0)) if cause else reach.came,
                self._list_address({"before": before} | ({"cause": cause} if cause else {})),
                tone,
            )
            for words, before, cause, tone in figures
            if self._cause in (None, cause)
        ]

    def chart(self) -> Markup:
        """Return the chart: a band for each flow and cause."""
        texts, number = self._view.texts, self._view.formats.number
        return flow_chart(
            [drawn for flow in self._flows for drawn in self._bands(flow)],
            self._looks(),
            rest_title=texts.gettext("other segments"),
            heads=(texts.gettext("Before"), texts.gettext("After")),
            write=number,
            title=texts.gettext("Moves between segments"),
            description=texts.gettext(
                "On the left the segments that customers left, on the right those that they entered. The table below "
                "has the same numbers."
            ),
        )

    def address(self, before: str | None, after: str, cause: str | None = None) -> str | None:
        """Return the address of the customers of a flow, if the reader may see customers."""
        wanted = {"before": before or NOBODY, "after": after}
        chosen = cause or self._cause
        return self._list_address(wanted | ({"cause": chosen} if chosen else {}))

    def _list_address(self, wanted: dict[str, str]) -> str | None:
        if not self._view.may("customers:read"):
            return None
        return f"/flows/customers?{urlencode(self._period.query(**wanted))}"

    def _rows(self) -> Iterator[FlowRow]:
        left: Counter[str | None] = Counter()
        for flow in self._flows:
            left[flow.from_segment] += flow.customers
        for flow in sorted(self._flows, key=lambda flow: -flow.customers):
            before, after = flow.from_segment, flow.to_segment
            yield FlowRow(
                before,
                after,
                flow.customers,
                flow.customers / left[before],
                flow.customers / self.total,
                [
                    (cause_words(cause, self._view.texts), count, self.address(before, after, cause))
                    for cause, count in sorted(flow.causes.items(), key=lambda item: -item[1])
                ],
                self.address(before, after),
                None if self._reach is None else self._reach.pairs.get((before or NOBODY, after), 0),
            )

    def _bands(self, flow: Flow) -> Iterator[DrawnFlow]:
        texts, titles = self._view.texts, self._view.segments
        for cause, customers in flow.causes.items():
            label = texts.ngettext(
                "%(before)s → %(after)s: %(number)s customer, cause: %(cause)s",
                "%(before)s → %(after)s: %(number)s customers, cause: %(cause)s",
                customers,
            ) % {
                "before": titles.title(flow.from_segment),
                "after": titles.title(flow.to_segment),
                "number": self._view.formats.number(customers),
                "cause": cause_words(cause, texts),
            }
            href = self.address(flow.from_segment, flow.to_segment, cause)
            yield DrawnFlow(flow.from_segment or NOBODY, flow.to_segment, cause, customers, label, href)

    def _looks(self) -> list[SegmentLook]:
        """Return how segments look, in the policy's order; customers who were not known before are the last ones."""
        looks = [SegmentLook(each.name, each.title, each.style) for each in self._view.segments]
        return [*looks, SegmentLook(NOBODY, self._view.segments.title(None), "")]

    def _causes(self) -> list[tuple[str, str]]:
        """Return the causes that occur, by their names and in words, for the legend."""
        present = {cause for flow in self._flows for cause in flow.causes}
        return [(cause, cause_words(cause, self._view.texts)) for cause in in_order(present)]


def in_order(causes: set[str]) -> Sequence[str]:
    """Return causes in the order of pages."""
    return [cause for cause in CAUSES if cause in causes] + sorted(causes - CAUSES.keys())
