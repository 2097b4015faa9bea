"""Retries continue until one succeeds or the worker stops; pauses grow, reset, and end at the stop."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from streams.clock import SYSTEM_CLOCK
from streams.errors import FatalError
from streams.retries import Backoff, retry_until_stopped
from tests.lanes.clock import ManualClock


class Retries:
    """The pauses between attempts, on a clock that each pause advances."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.stop = asyncio.Event()
        self.pauses: list[float] = []

    async def run(
        self, attempt: Callable[[], Awaitable[str]], reset_after_s: float | None = None, on: type[Exception] = OSError
    ) -> str | None:
        """Retry with pauses of 1 to 5 s."""
        return await retry_until_stopped(
            attempt,
            on=on,
            stop=self.stop,
            clock=self.clock,
            backoff=Backoff(1.0, 5.0),
            on_error=self._record_pause,
            reset_after_s=reset_after_s,
        )

    async def _record_pause(self, error: Exception, pause_s: float) -> None:
        assert isinstance(error, OSError)
        self.pauses.append(pause_s)
        asyncio.get_running_loop().call_soon(lambda: asyncio.create_task(self._advance(pause_s)))

    async def _advance(self, pause_s: float) -> None:
        await asyncio.sleep(0)
        self.clock.advance(pause_s)


async def test_pauses_double_up_to_the_maximum_until_an_attempt_succeeds() -> None:
    retries, outcomes = Retries(), iter([False] * 5 + [True])

    async def attempt() -> str:
        if not next(outcomes):
            raise OSError
        return "done"

    assert await retries.run(attempt) == "done"
    assert retries.pauses == [1, 2, 4, 5, 5]


async def test_a_long_attempt_resets_the_pauses() -> None:
    retries, lengths_s = Retries(), iter([0, 0, 61, 0])

    async def attempt() -> str:
        length_s = next(lengths_s, None)
        if length_s is None:
            return "done"
        retries.clock.advance(length_s)
        raise OSError

    assert await retries.run(attempt, reset_after_s=60) == "done"
    assert retries.pauses == [1, 2, 1, 2]


async def test_a_stop_ends_the_pause() -> None:
    retries = Retries()

    async def attempt() -> str:
        asyncio.get_running_loop().call_soon(retries.stop.set)
        raise OSError

    assert await retries.run(attempt) is None


async def test_nothing_is_attempted_after_the_stop_and_no_failure_is_reported() -> None:
    retries = Retries()

    async def attempt() -> str:
        retries.stop.set()
        raise OSError

    assert await retries.run(attempt) is None
    assert await retries.run(attempt) is None
    assert retries.pauses == []


@pytest.mark.parametrize("error", [ValueError("not retried"), FatalError("not retried")], ids=["other", "fatal"])
async def test_other_errors_are_raised(error: Exception) -> None:
    async def attempt() -> str:
        raise error

    with pytest.raises(type(error), match="not retried"):
        await Retries().run(attempt, on=Exception if isinstance(error, FatalError) else OSError)


async def test_a_cancellation_that_nobody_asked_for_is_a_failed_attempt() -> None:
    attempts = 0

    async def attempt() -> str:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            await _cancelled_task()
        return "done"

    assert await _retried(attempt) == "done"
    assert attempts == 2


async def test_a_cancellation_ends_the_retries() -> None:
    started = asyncio.Event()

    async def attempt() -> str:
        started.set()
        await asyncio.Event().wait()
        return "never"

    retrying = asyncio.create_task(_retried(attempt))
    await started.wait()
    retrying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await retrying


async def _cancelled_task() -> None:
    """Wait for a task that is cancelled, as aiokafka's consumer does when it stops."""
    pending = asyncio.create_task(asyncio.sleep(600))
    pending.cancel()
    await pending


async def _retried(attempt: Callable[[], Awaitable[str]]) -> str | None:
    async def no_report(_error: Exception, _pause_s: float) -> None: ...

    return await retry_until_stopped(
        attempt,
        on=OSError,
        stop=asyncio.Event(),
        clock=SYSTEM_CLOCK,
        backoff=Backoff(0.001, 0.001),
        on_error=no_report,
    )
