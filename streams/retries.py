"""The one way to retry: until it succeeds or the worker stops, with pauses that a stop ends.

Why not a library: deploy/decisions/0051-retries.md.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from streams.clock import Clock
from streams.errors import FatalError, StrayCancellationError, is_cancelled

Result = TypeVar("Result")
OnError = Callable[[Exception, float], Awaitable[None]]


class Backoff:
    """Pauses between attempts: each twice as long as the one before, up to a maximum."""

    def __init__(self, first_s: float, max_s: float) -> None:
        self._first_s = self._next_s = first_s
        self._max_s = max_s

    def next_pause(self) -> float:
        """Return the seconds to wait now, and double the next pause."""
        pause_s = self._next_s
        self._next_s = min(pause_s * 2, self._max_s)
        return pause_s

    def reset(self) -> None:
        """Start over with the first pause."""
        self._next_s = self._first_s


async def retry_until_stopped(
    attempt: Callable[[], Awaitable[Result]],
    *,
    on: type[Exception] | tuple[type[Exception], ...],
    stop: asyncio.Event,
    clock: Clock,
    backoff: Backoff,
    on_error: OnError,
    reset_after_s: float | None = None,
) -> Result | None:
    """Attempt something until it succeeds; return its result, or None if `stop` was set before that.

    A running attempt is never interrupted, only the pause between two. A `FatalError` is always raised; after a
    cancellation that nobody has asked for, there is always another attempt.

    Args:
        attempt: what to do.
        on: the errors after which to try again; others are raised.
        stop: ends the pause and the retries.
        clock: measures attempts and pauses.
        backoff: the pauses, in seconds.
        on_error: awaited after each failed attempt with the error and the length of the pause that follows; what it
            raises ends the retries.
        reset_after_s: an attempt that lasted this long before it failed starts the pauses over.
    """
    errors: tuple[type[Exception], ...] = (StrayCancellationError, *(on if isinstance(on, tuple) else (on,)))
    while not stop.is_set():
        started_s = clock.monotonic()
        try:
            return await _without_stray_cancellation(attempt)
        except FatalError:
            raise
        except errors as error:
            if stop.is_set():
                break
            if reset_after_s is not None and clock.monotonic() - started_s > reset_after_s:
                backoff.reset()
            pause_s = backoff.next_pause()
            await on_error(error, pause_s)
            await pause(pause_s, stop, clock)
    return None


async def _without_stray_cancellation(attempt: Callable[[], Awaitable[Result]]) -> Result:
    try:
        return await attempt()
    except asyncio.CancelledError as error:
        if is_cancelled():
            raise
        raise StrayCancellationError from error


async def pause(seconds: float, stop: asyncio.Event, clock: Clock) -> None:
    """Wait that long, or until `stop` is set."""
    waits = [asyncio.ensure_future(clock.sleep(seconds)), asyncio.ensure_future(stop.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
