"""HEAD for every route that has GET: the same headers, no body (which uvicorn leaves out)."""

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send


def answering_head(app: ASGIApp) -> ASGIApp:
    """Return an application that answers HEAD as it answers GET."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP and scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}  # a copy: uvicorn reads its own again
        await app(scope, receive, send)

    return call
