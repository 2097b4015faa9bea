"""A real Redis that keeps nothing on disk."""

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import redis

from agents.demo.embedded.child_process import Child
from agents.demo.embedded.loopback import HOST, free_port, redis_answers, until
from streams.clock import SYSTEM_CLOCK
from tests.servers import program

START_WITHIN_S: Final = 20.0


class RedisServer:
    """A Redis on a free port; after a stop, `start` restarts it empty on the same port."""

    def __init__(self, directory: Path, *options: str) -> None:
        """Choose the port; start nothing yet.

        Args:
            directory: Where its log goes.
            options: Further options of redis-server.

        Raises:
            Missing: redis-server is not installed.
        """
        self.port = free_port()
        argv = [program("redis-server", "redis-server"), "--bind", HOST, "--port", str(self.port)]
        argv += ["--save", "", "--appendonly", "no", "--dir", str(directory), *options]
        self._child = Child(argv, log=directory / "log.txt")

    @property
    def url(self) -> str:
        """Its URL: `redis://127.0.0.1:23456/0`."""
        return f"redis://{HOST}:{self.port}/0"

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            RuntimeError: It did not start within 20 seconds; with the last lines of its log.
        """
        self._child.start()
        running = lambda: self._child.running  # noqa: E731 - a name for one line
        if not asyncio.run(until(redis_answers, self.port, within_s=START_WITHIN_S, alive=running, clock=SYSTEM_CLOCK)):
            self._child.kill()
            message = f"Redis did not start; the end of {self._child.log}:\n{self._child.tail(20)}"
            raise RuntimeError(message)

    def stop(self) -> None:
        """Stop it; its contents are lost."""
        self._child.stop()

    def flush(self) -> None:
        """Empty it."""
        with contextlib.closing(redis.Redis.from_url(self.url)) as client:
            client.flushall()

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Let it hang for a while (SIGSTOP, then SIGCONT)."""
        self._child.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._child.signal(signal.SIGCONT)
