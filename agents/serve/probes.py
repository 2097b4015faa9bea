"""`/health`, `/ready` and `/metrics`, as a worker has them."""

from typing import Any, Final

from litestar import Response, get
from litestar.enums import MediaType
from litestar.openapi.datastructures import ResponseSpec
from litestar.types import ControllerRouterHandler
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from agents.serve.access.scopes import Scope
from agents.serve.context import Context
from agents.serve.problems import unavailable

_PROMETHEUS: Final = CONTENT_TYPE_LATEST.partition("; charset=")[0]
"""Litestar adds the charset."""


@get("/health", operation_id="health", opt={"scope": Scope.NONE}, media_type=MediaType.TEXT, sync_to_thread=False)
def health() -> str:
    """Answer while the process works; an answer shows that the process is reachable."""
    return "ok\n"


@get("/ready", operation_id="ready", opt={"scope": Scope.NONE}, media_type=MediaType.TEXT, sync_to_thread=False)
def ready(context: Context) -> str:
    """Answer 200 once the active policy is known, and 503 with what is waited for before that, and while it stops.

    A second line says what waits in the spool, if anything does.
    """
    unready = context.unready()
    if unready:
        raise unavailable("not-ready", "; ".join(unready))
    spooled = context.intake.spooled()
    return "ok\n" if spooled is None else f"ok\n{spooled}\n"


@get(
    "/metrics",
    operation_id="metrics",
    opt={"scope": Scope.AGGREGATES_READ},
    responses={
        200: ResponseSpec(str, generate_examples=False, media_type=MediaType.TEXT, description="Prometheus text")
    },
    sync_to_thread=False,
)
def metrics(context: Context) -> Response[Any]:
    """Return the metrics of the process as Prometheus text."""
    return Response(generate_latest(registry=context.metrics.registry), media_type=_PROMETHEUS)


ROUTES: Final[list[ControllerRouterHandler]] = [health, ready, metrics]
