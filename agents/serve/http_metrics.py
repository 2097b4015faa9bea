"""Count and time every request by the template of its route, which is bounded, never by its path."""

from typing import Any, Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from streams.clock import Clock
from streams.telemetry.metrics import Metrics

UNKNOWN_ROUTE: Final = "unknown"
"""Of paths that no route has."""


def measured(app: ASGIApp, metrics: Metrics, clock: Clock) -> ASGIApp:
    """Return an application that also counts and times its requests."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        began = clock.monotonic()
        status = 500

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await app(scope, receive, note_status)
        finally:
            route = route_of(scope)
            metrics.http_requests.labels(route, str(status)).inc()
            metrics.http_seconds.labels(route).observe(clock.monotonic() - began)

    return call


def route_of(scope: Any) -> str:
    """Return the template of a request's route, such as `/v1/segments/{name}/customers`."""
    return str(scope.get("path_template") or UNKNOWN_ROUTE)
