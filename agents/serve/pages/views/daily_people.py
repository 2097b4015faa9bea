"""The customers behind the figures of the page Health: how many can be reached now, and where they are listed."""

from itertools import product
from typing import NamedTuple
from urllib.parse import urlencode

from agents.serve.access.scopes import Scope
from agents.serve.lookups.answers import Segments
from agents.serve.lookups.projections.flow_counts import KNOWN
from agents.serve.lookups.projections.flow_reach import FlowReach
from agents.serve.pages.page_view import PageView
from agents.serve.pages.period import Period
from agents.serve.pages.views.flows import NOBODY
from state.config.policy import Policy
from state.records.outputs import TIME_CAUSE


class FigurePeople(NamedTuple):
    """The customers behind a figure.

    Attributes:
        customers: different ones, where the figure counts what one may have done repeatedly; else None.
        reachable: how many of them can be reached now; None while that is not counted.
        href: address of their list; None without one.
    """

    customers: int | None
    reachable: int | None
    href: str | None


def customers_now(base: Segments, view: PageView) -> FigurePeople:
    """Return all customers as they are now."""
    return FigurePeople(None, base.reachable, "/customers" if view.may(Scope.CUSTOMERS_READ) else None)


def people_who_moved(period: Period, reach: FlowReach | None, view: PageView) -> dict[str, FigurePeople]:
    """Return the customers behind the figures that count moves between segments, by the figures' keys.

    Args:
        period: within the days that flows are known of.
        reach: of the flows of the period; None while that is not counted.
        view: of the reader.
    """

    def listed(before: str, cause: str | None) -> str | None:
        query = period.query(before=before, cause=cause)
        return f"/flows/customers?{urlencode(query)}" if view.may(Scope.CUSTOMERS_READ) else None

    new, lapsed = listed(NOBODY, None), listed(KNOWN, TIME_CAUSE)
    if reach is None:
        return {"new": FigurePeople(None, None, new), "lapsed": FigurePeople(None, None, lapsed)}
    people = {"new": FigurePeople(*reach.came, new)}
    people["lapsed"] = FigurePeople(*reach.causes.get(TIME_CAUSE, (0, 0)), lapsed)
    sleeping = set() if view.policy is None else sleeping_segments(view.policy)
    if sleeping:
        counts = [count for name, count in reach.flows.items() if name.cause == "purchase" and name.before in sleeping]
        people["returned"] = FigurePeople(None, sum(counts), None)
    return people


def sleeping_segments(policy: Policy) -> set[str]:
    """Return the segments out of which a purchase leads to a better score of recency: no cell of theirs has the best.

    Empty if that cannot be told from a segment alone, because one has cells of both kinds.
    """
    measures = (policy.recency_edges_ms, policy.frequency_edges, policy.monetary_edges_minor)
    best = len(policy.recency_edges_ms) + 1
    scores: dict[str, set[bool]] = {}
    for r, f, m in product(*(range(1, len(edges) + 2) for edges in measures)):
        for _, name in policy.table[r][f][m]:
            scores.setdefault(name, set()).add(r == best)
    is_clear = all(len(kinds) == 1 for kinds in scores.values())
    return {name for name, kinds in scores.items() if kinds == {False}} if is_clear else set()
