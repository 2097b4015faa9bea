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
AHEAD_SECONDS: Final = 0.4
"""How much work for its lane a journal partition may have before a backlog waits."""
MIN_UNFOLDED: Final = 500
MAX_UNFOLDED: Final = 3_000
"""The least and the most records that this may be, however slow or fast the lane is."""
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
        self._lanes: dict[int, _LaneReports] = {}

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
        lane = self._lanes.setdefault(partition, _LaneReports())
        return lane.is_fresh(report.position, self._clock.monotonic()) and end - report.position > lane.limit


class _LaneReports:
    """What the reports of a lane tell about its speed."""

    def __init__(self) -> None:
        self.limit = MAX_UNFOLDED
        self._position = -1
        self._since_s = 0.0

    def is_fresh(self, position: int, now_s: float) -> bool:
        """Note the newest report; return whether the lane gets on."""
        seconds, records = now_s - self._since_s, position - self._position
        if not records:
            return seconds <= FRESH_SECONDS
        if self._position >= 0 and seconds > 0:
            ahead = round(AHEAD_SECONDS * records / seconds)
            self.limit = max(MIN_UNFOLDED, min(MAX_UNFOLDED, (self.limit + ahead) // 2))
        self._position, self._since_s = position, now_s
        return True
