"""`/health`, `/ready` and `/metrics`, as a worker has them."""

from typing import Final

from litestar import Response, get
from litestar.enums import MediaType
from litestar.types import ControllerRouterHandler
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from agents.serve.access.scopes import Scope
from agents.serve.context import Context
from agents.serve.problems import unavailable


@get("/health", operation_id="health", opt={"scope": Scope.NONE}, media_type=MediaType.TEXT, sync_to_thread=False)
def health() -> str:
    """Answer while the process works: whoever can reach this is served."""
    return "ok\n"


@get("/ready", operation_id="ready", opt={"scope": Scope.NONE}, media_type=MediaType.TEXT, sync_to_thread=False)
def ready(context: Context) -> str:
    """Answer 200 once Kafka has been reached, and 503 with what is waited for before that and while it stops."""
    unready = context.unready()
    if unready:
        raise unavailable("not-ready", "; ".join(unready))
    return "ok\n"


@get("/metrics", operation_id="metrics", opt={"scope": Scope.AGGREGATES_READ}, sync_to_thread=False)
def metrics(context: Context) -> Response[bytes]:
    """Return the metrics of the process as Prometheus text."""
    return Response(generate_latest(registry=context.metrics.registry), media_type=CONTENT_TYPE_LATEST)


ROUTES: Final[list[ControllerRouterHandler]] = [health, ready, metrics]
