"""The customers behind the figures of the page Health: how many can be reached now, and where they are listed."""

from itertools import product
from typing import NamedTuple
from urllib.parse import urlencode

from agents.project.projection_keys import NOBODY
from agents.serve.access.scopes import Scope
from agents.serve.lookups.answers import Segments
from agents.serve.lookups.lookups import FlowsAsked
from agents.serve.lookups.projections.flow_counts import KNOWN
from agents.serve.lookups.projections.flow_reach import FlowReach, Moved
from agents.serve.pages.page_view import PageView
from agents.serve.pages.period import Period
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


def people_who_moved(
    period: Period, reach: FlowReach | None, returned: FlowReach | None, view: PageView
) -> dict[str, FigurePeople]:
    """Return the customers behind the figures that count moves between segments, by the figures' keys.

    Args:
        period: within the days that flows are known of.
        reach: of the flows of the period; None while that is not counted.
        returned: the same of those that `return_flows` asks for.
        view: of the reader.
    """

    def people(moved: Moved | None, before: str, cause: str | None) -> FigurePeople:
        query = period.query(before=before, cause=cause)
        href = f"/flows/customers?{urlencode(query)}" if view.may(Scope.CUSTOMERS_READ) else None
        return FigurePeople(None, None, href) if moved is None else FigurePeople(*moved, href)

    came = None if reach is None else reach.came
    lapsed = None if reach is None else reach.causes.get(TIME_CAUSE, Moved(0, 0))
    found = {"new": people(came, NOBODY, None), "lapsed": people(lapsed, KNOWN, TIME_CAUSE)}
    returning = return_flows(period, view)
    if returning is not None:
        bought = None if returned is None else returned.all
        found["returned"] = people(bought, returning.before or "", returning.cause)
    return found


def return_flows(period: Period, view: PageView) -> FlowsAsked | None:
    """Return the flows of customers who returned; None if the policy's segments do not tell."""
    sleeping = set() if view.policy is None else _sleeping_segments(view.policy)
    if not sleeping:
        return None
    return FlowsAsked(str(period.first), str(period.last), ",".join(sorted(sleeping)), cause="purchase")


def _sleeping_segments(policy: Policy) -> set[str]:
    """Return the segments out of which a purchase leads to a better score of recency: no cell of theirs has the best.

    Empty if a segment has cells of both kinds: then its name does not say which score its customers have.
    """
    measures = (policy.recency_edges_ms, policy.frequency_edges, policy.monetary_edges_minor)
    best = len(policy.recency_edges_ms) + 1
    scores: dict[str, set[bool]] = {}
    for r, f, m in product(*(range(1, len(edges) + 2) for edges in measures)):
        for _, name in policy.table[r][f][m]:
            scores.setdefault(name, set()).add(r == best)
    is_clear = all(len(kinds) == 1 for kinds in scores.values())
    return {name for name, kinds in scores.items() if kinds == {False}} if is_clear else set()
