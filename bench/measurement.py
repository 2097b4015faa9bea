"""What is measured of a program in one run."""

from dataclasses import dataclass
from typing import Literal

Job = Literal["whole", "segment", "read"]


@dataclass(frozen=True, slots=True)
class Measurement:
    """One run of one program.

    Attributes:
        program: `goldstream`, `kafka-streams`, `faust` and so on; with `×2` where it was given two workers or threads.
        job: the `whole` path, `segment` alone, or to `read` only.
        events: purchases that it was done with when the clock stopped.
        seconds: by the clock on the wall.
        cpu: seconds of processor time that its processes used meanwhile; `broker_cpu` the broker's. None where it
            cannot be told.
        changes: changes that it told; `digest` of those that all programs must tell alike.
        faults: what was wrong with them.
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
    """The difference, where both are known."""
    return None if before is None or after is None else after - before
