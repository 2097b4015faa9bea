"""The application: the routes of all packages, the services that they share, and what wraps every request."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from litestar import Litestar, Request, Response
from litestar.datastructures import MutableScopeHeaders, State
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.plugins.problem_details import ProblemDetailsException
from litestar.types import ControllerRouterHandler, Message, Scope

from agents.serve import probes
from agents.serve.access.guard import guard_of
from agents.serve.context import ServeContext
from agents.serve.documents.openapi import openapi_config
from agents.serve.documents.routes import ROUTES as DOCUMENTS
from agents.serve.hooks.routes import ROUTES as HOOKS
from agents.serve.hooks.routes import hooks_service
from agents.serve.intake.routes import ROUTES as INTAKE
from agents.serve.intake.routes import intake_service
from agents.serve.lookups.customers.encoded_ids import keep_encoded_ids
from agents.serve.lookups.routes import ROUTES as LOOKUPS
from agents.serve.lookups.routes import lookups_service
from agents.serve.pages.handlers.error_pages import show_refusal, wants_page
from agents.serve.pages.routes import ROUTES as PAGES
from agents.serve.pages.routes import pages_service
from agents.serve.problems import respond_to_bug, respond_to_deep_body, respond_to_http_error, respond_to_problem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Send

ROUTES: Final[tuple[ControllerRouterHandler, ...]] = (
    *probes.ROUTES,
    *DOCUMENTS,
    *INTAKE,
    *LOOKUPS,
    *HOOKS,
    *PAGES,
)

MAX_BODY_BYTES: Final = 2 * 1024 * 1024
"""Of a request whose route has no limit of its own."""

Service = Callable[[ServeContext], AbstractAsyncContextManager[None]]
"""Starts what routes share (a producer, a connection to Redis), puts it into the context, and closes it in the end."""

SERVICES: Final[tuple[Service, ...]] = (intake_service, lookups_service, hooks_service, pages_service)
"""In the order in which they start; they end in the reverse order, after the last response."""


async def add_response_headers(message: Message, scope: Scope) -> None:
    """Add the headers that are not the handler's: the RateLimit fields, and that nothing is cached or guessed."""
    if message["type"] != "http.response.start":
        return
    headers = MutableScopeHeaders.from_message(message)
    for name, value in scope["state"].get("response_headers", {}).items():
        headers[name] = value
    headers.setdefault("Cache-Control", "no-store")
    headers.setdefault("X-Content-Type-Options", "nosniff")


def _refuse(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """Return the response for what no route answers: to a browser a page, to other clients a problem."""
    return show_refusal(request, error) if wants_page(request) else respond_to_http_error(request, error)


def create_app(
    context: ServeContext, routes: Sequence[ControllerRouterHandler] = ROUTES, services: Sequence[Service] = SERVICES
) -> Litestar:
    """Return the application, whose services start and end with its lifespan.

    Args:
        context: what its routes share.
        routes: all, but in tests.
        services: all, but in tests.
    """

    @asynccontextmanager
    async def running(_: Litestar) -> "AsyncIterator[None]":
        async with AsyncExitStack() as stack:
            for service in services:
                await stack.enter_async_context(service(context))
            yield

    app = Litestar(
        route_handlers=routes,
        guards=[guard_of(context.access)],
        dependencies={"context": Provide(lambda: context, sync_to_thread=False)},
        exception_handlers={
            ProblemDetailsException: respond_to_problem,
            HTTPException: _refuse,
            RecursionError: respond_to_deep_body,
            Exception: respond_to_bug,
        },
        before_send=[add_response_headers],
        lifespan=[running],
        logging_config=None,  # the process has set up logging
        openapi_config=openapi_config(),
        request_max_body_size=MAX_BODY_BYTES,
        debug=False,
        state=State({"context": context}),  # for refusals, which have no dependencies
    )
    app.asgi_handler = keep_encoded_ids(app.asgi_handler)
    return app


def answering_head(app: ASGIApp) -> ASGIApp:
    """Return an application that answers HEAD as it answers GET."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP and scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}  # a copy: uvicorn reads its own again
        await app(scope, receive, send)

    return call
