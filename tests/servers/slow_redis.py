"""A Redis behind a port that answers late, not at all, or only half."""

import asyncio
import contextlib
from typing import Self

from agents.demo.embedded.loopback import HOST
from tests.servers.redis_server import RedisServer


class SlowRedis:
    """Passes everything on to a Redis; an async context manager.

    Attributes:
        latency_s: delay of every piece of an answer.
        swallowed: how many bytes of answers were withheld.
    """

    def __init__(self, redis: RedisServer) -> None:
        self.latency_s = 0.0
        self.swallowed = 0
        self._redis = redis
        self._answers = asyncio.Event()
        self._answers.set()
        self._sent_of_next = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Its URL."""
        return f"redis://{HOST}:{self._port}/0"

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, HOST, 0)
        self._port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close all connections."""
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0.01)  # aborted connections are closed by the loop

    def hang(self, after_bytes: int = 0) -> None:
        """Accept connections and requests, and send only this many more bytes of all answers."""
        self._sent_of_next = after_bytes
        self._answers.clear()

    def answer(self) -> None:
        """Send what was withheld, and everything after it."""
        self._answers.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            answers, requests = await asyncio.open_connection(HOST, self._redis.port)
            ways = [asyncio.create_task(_pass(reader, requests)), asyncio.create_task(self._answer(answers, writer))]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                requests.transport.abort()
                await asyncio.gather(*ways, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _answer(self, answers: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await answers.read(1 << 16):
            if self.latency_s:
                await asyncio.sleep(self.latency_s)
            if not self._answers.is_set():
                now, piece = piece[: self._sent_of_next], piece[self._sent_of_next :]
                self._sent_of_next -= len(now)
                self.swallowed += len(piece)
                writer.write(now)
                await self._answers.wait()
            writer.write(piece)
            with contextlib.suppress(ConnectionError):
                await writer.drain()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(1 << 16):
        writer.write(piece)
        await writer.drain()
