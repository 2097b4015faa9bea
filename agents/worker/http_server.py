"""The HTTP server of a process of a worker: metrics, health and readiness."""

import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from streams.errors import FatalError

BACKLOG: Final = 128
CLEANUP_SECONDS: Final = 1.0
"""How long requests that are being answered may take when the server ends; aiohttp would wait for a minute."""
_LINKS: Final = (
    ("metrics", "Prometheus text"),
    ("health", "200 while the worker works as it should, else why not"),
    ("ready", "200 once it has its partitions and has recovered them, else what it waits for"),
)
_PAGE_BEGIN: Final = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Goldstream worker</title><main>'
_ABOUT: Final = (
    "It turns purchases into customer segments and messages. It answers only what operators ask; pages, look-ups and "
    "the intake over HTTP are served by <code>goldstream serve</code>."
)


@dataclass(frozen=True, slots=True)
class Answers:
    """What a server answers.

    Attributes:
        metrics: returns Prometheus text.
        health: returns what prevents the worker from working, or None.
        ready: returns what it waits for before it is ready, or None.
    """

    metrics: Callable[[], Awaitable[bytes]]
    health: Callable[[], Awaitable[str | None]]
    ready: Callable[[], Awaitable[str | None]]


def bind_http(address: tuple[str, int]) -> list[socket.socket]:
    """Return sockets that listen at an address, one for each address that its host stands for; port 0 takes a free one.

    Raises:
        FatalError: the address is taken, or is not one of this machine.
    """
    host, port = address
    bound: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, _, _, _, place in dict.fromkeys(found):
            chosen = (place[0], bound[0].getsockname()[1] if bound else port, *place[2:])
            bound.append(socket.create_server(chosen, family=family, backlog=BACKLOG))
    except OSError as error:
        close_all(bound)
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise FatalError(
            f"GOLDSTREAM_HTTP must be an address that is free: got {host}:{port} ({reason}); end "
            "the program that listens there, or set another host:port (port 0 takes a free one)"
        ) from error
    return bound


def close_all(sockets: Sequence[socket.socket]) -> None:
    """Close sockets."""
    for each in sockets:
        each.close()


async def serve_http(sockets: Sequence[socket.socket], answers: Answers) -> web.AppRunner:
    """Serve `/metrics`, `/health`, `/ready` and a page with links to them; return the server, to be cleaned up."""

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=await answers.metrics(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    def answer(ask: Callable[[], Awaitable[str | None]]) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handler(_: web.Request) -> web.Response:
            problem = await ask()
            return web.Response(status=200 if problem is None else 503, text=f"{problem or 'ok'}\n")

        return handler

    async def index(_: web.Request) -> web.Response:
        return web.Response(text=_page(), content_type="text/html")

    app = web.Application()
    app.router.add_get("/", index)
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/health", answer(answers.health))
    app.router.add_get("/ready", answer(answers.ready))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=CLEANUP_SECONDS)
    await runner.setup()
    for each in sockets:
        await web.SockSite(runner, each).start()
    return runner


def _page() -> str:
    """Return the page at `/`: what answers here, and where to go on."""
    links = "".join(f'<li><a href="{path}">{path}</a>: {what}</li>' for path, what in _LINKS)
    return f"{_PAGE_BEGIN}<h1>Goldstream {version('goldstream')}: a worker</h1><p>{_ABOUT}</p><ul>{links}</ul></main>"
