"""The routes of `agents.serve.pages`."""

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from aiokafka.errors import KafkaError
from litestar import Router
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.plugins.problem_details import ProblemDetailsException
from litestar.types import ControllerRouterHandler

from agents.serve.context import Context, ServeContext
from agents.serve.lookups.background import run_forever
from agents.serve.lookups.refusals import LookupRefused, RedisAway
from agents.serve.pages.handlers import (
    campaigns,
    customers,
    daily,
    erasure,
    flows,
    now,
    rejected,
    segments,
    sign_in,
    what_if,
)
from agents.serve.pages.handlers.error_pages import show_kafka_away, show_refusal
from agents.serve.pages.page_view import PageRequest, PageView
from agents.serve.pages.static_files import send_static
from agents.serve.pages.templating import compile_all

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


async def provide_view(context: Context, request: PageRequest) -> PageView:
    """Return the view of a request: the active policy, and how current the figures are."""
    csrf_token = context.access.csrf_token(request)
    return PageView(request, context.lookups.policy, await context.lookups.status(), csrf_token)


@asynccontextmanager
async def pages_service(context: ServeContext) -> "AsyncIterator[None]":
    """Keep open pages up to date."""
    stopping, live = context.stopping, context.live_pages

    async def end_streams() -> None:
        await stopping.wait()
        live.end_all()

    tasks = [
        asyncio.create_task(run_forever("open pages are not kept up to date", live.run, stopping, context.clock)),
        asyncio.create_task(end_streams()),
        asyncio.create_task(asyncio.to_thread(compile_all)),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


PAGES: Final = Router(
    path="/",
    dependencies={"view": Provide(provide_view)},
    exception_handlers={
        HTTPException: show_refusal,
        KafkaError: show_kafka_away,
        LookupRefused: show_refusal,
        ProblemDetailsException: show_refusal,
        RedisAway: show_refusal,
    },
    route_handlers=[
        now.show_now,
        now.follow,
        segments.show_segments,
        segments.show_segment,
        segments.show_cell,
        segments.download_cell,
        customers.show_search,
        customers.search,
        customers.show_customer,
        erasure.erase,
        flows.show_flows,
        flows.show_flow_customers,
        daily.show_daily,
        daily.show_figure,
        campaigns.show_campaigns,
        what_if.show_what_if,
        what_if.compare,
        what_if.show_comparison,
        what_if.download,
        what_if.apply,
        rejected.show_rejected,
        sign_in.show_login,
        sign_in.sign_in,
        sign_in.sign_out,
    ],
)

ROUTES: Final[list[ControllerRouterHandler]] = [send_static, PAGES]
