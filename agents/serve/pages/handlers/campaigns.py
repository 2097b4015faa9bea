"""The page Campaigns: the steps of each with what was sent and suppressed, and what each brought."""

from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from litestar import Response, get

from agents.serve.context import Context
from agents.serve.lookups.refusals import LookupRefused
from agents.serve.pages.page_view import PageRequest, View
from agents.serve.pages.period_choice import choose_period
from agents.serve.pages.site import CAMPAIGNS
from agents.serve.pages.views.campaigns import CampaignsView

if TYPE_CHECKING:
    from agents.reporting.report import UpliftReport

LONGEST: Final = 366
MAX_AGE_S: Final = 600.0
"""How old results may be that are shown at once: they are about entries of weeks ago. Reading them takes seconds."""


@get("/campaigns", opt={"scope": CAMPAIGNS.scope}, include_in_schema=False)
async def show_campaigns(request: PageRequest, context: Context, view: View) -> Response[bytes]:
    """Show the campaigns of the active file; without results if they are not at hand, unless they are asked for."""
    choice = choose_period(request.query_params, view, context.clock, CAMPAIGNS.path, LONGEST)
    period, lookups = choice.period, context.lookups
    daily = await lookups.daily(str(period.first), str(period.last))
    has_results, report = lookups.stored_campaign_report(MAX_AGE_S)
    refusal = ""
    if not has_results and "results" in request.query_params:
        has_results = True
        report, refusal = await _read_report(context)
    return view.render(
        "campaigns.html",
        CAMPAIGNS,
        campaigns=CampaignsView(lookups.campaigns, daily.days, report, view),
        currency="" if report is None else report.currency,
        ref="" if lookups.campaigns is None else lookups.campaigns.ref,
        choice=choice,
        has_results=has_results,
        refusal=refusal,
        results_address=f"{CAMPAIGNS.path}?{urlencode(period.query(results='1'))}",
    )


async def _read_report(context: Context) -> "tuple[UpliftReport | None, str]":
    """Return the report, and why there is none if this server cannot compute it."""
    try:
        return await context.lookups.campaign_report(), ""
    except LookupRefused as refusal:
        return None, str(refusal)
