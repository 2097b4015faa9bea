"""The HTTP server of a worker: metrics, health and readiness."""

import os
from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from streams.errors import FatalError


async def serve_http(
    address: tuple[str, int],
    registry: CollectorRegistry,
    health: Callable[[], str | None],
    ready: Callable[[], str | None],
) -> tuple[web.AppRunner, int]:
    """Serve `/metrics`, `/health` and `/ready`.

    Args:
        address: host and port; port 0 takes a free one.
        registry: the metrics.
        health: returns what prevents the worker from working, or None.
        ready: returns what it waits for before it is ready, or None.

    Returns:
        The server, to be cleaned up in the end, and its port.

    Raises:
        FatalError: the address is taken, or is not one of this machine.
    """

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    def answer(ask: Callable[[], str | None]) -> Callable[[web.Request], object]:
        async def handler(_: web.Request) -> web.Response:
            problem = ask()
            return web.Response(status=200 if problem is None else 503, text=f"{problem or 'ok'}\n")

        return handler

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/health", answer(health))  # type: ignore[arg-type]  # aiohttp wants its own alias
    app.router.add_get("/ready", answer(ready))  # type: ignore[arg-type]
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, *address)
    try:
        await site.start()
    except OSError as error:
        await runner.cleanup()
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise FatalError(
            f"GOLDSTREAM_HTTP must be an address that is free: got {address[0]}:{address[1]} ({reason}); end "
            "the program that listens there, or set another host:port (port 0 takes a free one)"
        ) from error
    port: int = runner.addresses[0][1]
    return runner, port
