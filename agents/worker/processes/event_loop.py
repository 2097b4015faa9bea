"""The event loop of one process of a worker, from its start to its exit status."""

import asyncio
import gc
import logging
import os
import signal
import threading
from collections.abc import Awaitable, Callable
from typing import Final

import uvloop

from streams.engine.loop_watchdog import LoopWatchdog
from streams.errors import FatalError
from streams.settings.settings import Settings

log = logging.getLogger(__name__)

LEAVE_SECONDS: Final = 1.0
STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
FAILED: Final = 1


def run_loop(settings: Settings, main: Callable[[asyncio.Event], Awaitable[int]]) -> int:
    """Run `main` in an event loop and return the exit status, its own or 1 after a `FatalError`, which is logged.

    Args:
        settings: the worker's.
        main: takes an event that is set on SIGTERM or SIGINT, when it has to end.
    """
    gc.set_threshold(100_000, 50, 100)  # with CPython's defaults, collections take up to 40 % of a lane's time
    if not settings.uses_tls:  # with TLS, a worker on uvloop stalls as it starts: deploy/decisions/0052
        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    return asyncio.run(_run(main))


async def _run(main: Callable[[asyncio.Event], Awaitable[int]]) -> int:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop.set)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)  # a supervisor forks with them blocked, so none is lost
    watchdog = LoopWatchdog(loop, threading.get_ident())
    watchdog.start()
    try:
        status = await main(stop)
    except FatalError as error:
        log.error("%s", error)  # noqa: TRY400 - one line; a traceback would not help an operator
        status = FAILED
    finally:
        watchdog.stop()
    await _leave(status)
    return status


async def _leave(status: int) -> None:
    """Exit by force if tasks would keep the process: what had to be written is written by now, or never will be.

    With Kafka away, Faust's supervisors restart their agents when these are cancelled, and `asyncio.run` would wait for
    them forever.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)  # a second one must not change the exit status any more
    current = asyncio.current_task()
    for task in asyncio.all_tasks() - {current}:
        task.cancel()
    remaining = asyncio.all_tasks() - {current}
    if remaining:
        await asyncio.wait(remaining, timeout=LEAVE_SECONDS)
    if asyncio.all_tasks() - {current}:
        logging.shutdown()
        os._exit(status)
