"""A program of the product in a process of its own, with a log."""

import asyncio
import signal
from typing import Final

from agents.demo.embedded.child_process import Child

GOLDSTREAM: Final = "import sys; from agents.cli import main; sys.exit(main())"
"""What Python runs as `goldstream`."""
STOP_WITHIN_S: Final = 30.0
"""A worker and a server stop within this time after SIGTERM (README.md)."""


class RunningProcess:
    """A program in a process of its own, not yet started.

    Attributes:
        child: the process.
    """

    def __init__(self, child: Child) -> None:
        self.child = child
        self._log_begins_at = 0

    def start(self) -> None:
        """Start it, or restart it with its data folder; with port 0 it has another address then."""
        self._log_begins_at = self.child.log.stat().st_size if self.child.log.is_file() else 0
        self.child.start()

    @property
    def log(self) -> str:
        """Its log since the last start."""
        if not self.child.log.is_file():
            return ""
        return self.child.log.read_bytes()[self._log_begins_at :].decode("utf-8", "replace")

    def check_running(self) -> None:
        """Check that it has not ended.

        Raises:
            AssertionError: it has; with its log.
        """
        assert self.child.running, f"it ended with {self.child.returncode}; its log:\n{self.log}"

    async def wait_for_exit(self, within_s: float = STOP_WITHIN_S) -> int:
        """Wait for its end; return its exit status."""
        assert await asyncio.to_thread(self.child.wait, within_s), (
            f"it runs on after {within_s} s; its log:\n{self.log}"
        )
        assert self.child.returncode is not None
        return self.child.returncode

    async def stop(self) -> int:
        """Stop it (SIGTERM); return its exit status."""
        self.child.signal(signal.SIGTERM)
        return await self.wait_for_exit()

    def kill(self) -> None:
        """Kill it (SIGKILL)."""
        self.child.kill()
