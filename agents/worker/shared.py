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


class RestartCounts:
    """How often each stage has restarted, in shared memory, so that the counts outlive the process of a stage.

    They are written by that process and, while there is none, by the supervisor: never by two at a time.
    """

    def __init__(self) -> None:
        self._counts = memoryview(mmap.mmap(-1, _BYTES * len(STAGES))).cast("Q")

    def of(self, stage: str) -> int:
        """Return how often a stage has restarted since the worker started."""
        return self._counts[STAGES.index(stage)]

    def add(self, stage: str) -> None:
        """Count a restart."""
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
        restarts: of the stages.
        supervisor: the supervisor's process id.
    """

    settings: Settings
    rules: ConfiguredRules
    clock: Clock
    instance: str
    stages: Sequence[str]
    folder: Path
    restarts: RestartCounts
    supervisor: int

    def socket_path(self, stage: str) -> Path:
        """Return the path of the socket on which the process of a stage answers."""
        return self.folder / stage
