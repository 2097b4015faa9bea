"""A Kafka broker and a Redis in one small program (noida-db), for the demo and for a first look.

For one machine and one user: one broker, no security, data kept in memory and saved to a directory. Whatever is
promised about crashes is promised on Apache Kafka.
"""

import asyncio
import importlib.util
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from agents.demo.embedded.child_process import Child
from agents.demo.embedded.loopback import HOST, free_port, kafka_answers, redis_answers, until
from streams.clock import Clock

START_WITHIN_S: Final = 15.0
"""Measured: 0.1 s on two idle cores, to which the loading of saved data is added."""

STOP_WITHIN_S: Final = 10.0


class EmbeddedError(Exception):
    """The embedded broker and Redis are not to be had; the message says why and what to do, in one line."""


class Embedded:
    """The embedded broker and Redis, on free ports of the loopback interface.

    Use it with `async with`, or call `start` and `stop`; after a `stop`, `start` brings both back on the same ports
    with the same data. It ends when this process ends, also by Ctrl-C or, on Linux, kill -9.
    """

    def __init__(self, data: Path, clock: Clock) -> None:
        """Choose the ports, without starting anything.

        Args:
            data: The directory in which topics and Redis are saved; made if missing, found again by the next one.
                At most one may run on a directory at a time.
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
            orphaned=signal.SIGTERM,  # it saves what it has, then ends
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
            EmbeddedError: They ended, or did not answer within 15 seconds; with the last line that they wrote.
        """
        self._child.start()
        answers = await asyncio.gather(
            self._until(kafka_answers, self._kafka_port),
            self._until(redis_answers, self._redis_port),
        )
        if not all(answers):
            said = self._complaint()
            self._child.kill()
            message = f"the embedded broker did not start: it said {said!r}; its log is {self._child.log}"
            raise EmbeddedError(message)

    async def stop(self) -> None:
        """Let both save their data and end, by force after 10 seconds."""
        await asyncio.to_thread(self._child.stop, STOP_WITHIN_S)

    def kill(self) -> None:
        """End both at once, as a crash would."""
        self._child.kill()

    async def __aenter__(self) -> Self:
        """Start both."""
        try:
            await self.start()
        except BaseException:  # also when cancelled: nobody else will stop it
            self._child.kill()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop both."""
        await self.stop()

    async def _until(self, answers: Callable[[int], Awaitable[bool]], port: int) -> bool:
        return await until(answers, port, within_s=START_WITHIN_S, alive=self._is_running, clock=self._clock)

    def _is_running(self) -> bool:
        return self._child.running

    def _complaint(self) -> str:
        """The last error in its log; else the last line, which on an older glibc is only a warning about that."""
        lines = self._child.tail(20).splitlines()
        return next((line for line in reversed(lines) if line.startswith("error")), lines[-1] if lines else "nothing")


def _program() -> Path:
    # The program itself and not the command noida-db, a Python wrapper that would have a child of its own.
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
