"""How often a stage fetches: the fewer fetches, the more records each of them returns, and the less work they are."""

from typing import NamedTuple

from streams.clock import Clock


class FetchPace(NamedTuple):
    """How often a stage may fetch.

    Attributes:
        spacing_s: the average time between two fetches that is never gone below, in seconds.
        burst: how many fetches may be sent at once after a time without any. At a low rate each record is fetched as
            soon as it arrives; at a high one the fetches are `spacing_s` apart.
    """

    spacing_s: float
    burst: int = 0


class FetchPacer:
    """Spaces fetches: the generic cell rate algorithm, whose whole state is when the next fetch would be due."""

    def __init__(self, pace: FetchPace, clock: Clock) -> None:
        self._spacing_s = pace.spacing_s
        self._tolerance_s = pace.burst * pace.spacing_s
        self._clock = clock
        self._due_s = 0.0

    def next_delay(self) -> float:
        """Return how many seconds the next fetch must wait, and count it as sent then."""
        now_s = self._clock.monotonic()
        begin_s = max(now_s, self._due_s - self._tolerance_s)
        self._due_s = max(begin_s, self._due_s) + self._spacing_s
        return begin_s - now_s
