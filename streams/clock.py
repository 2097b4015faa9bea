"""The clock: the only module that reads the time (tests/unit/test_repository_rules.py)."""

import asyncio
import time
from typing import Final, Protocol

_BOOT_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock(Protocol):
    """The time, and a way to wait. Code that needs either takes a clock, so that tests can pass one that they move."""

    def wall_ms(self) -> int:
        """Return the wall time in milliseconds since 1970-01-01T00:00:00Z."""

    def monotonic(self) -> float:
        """Return seconds that never decrease; they may stop while the machine sleeps."""

    def boot_seconds(self) -> float:
        """Return seconds since the machine was started, including its sleep where the system can tell."""

    async def sleep(self, seconds: float) -> None:
        """Wait that long."""


class SystemClock:
    """The clocks of the machine."""

    def wall_ms(self) -> int:
        """Return the wall time in milliseconds since 1970-01-01T00:00:00Z."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Return seconds that never decrease."""
        return time.monotonic()

    def boot_seconds(self) -> float:
        """Return seconds since the machine was started."""
        return time.clock_gettime(_BOOT_CLOCK)

    async def sleep(self, seconds: float) -> None:
        """Wait that long."""
        await asyncio.sleep(seconds)


SYSTEM_CLOCK: Final = SystemClock()
