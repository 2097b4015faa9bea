"""The page Flows: who moved from which segment to which in a period, and the customers behind each move."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from urllib.parse import urlencode

from litestar import Response, get

from agents.project.projection_keys import NOBODY
from agents.serve.access.scopes import Scope
from agents.serve.context import Context
from agents.serve.lookups.lookups import FlowsAsked
from agents.serve.lookups.projections.flow_counts import KNOWN
from agents.serve.lookups.projections.flow_lookup import Counting
from agents.serve.pages.page_view import PageRequest, View
from agents.serve.pages.period_choice import choose_period
from agents.serve.pages.site import FLOWS
from agents.serve.pages.views.flows import FlowsView
from agents.serve.pages.views.people import REACHABLE, address, list_view, read_part
from agents.serve.pages.words.causes import CAUSES, cause_words

LONGEST: Final = 90
"""Days for which the look-ups know who moved."""
LIMIT: Final = 100


@get("/flows", opt={"scope": FLOWS.scope}, include_in_schema=False)
async def show_flows(request: PageRequest, context: Context, view: View) -> Response[bytes]:
    """Show the flows of the period, by cause."""
    query = request.query_params
    cause = query.get("cause") if query.get("cause") in CAUSES else None
    choice = choose_period(query, view, context.clock, FLOWS.path, LONGEST, cause=cause)
    period = choice.period
    first, last = str(period.first), str(period.last)
    flows = await context.lookups.flows(first, last, cause)
    reach = await context.lookups.flow_reach(FlowsAsked(first, last, cause=cause), _counting(query))
    return view.render(
        "flows.html",
        FLOWS,
        flows=FlowsView(flows, period, view, reach),
        reach_address=f"{FLOWS.path}?{urlencode(period.query(cause=cause, counts='1'))}",
        choice=choice,
        cause=cause,
        all_causes=[(name, cause_words(name, view.texts)) for name in CAUSES],
        earliest=choice.today - timedelta(LONGEST - 1),
    )


@get("/flows/customers", opt={"scope": Scope.CUSTOMERS_READ}, include_in_schema=False)
async def show_flow_customers(request: PageRequest, context: Context, view: View) -> Response[bytes]:
    """Show a part of the customers of a flow, the latest move first."""
    query = request.query_params
    before, after, cause = query.get("before") or None, query.get("after") or None, query.get("cause") or None
    choice = choose_period(query, view, context.clock, FLOWS.path, LONGEST)
    period, part = choice.period, read_part(query, LIMIT)
    asked = FlowsAsked(str(period.first), str(period.last), before, after, cause)
    people = await context.lookups.flow_customers(asked, part, _counting(query))
    own = period.query(before=before, after=after, cause=cause)
    counts = people.total, people.reachable
    csv = "/v1/flows/customers?format=csv"
    listing = list_view("/flows/customers", own, csv, part, counts, cursor=people.cursor, view=view)
    shown = {key: query[key] for key in ("cursor", REACHABLE) if query.get(key)}
    return view.render(
        "flow_customers.html",
        FLOWS,
        people=people,
        listing=listing,
        moves=[(each, cause_words(each.cause, view.texts)) for each in people.customers],
        choice=choice,
        before=before,
        is_first=before == NOBODY,
        is_known=before == KNOWN,
        after=after,
        cause=None if cause is None else cause_words(cause, view.texts),
        is_counted=None not in counts,
        counts_address=address("/flows/customers", own | shown | {"counts": "1"}),
        back=urlencode(period.query(cause=cause)),
    )


def _counting(query: Mapping[str, str]) -> Counting:
    """Return which counts a page waits for: those at hand, unless its address asks for all."""
    return Counting.ALL if "counts" in query else Counting.AT_HAND
