"""Handle Ctrl-C and other signals: clean up once, whatever else is pressed in the meantime."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

Result = TypeVar("Result")

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):
    """A signal arrived and everything is cleaned up; `status` is the exit status that shells expect for it."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(f"interrupted by {number.name}")
        self.status = 128 + number


async def run_interruptible(work: Coroutine[Any, Any, Result]) -> Result:
    """Run the work, and cancel it at the first signal; later signals change nothing.

    Raises:
        Interrupted: a signal arrived.
    """
    task = asyncio.ensure_future(work)
    received: list[signal.Signals] = []

    def cancel_once(number: signal.Signals) -> None:
        received.append(number)
        if len(received) == 1:
            task.cancel()

    _handle_signals(cancel_once)
    try:
        return await task
    except asyncio.CancelledError:
        if received:
            raise Interrupted(received[0]) from None
        raise


async def run_until_interrupted(work: Coroutine[Any, Any, None]) -> None:
    """Run the work until a signal arrives, which ends it normally."""
    stop = asyncio.Event()
    _handle_signals(lambda _: stop.set())
    tasks = [asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _handle_signals(handler: Callable[[signal.Signals], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, handler, number)
