"""Litestar with one handler that reads the body and answers, on the server that `goldstream serve` uses.

python -m bench.serving.bare_handler
"""

import asyncio
from typing import Any

import uvloop
from litestar import Litestar, Request, post

from agents.serve.http_server import HttpServer
from agents.serve.listening import bind
from streams.settings.settings import Settings


@post("/", status_code=200)
async def take(request: Request[Any, Any, Any]) -> dict[str, int]:
    """Read the body."""
    return {"bytes": len(await request.body())}


async def _serve() -> None:
    sockets = bind(Settings(api="127.0.0.1:0"))
    host, port = sockets[0].getsockname()[:2]
    print(f"serve: http://{host}:{port}", flush=True)
    await HttpServer(Litestar([take], openapi_config=None, logging_config=None)).serve(sockets=sockets)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve())
