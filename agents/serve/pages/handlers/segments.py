"""The page Segments, and the lists of the customers in a segment or in a cell of the grid."""

import asyncio

from litestar import Response, get
from litestar.params import FromPath
from litestar.response import Stream

from agents.serve.access.scopes import Scope
from agents.serve.context import Context, ServeContext
from agents.serve.lookups.answers import CustomerPage
from agents.serve.lookups.customers.csv_lists import PART, begun, csv_response, customer_rows, file_name
from agents.serve.lookups.lookups import DEFAULT_LIMIT
from agents.serve.lookups.projections.ranked_lists import ListPart
from agents.serve.pages.page_view import PageRequest, PageView, View
from agents.serve.pages.site import SEGMENTS
from agents.serve.pages.views.people import ListView, list_view, read_part
from agents.serve.pages.views.segments import ScorePair, grid_chart, score_pairs, segment_href
from agents.serve.problems import Problem


@get("/segments", opt={"scope": SEGMENTS.scope}, include_in_schema=False)
async def show_segments(context: Context, view: View) -> Response[bytes]:
    """Show the grid, and all segments in a table."""
    segments, cells = await asyncio.gather(context.lookups.segments(), context.lookups.cells())
    pairs = [] if view.policy is None else score_pairs(cells, view.policy, view)
    chart, shows_reach = ("", True) if view.policy is None else grid_chart(pairs, view.policy, view)
    return view.render("segments.html", SEGMENTS, base=segments, pairs=pairs, chart=chart, shows_reach=shows_reach)


@get("/segments/{name:str}", opt={"scope": Scope.CUSTOMERS_READ}, include_in_schema=False)
async def show_segment(request: PageRequest, context: Context, view: View, name: FromPath[str]) -> Response[bytes]:
    """List the customers of a segment, the most valuable first."""
    part = read_part(request.query_params, DEFAULT_LIMIT)
    people, segments = await asyncio.gather(context.lookups.segment_customers(name, part), context.lookups.segments())
    count = next((each for each in segments.segments if each.name == name), None)
    path = segment_href(name)
    return view.render(
        "segment.html",
        SEGMENTS,
        name=name,
        count=count,
        people=people,
        listing=_listing(path, f"/v1{path}/customers?format=csv", part, people, view),
    )


@get("/segments/grid/{scores:str}", opt={"scope": Scope.CUSTOMERS_READ}, include_in_schema=False)
async def show_cell(request: PageRequest, context: Context, view: View, scores: FromPath[str]) -> Response[bytes]:
    """List the customers in a cell of the grid, the most valuable first."""
    pair = await _find_pair(context, view, scores)
    part = read_part(request.query_params, DEFAULT_LIMIT)
    people = await context.lookups.cell_customers(pair.names, part)
    listing = _listing(pair.href, f"{pair.href}/customers.csv", part, people, view)
    return view.render("cell.html", SEGMENTS, pair=pair, people=people, listing=listing)


@get("/segments/grid/{scores:str}/customers.csv", opt={"scope": Scope.CUSTOMERS_READ}, include_in_schema=False)
async def download_cell(request: PageRequest, context: Context, view: View, scores: FromPath[str]) -> Stream:
    """Stream all customers in a cell of the grid as a file."""
    pair = await _find_pair(context, view, scores)
    part = read_part(request.query_params, PART)
    rows = customer_rows(lambda place: context.lookups.cell_customers(pair.names, part._replace(cursor=place)))
    return csv_response(file_name(f"recency-{pair.r}-frequency-{pair.f}", part), await begun(rows))


def _listing(path: str, csv: str, part: ListPart, people: CustomerPage, view: PageView) -> ListView:
    return list_view(path, {}, csv, part, (people.total, people.reachable), cursor=people.cursor, view=view)


async def _find_pair(context: ServeContext, view: PageView, scores: str) -> ScorePair:
    """Return the cell of the grid with these scores.

    Raises:
        Problem: there is none.
    """
    pairs = [] if view.policy is None else score_pairs(await context.lookups.cells(), view.policy, view)
    pair = next((each for each in pairs if f"{each.r}-{each.f}" == scores), None)
    if pair is None:
        raise Problem(404, "no-such-cell", f"the grid has no cell {scores[:20]!r}; write both scores: 3-2")
    return pair
