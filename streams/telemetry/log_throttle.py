"""The one throttle for log lines about a condition that persists."""

from collections.abc import Hashable
from typing import Final

from streams.clock import Clock

REPEAT_SECONDS: Final = 60.0


class LogThrottle:
    """Allow a log line at once, then once per interval; at once again when its subject changes or after a reset."""

    def __init__(self, clock: Clock, interval_s: float = REPEAT_SECONDS) -> None:
        self._clock = clock
        self._interval_s = interval_s
        self._subject: Hashable = None
        self._logged_at: float | None = None

    def should_log(self, subject: Hashable = None) -> bool:
        """Return whether to log now, and count the line as logged if so.

        Args:
            subject: what the line is about; a new one is logged at once.
        """
        now = self._clock.monotonic()
        if self._logged_at is not None and subject == self._subject and now - self._logged_at < self._interval_s:
            return False
        self._subject, self._logged_at = subject, now
        return True

    def reset(self) -> None:
        """Log the next line at once: the condition has ended, so its return is news."""
        self._logged_at = None

    def skip(self) -> None:
        """Log nothing until an interval has passed."""
        self._logged_at = self._clock.monotonic()
