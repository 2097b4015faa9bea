"""The page Rejected: the last events that could not be counted, with reason, origin, and what to do."""

from litestar import Response, get

from agents.serve.context import Context
from agents.serve.pages.page_view import PageRequest, View
from agents.serve.pages.site import REJECTED
from agents.serve.pages.views.rejected import RejectedView
from state.records.reasons import RejectionReason


@get("/rejected", opt={"scope": REJECTED.scope}, include_in_schema=False)
async def show_rejected(request: PageRequest, context: Context, view: View) -> Response[bytes]:
    """Show the last rejected events, of one reason if the address names one."""
    asked = request.query_params.get("reason", "")
    chosen = asked if asked in set(RejectionReason) else None
    events = (await context.lookups.rejected()).rejected
    return view.render("rejected.html", REJECTED, rejected=RejectedView(events, chosen, view), chosen=chosen)
