"""The guard of all routes: who sends a request, and whether that may do what the route does.

A route names the scope that it needs: `@get("/v1/status", opt={"scope": Scope.AGGREGATES_READ})`. One that names none
needs `admin`, so that a forgotten scope opens nothing. A route that needs no scope, and checks for itself who may use
it, is `Scope.NONE`: hooks, by their signatures.
"""

from typing import Final

from litestar.handlers import BaseRouteHandler
from litestar.types import Guard

from agents.serve.access.access_control import AccessControl, unauthenticated
from agents.serve.access.origins import Connection, method_of
from agents.serve.access.scopes import Principal, Scope
from agents.serve.problems import Problem

LIMITED_SCOPES: Final = frozenset({Scope.EVENTS_WRITE, Scope.ERASURES_WRITE})
"""A token that is over its rate is refused before the body is read."""


def required_scope(handler: BaseRouteHandler) -> str:
    """Return the scope that a route needs."""
    return str(handler.opt.get("scope", Scope.ADMIN))


def require(principal: Principal, scope: str) -> None:
    """Refuse what a principal may not do; for routes that learn only from the request which scope they need.

    Raises:
        Problem: 401 without a token, 403 if it lacks the scope.
    """
    if principal.has(scope):
        return
    if not principal.scopes:
        raise unauthenticated("a token is needed: send `Authorization: Bearer gs_…`")
    raise Problem(403, "forbidden", f"the token {principal.name!r} lacks the scope {scope}; create one that has it")


def guard_of(access: AccessControl) -> Guard:
    """Return the guard: it sets `request.auth`, and refuses what that may not do."""

    async def authorize(connection: Connection, handler: BaseRouteHandler) -> None:
        if method_of(connection) == "OPTIONS":
            return  # only the methods of a route
        scope = required_scope(handler)
        principal = await access.authenticate(connection, is_open=scope == Scope.NONE)
        connection.scope["auth"] = principal
        require(principal, scope)
        if scope in LIMITED_SCOPES:
            access.check_rate(connection, principal)

    return authorize
