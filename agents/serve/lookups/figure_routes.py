"""Look-ups of figures, which name no customer."""

from typing import Any, Final

import msgspec
from litestar import Response, get
from litestar.types import ControllerRouterHandler

from agents.serve.access.scopes import Scope
from agents.serve.context import Context
from agents.serve.lookups.answers import Cells, Daily, Flows, Segments, Status
from agents.serve.lookups.query import Cause, FirstDay, LastDay

OPT: Final = {"scope": Scope.AGGREGATES_READ}


class EmptyReport(msgspec.Struct, frozen=True, rename={"first_day": "first", "last_day": "last"}):
    """The report of campaigns while there are no outcomes."""

    currency: str | None
    first_day: str | None
    last_day: str | None
    confidence: float | None = None
    repeats: int = 0
    campaigns: list[Any] = []


@get("/v1/status", opt=OPT, operation_id="getStatus")
async def get_status(context: Context) -> Status:
    """Return how current everything is: how far time has come, what holds it back, Redis, and the rules in force."""
    return await context.lookups.status()


@get("/v1/segments", opt=OPT, operation_id="getSegments")
async def get_segments(context: Context) -> Segments:
    """Return all segments with their customers, reachable customers, and shares."""
    return await context.lookups.segments()


@get("/v1/cells", opt=OPT, operation_id="getCells")
async def get_cells(context: Context) -> Cells:
    """Return all RFM cells with their customers, reachable customers, and shares."""
    return await context.lookups.cells()


@get("/v1/daily", opt=OPT, operation_id="getDaily")
async def get_daily(context: Context, first_day: FirstDay = None, last_day: LastDay = None) -> Daily:
    """Return the figures of days, by default the last 30."""
    return await context.lookups.daily(first_day, last_day)


@get("/v1/flows", opt=OPT, operation_id="getFlows")
async def get_flows(
    context: Context, first_day: FirstDay = None, last_day: LastDay = None, cause: Cause = None
) -> Flows:
    """Return how many customers moved from where to where, by default on the last 30 days; of the last 90 days."""
    return await context.lookups.flows(first_day, last_day, cause)


@get("/v1/campaigns/report", opt=OPT, operation_id="getCampaignReport")
async def get_campaign_report(
    context: Context, first_day: FirstDay = None, last_day: LastDay = None
) -> Response[dict[str, Any]]:
    """Return what campaigns brought, as `goldstream campaigns report --json`; without outcomes, no campaigns."""
    lookups = context.lookups
    report = await lookups.campaign_report(first_day, last_day)
    if report is not None:
        return Response(msgspec.to_builtins(report))
    policy = lookups.policy
    empty = EmptyReport(policy.currency if policy else None, first_day or None, last_day or None)
    return Response(msgspec.to_builtins(empty))


ROUTES: Final[list[ControllerRouterHandler]] = [
    get_status,
    get_segments,
    get_cells,
    get_daily,
    get_flows,
    get_campaign_report,
]
