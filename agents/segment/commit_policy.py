"""When the steps of the write plan that may be postponed are due: the daily totals and the progress."""

from collections.abc import Iterator
from typing import Final

from state.daily.daily_summary import is_published, unpublished_days
from state.daily.day_store import DayStore, Record
from state.fold.partition import Partition
from state.units.local_days import format_day
from streams.clock import Clock

WORKING_SECONDS = 0.5
"""How long the progress may wait while batches arrive: a small batch saves a third of its requests."""
IDLE_SECONDS: Final = 0.05
"""How long it may wait after the last of them."""
QUIET_SECONDS = 2.0
"""How long it may wait while nothing but ticks without effect arrives: this is what an idle worker writes."""
PUBLISH_SECONDS: Final = 5.0
"""The minimum time between two publications of daily totals."""


class CheckpointTimer:
    """How long the progress may still wait, since the first batch that it does not cover."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: float | None = None
        self._wrote = False

    def note_batch(self, *, wrote: bool) -> None:
        """Note a batch that the written progress does not cover; `wrote` if anything was written for it."""
        if self._since is None:
            self._since = self._clock.monotonic()
        self._wrote |= wrote

    def reset(self) -> None:
        """Note that the progress is written."""
        self._since, self._wrote = None, False

    @property
    def is_overdue(self) -> bool:
        """Whether the progress must be written now, though batches arrive."""
        limit = WORKING_SECONDS if self._wrote else QUIET_SECONDS
        return self._since is not None and self._clock.monotonic() - self._since >= limit

    def due_in(self) -> float | None:
        """Return how many seconds it may wait if nothing arrives; None if nothing waits."""
        if self._since is None:
            return None
        return IDLE_SECONDS if self._wrote else QUIET_SECONDS


class DailyPublisher:
    """What to publish of a partition's days, and when: each day whose totals are not as they were last published."""

    def __init__(self, partition: Partition, days: DayStore, clock: Clock) -> None:
        self._partition = partition
        self._days = days
        self._clock = clock
        self._published_at = clock.monotonic() - PUBLISH_SECONDS
        self._last_day = 0

    def due_in(self) -> float | None:
        """Return the seconds until the next publication, 0 if it is due; None if there is nothing to publish."""
        if self._partition.rules is None or is_published(self._days, self._partition.today):
            return None
        return max(0.0, self._published_at + PUBLISH_SECONDS - self._clock.monotonic())

    def records(self, number: int) -> Iterator[Record]:
        """Yield the records of the days to publish for partition `number`; everything folded must be written."""
        rules, today = self._partition.rules, self._partition.today
        self._last_day = today
        for day, value in [] if rules is None else unpublished_days(self._days, today, rules.policy):
            self._last_day = max(self._last_day, day)
            yield f"{format_day(day)}:{number}".encode(), value

    def mark(self) -> Record:
        """Return the record that notes, once `records` are acknowledged, that they are published."""
        self._published_at = self._clock.monotonic()
        return self._days.mark_published(self._partition.progress.offset, self._last_day)
