"""The routes of `agents.serve.intake`: `POST /v1/events` and its siblings."""

from collections.abc import Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from litestar import Request, Response, post
from litestar.types import ControllerRouterHandler

from agents.serve.access.guard import require
from agents.serve.access.scopes import Principal, Scope
from agents.serve.context import Context, ServeContext
from agents.serve.intake.answers import Accepted, PartlyAccepted, no_policy, not_published, respond
from agents.serve.intake.checking import Checked
from agents.serve.intake.intake import Acceptance, NoPolicyError
from agents.serve.intake.publishing.event_publisher import NotPublishedError
from agents.serve.intake.requests.request_events import read_cloud_events, read_events
from agents.serve.intake.sent_events import SentEvent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

AnyRequest = Request[Principal, Any, Any]
Answer = Response[Accepted | PartlyAccepted]


@asynccontextmanager
async def intake_service(context: ServeContext) -> "AsyncIterator[None]":
    """Start and end what takes events."""
    context.waiting["kafka"] = context.intake.unready
    async with context.intake.running():
        yield


@post("/v1/events", opt={"scope": Scope.EVENTS_WRITE}, operation_id="sendEvents", status_code=200)
async def send_events(request: AnyRequest, context: Context) -> Answer:
    """Publish events, each of which has a `type`."""
    return await _publish(request, context, await read_events(request, None))


@post("/v1/cloudevents", opt={"scope": Scope.EVENTS_WRITE}, operation_id="sendCloudEvents", status_code=200)
async def send_cloud_events(request: AnyRequest, context: Context) -> Answer:
    """Publish CloudEvents whose data is an event."""
    return await _publish(request, context, await read_cloud_events(request))


@post("/v1/check", opt={"scope": Scope.EVENTS_WRITE}, operation_id="checkEvents", status_code=200)
async def check(request: AnyRequest, context: Context) -> Answer:
    """Answer as `/v1/events` does, without publishing anything."""
    checked = _check(request, context, await read_events(request, None))
    return respond(checked, Acceptance.PUBLISHED)


def _route_of(kind: str, scope: Scope) -> ControllerRouterHandler:
    """Return the route for events of one type."""

    async def send(request: AnyRequest, context: Context) -> Answer:
        return await _publish(request, context, await read_events(request, kind))

    send.__doc__ = f"Publish events of the type `{kind}`, which they need not have."
    name = f"send{kind.capitalize()}s"
    return post(f"/v1/{kind}s", opt={"scope": scope}, operation_id=name, status_code=200)(send)


async def _publish(request: AnyRequest, context: ServeContext, events: Sequence[SentEvent]) -> Answer:
    checked = _check(request, context, events)
    try:
        acceptance = await context.intake.publish(checked)
    except NotPublishedError as error:
        raise not_published(error) from error
    return respond(checked, acceptance)


def _check(request: AnyRequest, context: ServeContext, events: Sequence[SentEvent]) -> Checked:
    """Check the events of a request, and whether it may send them.

    Raises:
        Problem: it may not, is over its rate, or there is no policy.
    """
    context.access.charge(request, request.auth, len(events))
    try:
        checked = context.intake.check(events)
    except NoPolicyError as error:
        raise no_policy(error) from error
    if checked.erasures:
        require(request.auth, Scope.ERASURES_WRITE)
    return checked


ROUTES: Final[list[ControllerRouterHandler]] = [
    send_events,
    *(_route_of(kind, Scope.EVENTS_WRITE) for kind in ("purchase", "refund", "signup", "consent", "contact")),
    _route_of("erasure", Scope.ERASURES_WRITE),
    send_cloud_events,
    check,
]
