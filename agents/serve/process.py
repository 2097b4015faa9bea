"""The process of a server, from its start to its exit status."""

import asyncio
import logging
import os
import resource
import signal
import socket
from importlib.metadata import version
from pathlib import Path
from typing import Final

import uvloop

from agents.serve.application import answering_head, create_app
from agents.serve.context import ServeContext
from agents.serve.http_metrics import measured
from agents.serve.http_server import HttpServer
from agents.serve.listening import bind, check_tokens, tls_context
from state.config.config_errors import ConfigErrors
from streams.clock import SYSTEM_CLOCK
from streams.errors import FatalError
from streams.settings.settings import Settings
from streams.telemetry.metrics import Metrics, worker_registry

log = logging.getLogger(__name__)

FORCE_SECONDS: Final = 27
"""After a signal to stop, when the process ends whatever still runs; it has to exit within 30 s."""
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
    _allow_connections()
    metrics = Metrics(worker_registry(), "serve")
    metrics.set_build(version("goldstream"), "", "")
    tls = tls_context(settings)
    sockets = bind(settings)
    context = ServeContext(settings, SYSTEM_CLOCK, metrics, spool)
    tokens = context.access.tokens
    check_tokens(settings, None if tokens is None else tokens.count(), sockets)
    server = HttpServer(answering_head(measured(create_app(context), metrics, context.clock)), tls)

    def stop() -> None:
        log.info("goldstream serve: stopping")
        context.stopping.set()
        server.should_exit = True
        asyncio.get_running_loop().call_later(FORCE_SECONDS, _force_exit)

    for number in STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop)
    _announce(context, sockets[0], is_encrypted=tls is not None)
    await server.serve(sockets=sockets)
    return 0


def _force_exit() -> None:
    """Exit although something still runs: what Kafka has not acknowledged by now was answered with 503."""
    log.error("goldstream serve: did not finish within %d s; exiting", FORCE_SECONDS)
    logging.shutdown()
    os._exit(0)


def _allow_connections() -> None:
    """Raise the limit of open files to what the system allows: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


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
