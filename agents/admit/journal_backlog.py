"""Backpressure: a backlog of source records waits for the lanes, so that live events do not queue behind all of it.

`admit` writes to the journal three times as fast as the lanes fold it. Without backpressure, a million records that are
imported would be in the journal within half a minute, and an event that a till publishes then would wait behind them,
though its own source topic is empty. So a lane of `admit` that reads a backlog waits while some journal partition has
too many records that are not folded; one that reads live events does not. Both then share the lanes.

The lanes report how far they are in `source-times`, while they are behind (`agents.segment.backlog_reporter`). Without
fresh reports there is nobody to be fair to, and nothing waits: the journal keeps everything.
"""

from collections.abc import Callable, Mapping
from typing import Final

from streams.clock import Clock
from streams.wire.watermarks import FOLDED, SourceWatermark

BACKLOG_RECORDS: Final = 500
"""A batch of this size is a backlog: live events come in batches of a few dozen at most."""
CHUNK_RECORDS: Final = 1_000
"""A backlog is journaled in chunks of this size, and waits before each."""
MAX_UNFOLDED: Final = 4_000
"""Records of a journal partition that may wait to be folded before a backlog waits: some 0.7 s of work.

Fewer would leave the lanes without work between two reports.
"""
FRESH_SECONDS: Final = 5.0
"""How long a report counts that does not change."""
LOOK_SECONDS: Final = 0.02


class JournalBacklog:
    """How many records of each journal partition are not folded yet, as far as this worker knows."""

    def __init__(self, reports: Mapping[str, SourceWatermark], clock: Clock) -> None:
        """Take the reports in `source-times`, which the follower of `control` keeps up to date."""
        self._reports = reports
        self._clock = clock
        self._ends: dict[int, int] = {}
        self._seen: dict[int, tuple[int, float]] = {}

    def note_ends(self, ends: Mapping[tuple[str, int], int]) -> None:
        """Note the offsets after what was just written to the journal."""
        for (_, partition), end in ends.items():
            self._ends[partition] = max(end, self._ends.get(partition, 0))

    async def wait_for_room(self, is_stopping: Callable[[], bool]) -> None:
        """Wait until no partition has too many records to fold."""
        while not is_stopping() and any(self._is_full(partition, end) for partition, end in self._ends.items()):
            await self._clock.sleep(LOOK_SECONDS)

    def _is_full(self, partition: int, end: int) -> bool:
        report = self._reports.get(f"{FOLDED}:{partition}")
        if report is None:
            return False
        now_s = self._clock.monotonic()
        position, since_s = self._seen.get(partition, (-1, 0.0))
        if position != report.position:
            self._seen[partition] = report.position, now_s
        elif now_s - since_s > FRESH_SECONDS:
            return False
        return end - report.position > MAX_UNFOLDED
