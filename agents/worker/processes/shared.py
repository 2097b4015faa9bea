"""What the processes of a worker share: each is forked from the supervisor, which has made all of this before."""

import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agents.worker.rules_watch import ConfiguredRules
from streams.clock import Clock
from streams.settings.settings import Settings
from streams.telemetry.metrics import STAGES

_BYTES: Final = 8


class SharedCounts:
    """A count for each stage in memory that the processes share, so that it outlives the process of a stage.

    It is written by that process and, while there is none, by the supervisor: never by two at a time.
    """

    def __init__(self) -> None:
        self._counts = memoryview(mmap.mmap(-1, _BYTES * len(STAGES))).cast("Q")

    def of(self, stage: str) -> int:
        """Return the count of a stage, which begins at 0."""
        return self._counts[STAGES.index(stage)]

    def add(self, stage: str) -> None:
        """Add one to the count of a stage."""
        self._counts[STAGES.index(stage)] += 1


@dataclass(frozen=True, slots=True)
class Shared:
    """What is the same in all processes of a worker.

    Attributes:
        settings: valid ones.
        rules: of the settings.
        clock: the time.
        instance: the worker's name in its consumer groups.
        stages: the names of those that it runs.
        folder: where the processes of the stages answer on Unix sockets; only this user can open it.
        restarts: how often each stage has restarted.
        beats: how often the event loop of each stage has turned, about once a second: one that hangs does not count.
        supervisor: the supervisor's process id.
    """

    settings: Settings
    rules: ConfiguredRules
    clock: Clock
    instance: str
    stages: Sequence[str]
    folder: Path
    restarts: SharedCounts
    beats: SharedCounts
    supervisor: int

    def socket_path(self, stage: str) -> Path:
        """Return the path of the socket on which the process of a stage answers."""
        return self.folder / stage
