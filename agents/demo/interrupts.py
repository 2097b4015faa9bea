"""Ctrl-C and its like: what was begun is cleaned up, once, whatever else is pressed meanwhile."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

Result = TypeVar("Result")

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):
    """A signal has come, and everything is cleaned up; `status` is what a shell expects of a program ended by it."""

    def __init__(self, number: signal.Signals) -> None:
        """Take the signal."""
        super().__init__(f"interrupted by {number.name}")
        self.status = 128 + number


async def run_interruptible(work: Coroutine[Any, Any, Result]) -> Result:
    """Do the work, and cancel it at the first signal; the ones after it change nothing.

    Raises:
        Interrupted: a signal has come.
    """
    task = asyncio.ensure_future(work)
    came: list[signal.Signals] = []

    def take(number: signal.Signals) -> None:
        came.append(number)
        if len(came) == 1:
            task.cancel()

    _handle(take)
    try:
        return await task
    except asyncio.CancelledError:
        if came:
            raise Interrupted(came[0]) from None
        raise


async def run_until_interrupted(work: Coroutine[Any, Any, None]) -> None:
    """Do the work until a signal comes, which here is the way to end it."""
    stop = asyncio.Event()
    _handle(lambda _: stop.set())
    tasks = [asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _handle(take: Any) -> None:
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, take, number)
