"""The result of one run of one program."""

from dataclasses import dataclass
from typing import Literal

Job = Literal["whole", "segment", "read"]


@dataclass(frozen=True, slots=True)
class Measurement:
    """One run of one program.

    Attributes:
        program: `goldstream`, `kafka-streams`, `faust` and so on; with `×2` if it had two workers or threads.
        job: the `whole` path, `segment` alone, or to `read` only.
        events: purchases processed when the clock stopped.
        seconds: wall time.
        cpu: seconds of processor time of its processes; `broker_cpu` of the broker. None if unknown.
        changes: number of changes published; `digest` of those that all programs must publish alike.
        faults: what was wrong with the changes.
    """

    program: str
    job: Job
    events: int
    seconds: float
    cpu: float | None = None
    broker_cpu: float | None = None
    changes: int = 0
    digest: str = ""
    faults: tuple[str, ...] = ()

    @property
    def rate(self) -> float:
        """Events per second."""
        return self.events / self.seconds


def difference(before: float | None, after: float | None) -> float | None:
    """Return after minus before; None unless both are known."""
    return None if before is None or after is None else after - before
