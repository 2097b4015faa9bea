"""The page Flows: who moved from which segment to which in a period, and the customers behind each move."""

from datetime import timedelta
from typing import Final
from urllib.parse import urlencode

from litestar import Response, get

from agents.serve.access.scopes import Scope
from agents.serve.context import Context
from agents.serve.pages.page_view import PageRequest, View
from agents.serve.pages.period_choice import choose_period
from agents.serve.pages.site import FLOWS
from agents.serve.pages.views.flows import NOBODY, FlowsView
from agents.serve.pages.words.causes import CAUSES, cause_words

LONGEST: Final = 90
"""Days for which the look-ups know who moved."""
LIMIT: Final = 100
MAX_AT_ONCE: Final = 2_000
"""Customers whose reachable ones are counted before a page is shown; for more, the page asks for them afterwards."""


@get("/flows", opt={"scope": FLOWS.scope}, include_in_schema=False)
async def show_flows(request: PageRequest, context: Context, view: View) -> Response[bytes]:
    """Show the flows of the period, by cause."""
    query = request.query_params
    cause = query.get("cause") if query.get("cause") in CAUSES else None
    choice = choose_period(request.query_params, view, context.clock, FLOWS.path, LONGEST, cause=cause)
    period = choice.period
    first, last = str(period.first), str(period.last)
    flows = await context.lookups.flows(first, last, cause)
    is_late = sum(flow.customers for flow in flows.flows) > MAX_AT_ONCE and "reachable" not in query
    reach = await context.lookups.flow_reach(first, last, cause=cause, only_stored=is_late)
    return view.render(
        "flows.html",
        FLOWS,
        flows=FlowsView(flows, period, view, reach),
        reach_address=f"{FLOWS.path}?{urlencode(period.query(cause=cause, reachable='1'))}",
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
    choice = choose_period(request.query_params, view, context.clock, FLOWS.path, LONGEST)
    period = choice.period
    people = await context.lookups.flow_customers(
        str(period.first), str(period.last), before, after, cause, LIMIT, query.get("cursor") or None
    )
    address = period.query(before=before, after=after, cause=cause)
    is_late = people.total > MAX_AT_ONCE and "reachable" not in query
    reach = await context.lookups.flow_reach(
        str(period.first), str(period.last), before, after, cause, only_stored=is_late
    )
    return view.render(
        "flow_customers.html",
        FLOWS,
        people=people,
        reachable=None if reach is None else reach.customers,
        moves=[(each, cause_words(each.cause, view.texts)) for each in people.customers],
        choice=choice,
        before=before,
        is_first=before == NOBODY,
        after=after,
        cause=None if cause is None else cause_words(cause, view.texts),
        query=urlencode(address),
        back=urlencode(period.query(cause=cause)),
    )
