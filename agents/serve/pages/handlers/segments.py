"""The page Segments, and the lists of the customers in a segment or in a cell of the grid."""

import asyncio
from functools import partial

from litestar import Response, get
from litestar.params import FromPath, FromQuery
from litestar.response import Stream

from agents.serve.access.scopes import Scope
from agents.serve.context import Context, ServeContext
from agents.serve.lookups.answers import CustomerPage
from agents.serve.lookups.customers.csv_lists import PART, begun, csv_response, customer_rows
from agents.serve.lookups.lookups import DEFAULT_LIMIT, Lookups
from agents.serve.pages.page_view import PageView, View
from agents.serve.pages.site import SEGMENTS
from agents.serve.pages.views.segments import ScorePair, grid_chart, score_pairs
from agents.serve.problems import Problem
from state.config.segments import POTENTIAL

Cursor = FromQuery[str | None]


@get("/segments", opt={"scope": SEGMENTS.scope}, include_in_schema=False)
async def show_segments(context: Context, view: View) -> Response[bytes]:
    """Show the grid, and all segments in a table."""
    segments, cells = await asyncio.gather(context.lookups.segments(), context.lookups.cells())
    pairs = [] if view.policy is None else score_pairs(cells, view.policy, view)
    chart = grid_chart(pairs, view.policy, view) if view.policy is not None else ""
    return view.render("segments.html", SEGMENTS, base=segments, pairs=pairs, chart=chart)


@get("/segments/{name:str}", opt={"scope": Scope.CUSTOMERS_READ}, include_in_schema=False)
async def show_segment(context: Context, view: View, name: FromPath[str], cursor: Cursor = None) -> Response[bytes]:
    """List the customers of a segment, the most valuable first."""
    people, segments = await asyncio.gather(
        context.lookups.segment_customers(name, DEFAULT_LIMIT, cursor), context.lookups.segments()
    )
    count = next((each for each in segments.segments if each.name == name), None)
    return view.render(
        "segment.html",
        SEGMENTS,
        name=name,
        count=count,
        people=people,
        is_later=cursor is not None,
        is_potential=name == POTENTIAL,
    )


@get("/segments/grid/{scores:str}", opt={"scope": Scope.CUSTOMERS_READ}, include_in_schema=False)
async def show_cell(context: Context, view: View, scores: FromPath[str], cursor: Cursor = None) -> Response[bytes]:
    """List the customers in a cell of the grid, the most valuable first."""
    pair = await _find_pair(context, view, scores)
    people = await customers_of(context.lookups, pair, DEFAULT_LIMIT, cursor)
    return view.render("cell.html", SEGMENTS, pair=pair, people=people, is_later=cursor is not None)


@get("/segments/grid/{scores:str}/customers.csv", opt={"scope": Scope.CUSTOMERS_READ}, include_in_schema=False)
async def download_cell(context: Context, view: View, scores: FromPath[str]) -> Stream:
    """Stream all customers in a cell of the grid as a file."""
    pair = await _find_pair(context, view, scores)
    rows = customer_rows(partial(customers_of, context.lookups, pair, PART))
    return csv_response(f"recency-{pair.r}-frequency-{pair.f}", await begun(rows))


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


async def customers_of(lookups: Lookups, pair: ScorePair, limit: int, cursor: str | None) -> CustomerPage:
    """Return a part of the customers of a pair of scores, by monetary: cell after cell, the highest score first.

    Args:
        lookups: where they are read.
        pair: with its cells.
        limit: of customers.
        cursor: of the preceding part: `cell:cursor` in that cell.
    """
    start, _, inner = (cursor or "").partition(":")
    cells = [cell.cell for cell in pair.cells if cell.customers]
    place = cells.index(start) if start in cells else 0
    found = CustomerPage(pair.customers, pair.reachable, [], None)
    for number, cell in enumerate(cells[place:]):
        part = await lookups.cell_customers(cell, limit - len(found.customers), (inner or None) if not number else None)
        found.customers.extend(part.customers)
        if part.cursor is not None:
            return CustomerPage(pair.customers, pair.reachable, found.customers, f"{cell}:{part.cursor}")
        following = cells[place + number + 1 :]
        if len(found.customers) >= limit and following:
            return CustomerPage(pair.customers, pair.reachable, found.customers, f"{following[0]}:")
    return found
