"""The routes of `agents.serve.lookups`, and the services that they share."""

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from litestar import Router
from litestar.types import ControllerRouterHandler

from agents.serve.context import ServeContext
from agents.serve.intake.intake import RULES_UNREAD
from agents.serve.lookups import figure_routes
from agents.serve.lookups.background import run_forever
from agents.serve.lookups.changes import routes as change_routes
from agents.serve.lookups.customers import routes as customer_routes
from agents.serve.lookups.policies import routes as policy_routes
from agents.serve.lookups.refusal_responses import REFUSALS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROUTES: Final[list[ControllerRouterHandler]] = [
    Router(
        "/",
        route_handlers=[
            *figure_routes.ROUTES,
            *customer_routes.ROUTES,
            *change_routes.ROUTES,
            *policy_routes.ROUTES,
        ],
        exception_handlers=REFUSALS,
    )
]


@asynccontextmanager
async def lookups_service(context: ServeContext) -> "AsyncIterator[None]":
    """Follow the rules, the time and the changes; close all connections in the end."""
    lookups, feed, stopping, clock = context.lookups, context.change_feed, context.stopping, context.clock

    def unready() -> str | None:
        is_late = context.intake.link.has_connected and lookups.policy is None
        return RULES_UNREAD if is_late else None

    context.waiting["rules"] = unready

    async def end_streams() -> None:
        await stopping.wait()
        feed.end_all()

    tasks = [
        asyncio.create_task(run_forever("the rules are not followed", lookups.follower.run, stopping, clock)),
        asyncio.create_task(run_forever("the time is not followed", lookups.time.run, stopping, clock)),
        asyncio.create_task(run_forever("erasures are not followed", lookups.erasures.run, stopping, clock)),
        asyncio.create_task(run_forever("changes are not followed", feed.run, stopping, clock)),
        asyncio.create_task(end_streams()),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        stopping.set()
        await context.policy_diffs.close()
        await lookups.close()
