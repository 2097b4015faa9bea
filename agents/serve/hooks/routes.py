"""The routes of `agents.serve.hooks`: deliveries of platforms, and Segment's own API."""

from collections.abc import Awaitable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from litestar import MediaType, Request, Response, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from agents.serve.access.credentials import token_in
from agents.serve.access.scopes import HOOK_SCOPE_START, Principal, Scope
from agents.serve.context import Context, ServeContext
from agents.serve.hooks.delivery import BadSignature, Delivery
from agents.serve.hooks.hook import Hook
from agents.serve.hooks.platforms.ga4 import PLATFORM as GA4
from agents.serve.hooks.platforms.segment import PLATFORM as SEGMENT
from agents.serve.hooks.reception import NotReadyError, Receipt
from agents.serve.intake.answers import no_policy, not_published
from agents.serve.intake.intake import Acceptance, NoPolicyError
from agents.serve.intake.publishing.event_publisher import NotPublishedError
from agents.serve.intake.requests.request_events import read_bytes
from agents.serve.problems import Problem, unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

RETRY_AFTER_S: Final = 5
AnyRequest = Request[Principal, Any, Any]
Result = TypeVar("Result")


class Taken(msgspec.Struct):
    """What became of a delivery.

    Attributes:
        accepted: events that are published, or were known already.
        ignored: parts that are none of our events.
        rejected: parts that are on the topic `rejected`.
    """

    accepted: int
    ignored: int
    rejected: int


class Success(msgspec.Struct):
    """What Segment's API answers."""

    success: bool = True


@asynccontextmanager
async def hooks_service(context: ServeContext) -> "AsyncIterator[None]":
    """Start and end what takes deliveries."""
    context.waiting["hooks"] = lambda: context.hooks.unready() if context.spool is None else None
    async with context.hooks.running():
        yield


@post("/hooks/{platform:str}/{name:str}", opt={"scope": Scope.NONE}, operation_id="takeDelivery", status_code=200)
async def take_delivery(
    request: AnyRequest, context: Context, platform: FromPath[str], name: FromPath[str]
) -> Response[Taken]:
    """Take a webhook of a shop platform, which proves by its signature where it comes from."""
    return await _take(request, context, platform, name)


@post("/hooks/ga4/{name:str}", opt={"scope": Scope.NONE}, operation_id="takeGa4Delivery", status_code=200)
async def take_ga4_delivery(request: AnyRequest, context: Context, name: FromPath[str]) -> Response[Taken]:
    """Take events of Google Analytics; without its own route, the one of the Measurement Protocol would hide it."""
    return await _take(request, context, GA4, name)


@post("/hooks/ga4/{name:str}/mp/collect", opt={"scope": Scope.NONE}, operation_id="collect", status_code=204)
async def collect(request: AnyRequest, context: Context, name: FromPath[str]) -> None:
    """Take events of Google Analytics' Measurement Protocol."""
    await _receive(request, context, _hook(context, GA4, name))


@post("/segment/v1/{call:str}", opt={"scope": Scope.NONE}, operation_id="takeSegmentCall", status_code=200)
async def take_segment_call(request: AnyRequest, context: Context, call: FromPath[str]) -> Response[Success]:
    """Take a call of Segment's libraries, with a token of the scope `hooks:<name>` as their write key."""
    hook = _segment_hook(request, context)
    delivery = await _delivery(request, context)
    if call not in ("track", "identify", "batch"):
        context.intake.count("ignored", 1)
        return Response(Success(), media_type=MediaType.JSON)
    receipt = await _answered(context.hooks.receive_call(hook, call, delivery))
    return Response(Success(), status_code=_status(receipt), media_type=MediaType.JSON)


async def _take(request: AnyRequest, context: ServeContext, platform: str, name: str) -> Response[Taken]:
    receipt = await _receive(request, context, _hook(context, platform, name))
    body = Taken(receipt.accepted, receipt.ignored, receipt.rejected)
    return Response(body, status_code=_status(receipt), media_type=MediaType.JSON)


async def _receive(request: AnyRequest, context: ServeContext, hook: Hook) -> Receipt:
    receipt = await _answered(context.hooks.receive(hook, await _delivery(request, context)))
    if isinstance(receipt, BadSignature):
        raise Problem(401, "bad-signature", f"the delivery is not signed with a secret of the hook {hook.name!r}")
    return receipt


async def _answered(receiving: Awaitable[Result]) -> Result:
    try:
        return await receiving
    except NotReadyError as error:
        raise unavailable("not-ready", f"{error}; send it again", RETRY_AFTER_S) from error
    except NoPolicyError as error:
        raise no_policy(error) from error
    except NotPublishedError as error:
        raise not_published(error) from error


async def _delivery(request: AnyRequest, context: ServeContext) -> Delivery:
    body = await read_bytes(request)
    headers = {name.lower(): value for name, value in request.headers.items()}
    query = {name: str(value) for name, value in request.query_params.items()}
    return Delivery(headers, body, context.clock.wall_ms(), query)


def _hook(context: ServeContext, platform: str, name: str) -> Hook:
    hook = context.hooks.store.find(platform, name)
    if hook is None:
        raise Problem(404, "unknown-hook", "no hook has this name; add a [[hook]] to the file of GOLDSTREAM_HOOKS")
    return hook


def _segment_hook(request: AnyRequest, context: ServeContext) -> Hook:
    """Return the hook that a token is for.

    Without tokens, and with one that may do everything, it is the hook with the name of the write key, else the first.

    Raises:
        Problem: there is none, or no token for it.
    """
    principal, hooks = request.auth, context.hooks.store.of_platform(SEGMENT)
    named = [scope.removeprefix(HOOK_SCOPE_START) for scope in principal.scopes if scope.startswith(HOOK_SCOPE_START)]
    if principal.has(Scope.ADMIN) and not named:
        given = token_in(request.headers.get("authorization", ""))
        named = [given] if any(hook.name == given for hook in hooks) else [hook.name for hook in hooks[:1]]
    elif not named:
        if not principal.scopes:
            raise Problem(
                401,
                "unauthenticated",
                "a token with the scope hooks:<name> is needed, as the write key",
                headers={"WWW-Authenticate": 'Basic realm="goldstream"'},
            )
        detail = f"the token {principal.name!r} lacks the scope hooks:<name>; create one that has it"
        raise Problem(403, "forbidden", detail)
    found = next((hook for hook in hooks if hook.name in named), None)
    if found is None:
        raise Problem(404, "unknown-hook", "there is no [[hook]] of segment with the name in the token's scope")
    return found


def _status(receipt: Receipt) -> int:
    return 200 if receipt.acceptance is Acceptance.PUBLISHED else 202


ROUTES: Final[list[ControllerRouterHandler]] = [take_delivery, take_ga4_delivery, collect, take_segment_call]
