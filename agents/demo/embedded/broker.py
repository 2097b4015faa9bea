"""A Kafka broker and a Redis in one small program (noida-db), for the demo.

For one machine and one user: one broker, no security, data in memory only. Goldstream's guarantees about crashes hold
on Apache Kafka, not on this.
"""

import asyncio
import contextlib
import importlib.util
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from agents.demo.embedded.child_process import Child
from agents.demo.embedded.loopback import HOST, free_port, kafka_answers, redis_answers, until
from streams.clock import Clock

START_TIMEOUT_S: Final = 15.0
"""Measured: 0.1 s on two idle cores."""


class EmbeddedError(Exception):
    """The embedded broker and Redis are not available; the message gives the reason and the remedy in one line."""


class Embedded:
    """The embedded broker and Redis, on free ports of the loopback interface.

    Use it with `async with`, or call `start` and `kill`. They end with this process, even if it is killed (on Linux),
    and their data with them.
    """

    def __init__(self, data: Path, clock: Clock) -> None:
        """Choose the ports, without starting anything.

        Args:
            data: The directory for their log, created if missing; for one instance.
            clock: Measures how long they take to start.

        Raises:
            EmbeddedError: The package noida-db is not installed, or has no program for this machine.
        """
        self.data = data
        self._clock = clock
        self._kafka_port = free_port()
        self._redis_port = free_port()
        while self._redis_port == self._kafka_port:
            self._redis_port = free_port()
        self._child = Child(
            [
                *(str(_program()), "start", "--only", "kafka,redis", "--host", HOST, "--data-dir", str(data)),
                *("--kafka-port", str(self._kafka_port), "--redis-port", str(self._redis_port)),
            ],
            log=data / "log.txt",
        )

    @property
    def kafka(self) -> str:
        """The broker, as bootstrap servers: `127.0.0.1:23456`."""
        return f"{HOST}:{self._kafka_port}"

    @property
    def redis(self) -> str:
        """The Redis, as a URL: `redis://127.0.0.1:23457/0`."""
        return f"redis://{HOST}:{self._redis_port}/0"

    @property
    def pid(self) -> int | None:
        """The process id; None before the first start."""
        return self._child.pid

    async def start(self) -> None:
        """Start both and wait until they answer.

        Raises:
            EmbeddedError: They ended, or did not answer within 15 seconds; with the error from their log.
        """
        self._prevent_saving()
        self._child.start()
        answers = await asyncio.gather(
            self._until(kafka_answers, self._kafka_port),
            self._until(redis_answers, self._redis_port),
        )
        if not all(answers):
            reason = self._last_error()
            self._child.kill()
            message = f"the embedded broker did not start: it reported {reason!r}; its log is {self._child.log}"
            raise EmbeddedError(message)

    def kill(self) -> None:
        """End both at once, as a crash would."""
        self._child.kill()

    async def __aenter__(self) -> Self:
        """Start both."""
        try:
            await self.start()
        except BaseException:  # also when cancelled: nothing else will stop it
            self._child.kill()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End both."""
        self.kill()

    def _prevent_saving(self) -> None:
        """Let the program's saving thread wait forever, at a pipe that has no reader.

        Once a second the thread writes a full copy of its data to disk: in the demo, 85 % of the program's processor
        time, and as much as the worker's (17 s in a run of 29 s). No option turns that off. A save of topics begins by
        opening this file, with no lock held; one of Redis holds a lock, so it must come to an end.
        """
        self.data.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.mkfifo(self.data / "kafka.tmp")

    async def _until(self, answers: Callable[[int], Awaitable[bool]], port: int) -> bool:
        return await until(answers, port, within_s=START_TIMEOUT_S, alive=self._is_running, clock=self._clock)

    def _is_running(self) -> bool:
        return self._child.running

    def _last_error(self) -> str:
        """Return the last error in the log, else the last line (on an older glibc, only a warning about that)."""
        lines = self._child.tail(20).splitlines()
        return next((line for line in reversed(lines) if line.startswith("error")), lines[-1] if lines else "nothing")


def _program() -> Path:
    # the program itself, not the command noida-db: that is a Python wrapper with a child process of its own
    spec = importlib.util.find_spec("noida_db")
    if spec is None or not spec.submodule_search_locations:
        message = "the embedded broker is not installed: pip install 'goldstream[demo]'"
        raise EmbeddedError(message)
    program = Path(spec.submodule_search_locations[0]) / "noida-db"
    if not program.is_file():
        message = f"the embedded broker has no program for this machine: {program} is missing; use a Kafka of your own"
        raise EmbeddedError(message)
    if not os.access(program, os.X_OK):
        program.chmod(0o755)
    return program
