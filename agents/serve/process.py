"""The process of a server, from its start to its exit status."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import uvicorn
import uvloop

from agents.serve.application import create_app
from agents.serve.context import ServeContext
from agents.serve.http_metrics import measured
from agents.serve.listening import bind
from streams.clock import SYSTEM_CLOCK
from streams.errors import FatalError
from streams.settings.settings import Settings
from streams.telemetry.metrics import Metrics, worker_registry

log = logging.getLogger(__name__)

STOP_SECONDS: Final = 20
"""How long responses may take that are being sent when the server stops; it has to exit within 30 s."""
STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def run(settings: Settings, spool: Path | None = None) -> int:
    """Serve until SIGTERM or SIGINT; return the exit status."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            return runner.run(_serve(settings, spool))
        except FatalError as error:
            log.error("%s", error)  # noqa: TRY400 - one line; a traceback would not help an operator
            return 1


async def _serve(settings: Settings, spool: Path | None) -> int:
    metrics = Metrics(worker_registry(), "serve")
    context = ServeContext(settings, SYSTEM_CLOCK, metrics, spool)
    sockets = bind(settings.api_address)
    server = _Server(
        uvicorn.Config(
            measured(create_app(context), metrics, context.clock),
            http="h11",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,  # a path may name a customer
            server_header=False,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
    )

    def stop() -> None:
        log.info("goldstream serve: stopping")
        context.stopping.set()
        server.should_exit = True

    for number in STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop)
    host, port = sockets[0].getsockname()[:2]
    log.info("goldstream serve: http://%s:%d", f"[{host}]" if ":" in host else host, port)
    await server.serve(sockets=sockets)
    return 0


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process: uvicorn's handlers raise them again at the end, and the status is not 0."""
        yield
