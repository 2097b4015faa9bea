"""Child processes that end with this process, however it ends."""

import atexit
import contextlib
import os
import signal
import subprocess
import sys
import weakref
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

# Runs between fork and the program itself: it asks the kernel for a signal when the parent dies (prctl's
# PR_SET_PDEATHSIG, 1; kept across exec), and exits if the parent died before that. A separate interpreter rather than
# Popen's preexec_fn, which may deadlock when the parent has threads.
_BIND: Final = """\
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, int(sys.argv[1]))
if os.getppid() != int(sys.argv[2]):
    sys.exit(1)
os.execvp(sys.argv[3], sys.argv[3:])
"""

# The kernel sends the signal when the thread that started the program ends, not the process. So one lasting thread
# starts them all: those of asyncio's pool end with its event loop.
_starter: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix="children")

_alive: "weakref.WeakSet[Child]" = weakref.WeakSet()


class Child:
    """A program in its own process group, which ends when this process ends.

    On Linux the kernel ends it even after a kill -9 of this process; elsewhere only a regular exit does. Ctrl-C in a
    terminal does not reach it: its owner decides when it stops.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        orphaned: signal.Signals = signal.SIGKILL,
    ) -> None:
        """Take the program without starting it.

        Args:
            argv: The program and its arguments.
            log: The file to which its output is appended.
            env: Its environment; by default that of this process.
            orphaned: The signal that it gets when this process dies.
        """
        self.argv = tuple(argv)
        self.log = log
        self._env = env
        self._orphaned = orphaned
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id, even after its end; None before the first start."""
        return None if self._process is None else self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def returncode(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Start it, unless it is running."""
        if not self.running:
            self._process = _starter.submit(self._spawn).result()
            _alive.add(self)

    def _spawn(self) -> subprocess.Popen[bytes]:
        argv = self.argv
        if sys.platform == "linux":
            argv = (sys.executable, "-I", "-S", "-c", _BIND, str(int(self._orphaned)), str(os.getpid()), *argv)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            return subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._env, start_new_session=True
            )

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to its process group, unless it has ended."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def wait(self, within_s: float) -> bool:
        """Wait at most `within_s` seconds for its end, and return whether it has ended."""
        if self._process is None:
            return True
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self, within_s: float = 10.0) -> None:
        """Terminate it (SIGTERM), and kill it if it still runs after `within_s` seconds."""
        self.signal(signal.SIGTERM)
        if not self.wait(within_s):
            self.kill()

    def kill(self) -> None:
        """Kill it."""
        self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def tail(self, lines: int = 5) -> str:
        """Return the last lines of its output, for an error message."""
        if not self.log.is_file():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


@atexit.register
def _kill_all() -> None:
    for child in tuple(_alive):
        child.signal(signal.SIGKILL)
