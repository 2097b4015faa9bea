"""The progress of a lane need not be written with every batch: how long it may wait."""

import time
from dataclasses import dataclass
from typing import Final

WORKING_SECONDS = 0.5
"""While batches come: a third of the requests that a small batch takes are saved."""
IDLE_SECONDS: Final = 0.05
"""After the last of them."""
QUIET_SECONDS = 2.0
"""While nothing comes but time: what an idle worker writes."""


@dataclass(slots=True)
class CheckpointTimer:
    """A progress that is not written yet, if there is one.

    Attributes:
        since: when it was put off first; None if it was not.
        wrote: whether anything else was written since.
    """

    since: float | None = None
    wrote: bool = False

    def note(self, *, wrote: bool) -> None:
        """A batch is done with, and its progress is put off; `wrote` if anything came of it."""
        if self.since is None:
            self.since = time.monotonic()
        self.wrote |= wrote

    @property
    def too_long(self) -> bool:
        """Whether it may wait no longer, though batches come."""
        limit = WORKING_SECONDS if self.wrote else QUIET_SECONDS
        return self.since is not None and time.monotonic() - self.since >= limit

    @property
    def still(self) -> float | None:
        """How long it may wait when nothing comes; None if there is nothing to wait."""
        if self.since is None:
            return None
        return IDLE_SECONDS if self.wrote else QUIET_SECONDS
