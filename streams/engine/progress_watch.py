"""Notice lanes that have something to do and do not get on with it."""

from collections.abc import Hashable, Mapping
from typing import Final

LOOK_SECONDS: Final = 5.0
STUCK_SECONDS: Final = 60.0
"""How long a lane may stand still although it has records and Kafka answers."""
STUCK_LOOKS: Final = int(STUCK_SECONDS / LOOK_SECONDS)


class StageStuckError(Exception):
    """A stage has something to do and Kafka answers, but it makes no progress."""


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
