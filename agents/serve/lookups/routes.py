"""The routes of `agents.serve.lookups`, the answers where a look-up is refused, and the services that they share."""

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from aiokafka.errors import KafkaError
from litestar import Request, Response, Router
from litestar.types import ControllerRouterHandler

from agents.serve.context import ServeContext
from agents.serve.intake.intake import RULES_UNREAD
from agents.serve.lookups import figure_routes
from agents.serve.lookups.background import run_forever
from agents.serve.lookups.changes import routes as change_routes
from agents.serve.lookups.customers import routes as customer_routes
from agents.serve.lookups.policies import routes as policy_routes
from agents.serve.lookups.refusals import LookupRefused, RedisAway
from agents.serve.problems import Problem, respond_to_problem, unavailable
from state.config.config_errors import ConfigErrors
from streams.errors import describe_error
from streams.kafka.control import NoControlTopic

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from litestar.types import ExceptionHandler

AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[dict[str, Any]]


def _refused(request: AnyRequest, error: LookupRefused) -> AnyResponse:
    headers = {"Retry-After": "10"} if error.kind == "diff-running" else None
    return respond_to_problem(request, Problem(error.status, error.kind, str(error), headers=headers, **error.members))


def _redis_away(request: AnyRequest, error: RedisAway) -> AnyResponse:
    return respond_to_problem(request, unavailable("redis-away", str(error), 5))


def _kafka_away(request: AnyRequest, error: Exception) -> AnyResponse:
    return respond_to_problem(request, unavailable("kafka-away", f"Kafka is away: {describe_error(error)}", 5))


def _invalid_rules(request: AnyRequest, error: ConfigErrors) -> AnyResponse:
    detail = error.errors[0] if len(error.errors) == 1 else f"{len(error.errors)} errors: {error.errors[0]}; …"
    return respond_to_problem(request, Problem(422, "policy", detail, errors=list(error.errors)))


def _no_topics(request: AnyRequest, error: NoControlTopic) -> AnyResponse:
    return respond_to_problem(request, Problem(409, "no-topics", str(error)))


REFUSALS: Final["dict[int | type[Exception], ExceptionHandler[Any]]"] = {
    LookupRefused: _refused,
    RedisAway: _redis_away,
    KafkaError: _kafka_away,
    OSError: _kafka_away,  # among them TimeoutError
    ConfigErrors: _invalid_rules,
    NoControlTopic: _no_topics,
}

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
