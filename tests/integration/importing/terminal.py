"""A command in a terminal: its standard input and standard error are a pseudo-terminal, its standard output a pipe."""

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.running.processes import GOLDSTREAM

WITHIN_S: Final = 60.0


class Terminal:
    """Runs a command of `goldstream` and types; a context manager, which ends it.

    Attributes:
        shown: everything that the terminal has shown.
    """

    def __init__(
        self,
        arguments: list[str],
        directory: Path,
        environment: dict[str, str],
        program: tuple[str, ...] = ("-c", GOLDSTREAM),
    ) -> None:
        """Start the command; `program` is what Python runs."""
        self.shown = ""
        self._master, slave = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, *program, *arguments],
            cwd=directory,
            env=environment | {"TERM": "xterm", "COLUMNS": "200"},
            stdin=slave,
            stdout=subprocess.PIPE,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)

    def __enter__(self) -> Self:
        """Return self."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill the command if it runs, and close the terminal."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        os.close(self._master)

    def wait_for(self, text: str, within_s: float = WITHIN_S) -> None:
        """Wait until the terminal has shown a text.

        Raises:
            AssertionError: it was not in time, or the command has ended.
        """
        deadline = time.monotonic() + within_s
        while text not in self.shown:
            assert time.monotonic() < deadline, f"waited for {text!r}: {self.shown}"
            assert self._read(0.2) or self._process.poll() is None, f"ended without {text!r}: {self.shown}"

    def type(self, text: str) -> None:
        """Type a line."""
        os.write(self._master, f"{text}\n".encode())

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    def end_by(self, press: Callable[[], None], reaction: str) -> tuple[int, str]:
        """Press a key until the program shows its reaction, and wait for its end; return as `finish`.

        A key that is pressed just before the program reads may be lost, so it is pressed again every five seconds.
        After the reaction it is not: a second Ctrl-C would kill a program that is ending.
        """
        while reaction not in self.shown and self._process.poll() is None:
            with contextlib.suppress(OSError):  # it has just ended
                press()
            again_at = time.monotonic() + 5.0
            while reaction not in self.shown and self._process.poll() is None and time.monotonic() < again_at:
                self._read(0.1)
        return self.finish()

    def finish(self, within_s: float = WITHIN_S) -> tuple[int, str]:
        """Wait for the end; return the exit status and standard output."""
        deadline = time.monotonic() + within_s
        while self._process.poll() is None:
            assert time.monotonic() < deadline, f"it runs on: {self.shown}"
            self._read(0.1)
        while self._read(0.0):
            pass
        assert self._process.stdout is not None
        return self._process.returncode, self._process.stdout.read().decode()

    def _read(self, seconds: float) -> bool:
        readable, _, _ = select.select([self._master], [], [], seconds)
        with contextlib.suppress(OSError):  # the other end is closed
            data = os.read(self._master, 65_536) if readable else b""
            self.shown += data.decode("utf-8", "replace")
            return bool(data)
        return False
