"""End a process that a restart of its stage would not help: one whose event loop is blocked, for example."""

import asyncio
import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Final, NoReturn

log = logging.getLogger(__name__)

STUCK_STATUS: Final = 70
"""The exit status of a process that has to be started again; sysexits.h calls it an internal error."""
LOOK_SECONDS = 5.0
STUCK_LOOKS: Final = 12
"""Looks in a row that found the loop blocked: a minute. After SIGSTOP or the sleep of a laptop they begin again."""


def end_process(reason: str) -> NoReturn:
    """Log why, and exit at once with status 70: a supervisor, Kubernetes or Compose starts the process again."""
    log.critical("%s: the process ends with status %d, to be started again", reason, STUCK_STATUS)
    logging.shutdown()
    os._exit(STUCK_STATUS)


class LoopWatchdog:
    """A thread that ends the process if its event loop runs nothing for a minute."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, thread_id: int, end: Callable[[str], object] = end_process
    ) -> None:
        """Watch the loop that runs in the thread with this id, and call `end` with the reason."""
        self._loop = loop
        self._thread_id = thread_id
        self._end = end
        self._answered = True
        self._looks = 0
        self._stopped = threading.Event()

    def start(self) -> None:
        """Start the thread, which does not keep the process alive."""
        threading.Thread(target=self._run, name="loop-watchdog", daemon=True).start()

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()

    def look(self) -> None:
        """Ask the loop to answer; end the process if it has not answered for too long."""
        self._looks = 0 if self._answered else self._looks + 1
        if self._looks >= STUCK_LOOKS:
            self._end(f"the event loop has been blocked for {STUCK_LOOKS * LOOK_SECONDS:.0f} s in {self._place()}")
            return
        if self._answered:
            self._answered = False
            self._loop.call_soon_threadsafe(self._answer)

    def _answer(self) -> None:
        self._answered = True

    def _run(self) -> None:
        while not self._stopped.wait(LOOK_SECONDS):
            try:
                self.look()
            except RuntimeError:  # the loop is closed
                return

    def _place(self) -> str:
        frame = sys._current_frames().get(self._thread_id)  # noqa: SLF001 - its documented use: what a thread does
        if frame is None:
            return "a thread that has ended"
        calls = traceback.extract_stack(frame)[-3:]
        return " > ".join(f"{call.filename}:{call.lineno} {call.name}" for call in calls)
