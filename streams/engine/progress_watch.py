"""Notice lanes that have something to do and do not get on with it."""

from collections.abc import Hashable, Iterator, Mapping
from typing import Final

from faust.types import TP

from streams.engine.lane_runner import LaneRunner

LOOK_SECONDS: Final = 5.0
STUCK_SECONDS: Final = 60.0
"""How long a lane may stand still although it has records and Kafka answers."""
STUCK_LOOKS: Final = int(STUCK_SECONDS / LOOK_SECONDS)


class StageStuckError(Exception):
    """A stage has something to do and Kafka answers, but it makes no progress."""


def marks_of_lane(tp: TP, runner: LaneRunner, fetched_at_ms: int | None) -> Iterator[tuple[str, Hashable]]:
    """Yield what a lane has to do, with a value that changes while it does.

    A lane that waits for another worker is left out: a restart would not help it. The broker answers fetches even while
    there are no records, except of a partition that is paused because its lane is full.

    Args:
        tp: the partition.
        runner: of its lane.
        fetched_at_ms: when the broker last answered a fetch.
    """
    lane = runner.lane
    if not lane.waiter.waits_for_others and (not runner.is_recovered or runner.is_behind):
        yield f"{tp.topic}:{tp.partition}", (runner.is_recovered, lane.cursor, lane.waiter.steps)
    if runner.is_recovered and not runner.is_full:
        yield f"fetching {tp.topic}:{tp.partition}", fetched_at_ms


class ProgressWatch:
    """Compares, every five seconds, what those who have something to do have done.

    Looks are counted, and not seconds: after the process was stopped, or its machine asleep, everybody gets time.
    """

    def __init__(self) -> None:
        self._standing: dict[str, tuple[Hashable, int]] = {}

    def look(self, marks: Mapping[str, Hashable]) -> list[str]:
        """Return who has stood still for 60 s.

        Args:
            marks: who has something to do, each with a value that changes while they make progress.
        """
        before, self._standing = self._standing, {}
        for name, mark in marks.items():
            last, looks = before.get(name, (mark, -1))
            self._standing[name] = mark, looks + 1 if last == mark else 0
        return sorted(name for name, (_, looks) in self._standing.items() if looks >= STUCK_LOOKS)
