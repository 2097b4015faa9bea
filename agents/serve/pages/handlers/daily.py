"""The page Health: the daily figures beside those of the preceding period."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from urllib.parse import urlencode

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from agents.project.projection_keys import MOVE_DAYS
from agents.serve.context import Context, ServeContext
from agents.serve.lookups.lookups import FlowsAsked
from agents.serve.lookups.projections.flow_lookup import Counting
from agents.serve.pages.page_view import PageRequest, PageView, View
from agents.serve.pages.period import Period
from agents.serve.pages.period_choice import PeriodChoice, choose_period
from agents.serve.pages.site import HEALTH
from agents.serve.pages.views.daily import RESTATED, DailyView
from agents.serve.pages.views.daily_people import FigurePeople, customers_now, people_who_moved, return_flows

LONGEST: Final = 366


@get("/daily", opt={"scope": HEALTH.scope}, include_in_schema=False)
async def show_daily(request: PageRequest, context: Context, view: View) -> Response[bytes]:
    """Show the figures of the period and of the one before."""
    choice = choose_period(request.query_params, view, context.clock, HEALTH.path, LONGEST)
    daily, people = await asyncio.gather(
        _read(context, view, choice.period), _read_people(context, view, choice, request.query_params)
    )
    period = choice.period
    return view.render(
        "daily.html",
        HEALTH,
        daily=daily,
        people=people,
        is_counted=all(each.reachable is not None for each in people.values()),
        counts_address=f"{HEALTH.path}?{urlencode(period.query(counts='1'))}",
        choice=choice,
        query=urlencode(period.query()),
    )


@get("/daily/{key:str}", opt={"scope": HEALTH.scope}, include_in_schema=False)
async def show_figure(key: FromPath[str], request: PageRequest, context: Context, view: View) -> Response[bytes]:
    """Show one figure, large enough to read each day."""
    choice = choose_period(request.query_params, view, context.clock, f"{HEALTH.path}/{key}", LONGEST)
    daily, people = await asyncio.gather(
        _read(context, view, choice.period), _read_people(context, view, choice, request.query_params)
    )
    card = next((card for card in daily.cards if card.figure.key == key), None)
    if card is None:
        raise NotFoundException
    return view.render(
        "daily_figure.html",
        HEALTH,
        daily=daily,
        card=card,
        people=people.get(key),
        counts_address=f"{HEALTH.path}/{key}?{urlencode(choice.period.query(counts='1'))}",
        rows=daily.series(card.figure)[::-1],
        choice=choice,
        query=urlencode(choice.period.query()),
    )


async def _read_people(
    context: ServeContext, view: PageView, choice: PeriodChoice, query: Mapping[str, str]
) -> dict[str, FigurePeople]:
    """Return the customers behind the figures, by their keys, as far as they are known: of the last days."""
    people: dict[str, FigurePeople] = {}
    period, lookups = choice.period, context.lookups
    if period.last == choice.today:
        people["customers"] = customers_now(await lookups.segments(), view)
    if period.first >= choice.today - timedelta(MOVE_DAYS - 1):
        counting = Counting.ALL if "counts" in query else Counting.AT_HAND
        reach = await lookups.flow_reach(FlowsAsked(str(period.first), str(period.last)), counting)
        returning = return_flows(period, view)
        returned = None if returning is None else await lookups.flow_reach(returning, counting)
        people |= people_who_moved(period, reach, returned, view)
    return people


async def _read(context: Context, view: PageView, period: Period) -> DailyView:
    now, before = await asyncio.gather(
        *(context.lookups.daily(str(each.first), str(each.last)) for each in (period, period.preceding))
    )
    restated = {*before.restated, *now.restated}
    days = {day["day"]: day | {RESTATED: day["day"] in restated} for day in (*before.days, *now.days)}
    currency = next((day["currency"] for day in days.values()), "")
    return DailyView(days, period, currency, view)
