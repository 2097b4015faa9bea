"""Live changes as server-sent events."""

from functools import partial
from typing import Final

from litestar import get
from litestar.openapi.datastructures import ResponseSpec
from litestar.types import ControllerRouterHandler

from agents.serve.access.scopes import Scope
from agents.serve.context import Context
from agents.serve.lookups.changes.feed import decode_positions
from agents.serve.lookups.changes.stream import ChangeStream
from agents.serve.lookups.query import AnyRequest, LastEventId, ToSegment
from agents.serve.problems import Problem


@get(
    "/v1/changes",
    opt={"scope": Scope.CUSTOMERS_READ},
    operation_id="streamChanges",
    responses={
        200: ResponseSpec(
            str,
            generate_examples=False,
            media_type="text/event-stream",
            description="each `data` is one segment change",
        )
    },
)
async def stream_changes(
    request: AnyRequest, context: Context, segment: ToSegment = None, last_event_id: LastEventId = None
) -> ChangeStream:
    """Stream segment changes as they are published, from the given `Last-Event-ID` on, without a gap."""
    resume = decode_positions(last_event_id) if last_event_id else None
    if last_event_id and resume is None:
        raise Problem(422, "last-event-id", "Last-Event-ID must be an id of this stream; connect without it")
    access, principal = context.access, request.auth
    is_allowed = partial(access.is_in_force, principal)
    return ChangeStream(context.change_feed, segment or None, resume, is_allowed, context.clock)


ROUTES: Final[list[ControllerRouterHandler]] = [stream_changes]
