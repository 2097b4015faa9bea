"""A worker that kills itself with SIGKILL at a chosen step: `python -m tests.fault.doomed STEP TIMES worker`.

STEP is `before`, `amid` or `after`, a colon, and the short name of a topic: just before records of that topic are
written, when some batches of them are acknowledged and others are under way, or when all of them are; TIMES tells at
which such moment. Batches are small, so that a short history has many such moments.
"""

import os
import signal
import sys
from typing import Any

import streams.stage
from agents.cli import main
from streams.outbox import Outbox

RECORDS_IN_A_BATCH = 60


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def doom(step: str, times: int) -> None:
    """Make this process die at that moment."""
    when, _, topic = step.partition(":")
    left = times
    flush, send = Outbox.flush, Outbox._send

    def has_come() -> bool:
        nonlocal left
        left -= 1
        return left <= 0

    async def doomed_flush(self: Outbox) -> None:
        is_ours = any(f".{topic}." in name for name, _ in self._batches)
        if is_ours and when == "before" and has_come():
            _die()
        await flush(self)
        if is_ours and when == "after" and has_come():
            _die()

    async def doomed_send(self: Outbox, name: str, partition: int, batches: list[Any]) -> None:
        await send(self, name, partition, batches)
        if f".{topic}." in name and when == "amid" and has_come():
            _die()

    streams.stage.LARGEST_BATCH = RECORDS_IN_A_BATCH  # type: ignore[misc]  # final for everyone else
    Outbox.flush, Outbox._send = doomed_flush, doomed_send  # type: ignore[method-assign]


if __name__ == "__main__":
    doom(sys.argv[1], int(sys.argv[2]))
    sys.exit(main(sys.argv[3:]))
