"""The page Health: the daily figures beside those of the preceding period."""

import asyncio
from typing import Final
from urllib.parse import urlencode

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from agents.serve.context import Context
from agents.serve.pages.page_view import PageRequest, PageView, View
from agents.serve.pages.period import Period
from agents.serve.pages.period_choice import choose_period
from agents.serve.pages.site import HEALTH
from agents.serve.pages.views.daily import RESTATED, DailyView

LONGEST: Final = 366


@get("/daily", opt={"scope": HEALTH.scope}, include_in_schema=False)
async def show_daily(request: PageRequest, context: Context, view: View) -> Response[bytes]:
    """Show the figures of the period and of the one before."""
    choice = choose_period(request.query_params, view, context.clock, HEALTH.path, LONGEST)
    daily = await _read(context, view, choice.period)
    return view.render("daily.html", HEALTH, daily=daily, choice=choice, query=urlencode(choice.period.query()))


@get("/daily/{key:str}", opt={"scope": HEALTH.scope}, include_in_schema=False)
async def show_figure(key: FromPath[str], request: PageRequest, context: Context, view: View) -> Response[bytes]:
    """Show one figure, large enough to read each day."""
    choice = choose_period(request.query_params, view, context.clock, f"{HEALTH.path}/{key}", LONGEST)
    daily = await _read(context, view, choice.period)
    card = next((card for card in daily.cards if card.figure.key == key), None)
    if card is None:
        raise NotFoundException
    return view.render(
        "daily_figure.html",
        HEALTH,
        daily=daily,
        card=card,
        rows=daily.series(card.figure)[::-1],
        choice=choice,
        query=urlencode(choice.period.query()),
    )


async def _read(context: Context, view: PageView, period: Period) -> DailyView:
    now, before = await asyncio.gather(
        *(context.lookups.daily(str(each.first), str(each.last)) for each in (period, period.preceding))
    )
    restated = {*before.restated, *now.restated}
    days = {day["day"]: day | {RESTATED: day["day"] in restated} for day in (*before.days, *now.days)}
    currency = next((day["currency"] for day in days.values()), "")
    return DailyView(days, period, currency, view)
