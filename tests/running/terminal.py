"""A command in a terminal: its input and its errors are a pseudo-terminal, its standard output a pipe or the same."""

import codecs
import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

from tests.running.processes import GOLDSTREAM
from tests.running.workers import REPOSITORY

WITHIN_S: Final = 60.0


class Terminal:
    """Runs a command of `goldstream` and types; a context manager, which ends it.

    Attributes:
        shown: everything that the terminal has shown.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        directory: Path,
        environment: Mapping[str, str],
        *,
        program: tuple[str, ...] = ("-c", GOLDSTREAM),
        shows_output: bool = False,
    ) -> None:
        """Start the command; `program` is what Python runs; the terminal `shows_output` unless that is a pipe."""
        self.shown = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._answered = 0
        self._master, slave = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, *program, *arguments],
            cwd=directory,
            env={**environment, "TERM": "xterm", "COLUMNS": "200", "PYTHONIOENCODING": "utf-8"},
            stdin=slave,
            stdout=slave if shows_output else subprocess.PIPE,
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
        if self._process.stdout is not None:
            self._process.stdout.close()
        os.close(self._master)

    def wait_for(self, text: str, within_s: float = WITHIN_S) -> None:
        """Wait until the terminal has shown a text.

        Raises:
            AssertionError: it was not in time, or the command has ended.
        """
        self._wait_until(lambda: text in self.shown, repr(text), within_s)

    def answer(self, text: str) -> None:
        """Wait for the next question (`…]: `), and type a line.

        Raises:
            AssertionError: nothing was asked in time, or the command has ended.
        """
        self._wait_until(lambda: self.shown[self._answered :].endswith("]: "), "a question", WITHIN_S)
        self._answered = len(self.shown)
        self.type(text)

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
        """Wait for the end; return the exit status, and standard output if it is a pipe, else the empty text."""
        deadline = time.monotonic() + within_s
        while self._process.poll() is None:
            assert time.monotonic() < deadline, f"it runs on: {self.shown}"
            self._read(0.1)
        while self._read(0.0):
            pass
        pipe = self._process.stdout
        return self._process.returncode, "" if pipe is None else pipe.read().decode()

    def _wait_until(self, is_shown: Callable[[], bool], what: str, within_s: float) -> None:
        deadline = time.monotonic() + within_s
        while not is_shown():
            assert time.monotonic() < deadline, f"waited for {what}: {self.shown}"
            assert self._read(0.2) or self._process.poll() is None, f"ended without {what}: {self.shown}"

    def _read(self, seconds: float) -> bool:
        readable, _, _ = select.select([self._master], [], [], seconds)
        with contextlib.suppress(OSError):  # the other end is closed
            data = os.read(self._master, 65_536) if readable else b""
            self.shown += self._decoder.decode(data)
            return bool(data)
        return False


class Shown(NamedTuple):
    """The exit status of a command, and what the terminal showed."""

    status: int
    text: str


def answer_on_a_terminal(
    replies: Sequence[str], *arguments: str, folder: Path, environment: Mapping[str, str] | None = None
) -> Shown:
    """Run a command of `goldstream` that shows its output in the terminal, and reply to each question.

    Raises:
        AssertionError: it asks more or less than there are replies.
    """
    own = {**(os.environ if environment is None else environment), "PYTHONPATH": str(REPOSITORY)}
    with Terminal(arguments, folder, own, shows_output=True) as terminal:
        for reply in replies:
            terminal.answer(reply)
        status, _ = terminal.finish()
    return Shown(status, terminal.shown.replace("\r\n", "\n"))
