"""The page Now, and the stream that keeps it up to date."""

from collections.abc import AsyncIterator
from typing import Final

from litestar import Response, get
from litestar.response import Stream

from agents.serve.access.scopes import Scope
from agents.serve.context import Context, ServeContext
from agents.serve.pages.live_pages import OpenPage
from agents.serve.pages.page_headers import PAGE_HEADERS
from agents.serve.pages.page_view import PageRequest, View
from agents.serve.pages.site import NOW
from agents.serve.pages.views.now import read_figures

FIRST_COMMANDS: Final = (
    "goldstream worker",
    "goldstream import orders.csv --dry-run",
    "goldstream import orders.csv",
)
"""What fills an empty base."""


@get("/", opt={"scope": NOW.scope}, include_in_schema=False)
async def show_now(context: Context, view: View) -> Response[bytes]:
    """Show the segments as they are, and what moved today."""
    figures = await read_figures(context.lookups, view.today)
    return view.render(
        "now.html",
        NOW,
        commands=FIRST_COMMANDS,
        is_live=view.may(Scope.CUSTOMERS_READ),
        **figures._asdict(),
    )


@get("/live", opt={"scope": NOW.scope}, include_in_schema=False)
async def follow(context: Context, view: View, request: PageRequest) -> Stream:
    """Stream changes and figures to an open page Now, as server-sent events with HTML."""
    page = OpenPage(view.language, context.clock, sees_people=view.may(Scope.CUSTOMERS_READ))
    headers = PAGE_HEADERS | {"X-Accel-Buffering": "no"}
    return Stream(_events(context, page, request), media_type="text/event-stream", headers=headers)


async def _events(context: ServeContext, page: OpenPage, request: PageRequest) -> AsyncIterator[bytes]:
    """Yield what is handed to the page, until its session or the server ends; something comes every two seconds."""
    with context.live_pages.open(page):
        yield b"retry: 3000\n\n"
        async for chunk in page.listener.chunks():
            if not context.access.is_in_force(request.auth):
                return
            yield chunk
