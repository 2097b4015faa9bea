"""The process of a server, from its start to its exit status."""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import uvicorn
import uvloop

from agents.serve.application import create_app
from agents.serve.context import ServeContext
from agents.serve.http_metrics import measured
from agents.serve.listening import bind, tls_context
from state.config.config_errors import ConfigErrors
from streams.clock import SYSTEM_CLOCK
from streams.errors import FatalError
from streams.settings.settings import Settings
from streams.telemetry.metrics import Metrics, worker_registry

log = logging.getLogger(__name__)

STOP_SECONDS: Final = 20
"""How long responses may take that are being sent when the server stops; it has to exit within 30 s."""
FAILED: Final = 1
STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def run(settings: Settings, spool: Path | None = None) -> int:
    """Serve until SIGTERM or SIGINT; return the exit status."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            return runner.run(_serve(settings, spool))
        except (FatalError, OSError) as error:
            log.error("%s", error)  # noqa: TRY400 - one line; a traceback would not help an operator
        except ConfigErrors as invalid:
            for line in invalid.errors:
                log.error("%s", line)  # noqa: TRY400 - as above
        return FAILED


async def _serve(settings: Settings, spool: Path | None) -> int:
    metrics = Metrics(worker_registry(), "serve")
    tls = tls_context(settings)
    context = ServeContext(settings, SYSTEM_CLOCK, metrics, spool)
    sockets = bind(settings)
    server = _Server(
        uvicorn.Config(
            measured(create_app(context), metrics, context.clock),
            http="h11",
            ws="none",
            lifespan="on",
            log_config=None,
            proxy_headers=False,  # nothing depends on the client's address
            ssl_context_factory=None if tls is None else lambda _config, _default: tls,
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
    _announce(context, sockets[0], is_encrypted=tls is not None)
    await server.serve(sockets=sockets)
    return 0


def _announce(context: ServeContext, listening: socket.socket, *, is_encrypted: bool) -> None:
    """Log the address, and who may use it."""
    host, port = listening.getsockname()[:2]
    scheme, shown = "https" if is_encrypted else "http", f"[{host}]" if ":" in host else host
    log.info("goldstream serve: %s://%s:%d", scheme, shown, port)
    tokens = context.access.tokens
    if tokens is None:
        log.warning(
            "there are no tokens: every program on this machine may do everything; `goldstream tokens create NAME "
            "--scope SCOPE` makes the first one, GOLDSTREAM_TOKENS names their file"
        )
    elif not tokens.count():
        log.warning("%s has no token: all requests that need one are refused", context.settings.tokens)


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process: uvicorn's handlers raise them again at the end, and the status is not 0."""
        yield
