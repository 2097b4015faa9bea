"""A clock that a test moves."""

import asyncio

START_MS = 1_800_000_000_000
"""The wall time at which a manual clock starts: 2027-01-15T08:00:00Z."""


class ManualClock:
    """A `streams.clock.Clock` that stands still until it is advanced.

    Attributes:
        now_s: seconds since an arbitrary start; the wall clock moves with it.
    """

    def __init__(self, now_s: float = 1000.0) -> None:
        self.now_s = self._start_s = now_s
        self._sleepers: list[tuple[float, asyncio.Event]] = []

    def wall_ms(self) -> int:
        """Return milliseconds since 1970."""
        return START_MS + round((self.now_s - self._start_s) * 1000)

    def monotonic(self) -> float:
        """Return the seconds to which the clock was advanced."""
        return self.now_s

    def boot_seconds(self) -> float:
        """Return the seconds to which the clock was advanced."""
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock was advanced that far."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        due = asyncio.Event()
        self._sleepers.append((self.now_s + seconds, due))
        await due.wait()

    def advance(self, seconds: float) -> None:
        """Move the clock on, and wake what sleeps until then."""
        self.now_s += seconds
        for until_s, due in self._sleepers:
            if until_s <= self.now_s:
                due.set()
        self._sleepers = [each for each in self._sleepers if not each[1].is_set()]
