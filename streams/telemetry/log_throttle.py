"""What goes on for long is said again, but not all the time."""

import time
from typing import Final

REPEAT_SECONDS: Final = 60.0


class LogThrottle:
    """Lets something be said at once, and then at most once a minute."""

    def __init__(self) -> None:
        """Nothing has been said yet."""
        self._said_at = -REPEAT_SECONDS

    def should_log(self) -> bool:
        """Whether it is time to say it; if so, it counts as said."""
        now = time.monotonic()
        if now - self._said_at < REPEAT_SECONDS:
            return False
        self._said_at = now
        return True

    def reset(self) -> None:
        """It is over: when it comes again, it is news."""
        self._said_at = -REPEAT_SECONDS
