"""The page Campaigns: the steps of each with what was sent and suppressed, and what each brought."""

import asyncio
from typing import Final

from litestar import Response, get

from agents.serve.context import Context
from agents.serve.pages.campaigns_view import CampaignsView
from agents.serve.pages.page_view import View
from agents.serve.pages.period_choice import choose_period
from agents.serve.pages.site import CAMPAIGNS

LONGEST: Final = 366


@get("/campaigns", opt={"scope": CAMPAIGNS.scope}, include_in_schema=False)
async def show_campaigns(context: Context, view: View) -> Response[bytes]:
    """Show the campaigns of the active file."""
    choice = choose_period(view, context.clock, CAMPAIGNS.path, LONGEST)
    period, active = choice.period, context.lookups.campaigns
    daily, report = await asyncio.gather(
        context.lookups.daily(str(period.first), str(period.last)), context.lookups.campaign_report()
    )
    return view.render(
        "campaigns.html",
        CAMPAIGNS,
        campaigns=CampaignsView(active, daily.days, report, view),
        currency="" if report is None else report.currency,
        ref="" if active is None else active.ref,
        choice=choice,
    )
