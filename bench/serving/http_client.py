"""A client for HTTP/1.1 on real sockets that costs little, so that the measured server gets the processor."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from bench.testbed.broker import BenchFailed

ANSWER_WITHIN_S: Final = 30.0
MAX_WAITING: Final = 1_000
"""Requests without an answer; with more, the rate is not kept."""
_HEAD_END: Final = b"\r\n\r\n"


def post(url: str, body: bytes) -> bytes:
    """Return a request with a JSON body."""
    parts = urlsplit(url)
    head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def get(url: str) -> bytes:
    """Return a request without a body."""
    parts = urlsplit(url)
    return f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()


def address_of(url: str) -> tuple[str, int]:
    """Return the host and the port."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


class Connection(asyncio.Protocol):
    """One connection with one request at a time."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._answer: asyncio.Future[int] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def request(self, request: bytes) -> "asyncio.Future[int]":
        """Send a request; return its status, once the whole answer is there."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        """Note an answer that is complete."""
        self._received += data
        head_end = self._received.find(_HEAD_END)
        if head_end < 0 or self._answer is None:
            return
        head = bytes(self._received[:head_end]).lower()
        at = head.index(b"content-length:") + 15
        length = int(head[at:].split(b"\r\n", 1)[0])
        if len(self._received) >= head_end + len(_HEAD_END) + length:
            self._received.clear()
            answer, self._answer = self._answer, None
            if not answer.done():
                answer.set_result(int(head[9:12]))

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail what is under way."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError())

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()


@dataclass
class Answers:
    """What was answered.

    Attributes:
        seconds: from the moment at which a request was due to its answer, in seconds.
        statuses: how many answers had each status.
    """

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)


class Client:
    """Connections to one server, as many as are needed at once."""

    def __init__(self, url: str) -> None:
        self._host, self._port = address_of(url)
        self._idle: deque[Connection] = deque()

    async def send(self, request: bytes) -> int:
        """Send a request; return the status of the answer."""
        if self._idle:
            connection = self._idle.pop()
        else:
            _, connection = await asyncio.get_running_loop().create_connection(Connection, self._host, self._port)
        try:
            status = await connection.request(request)
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        return status

    def close(self) -> None:
        """Close all connections."""
        for connection in self._idle:
            connection.close()

    async def at_rate(self, request: Callable[[int], bytes], rate: float, warm_s: float, seconds: float) -> Answers:
        """Send requests at a steady rate, whether answers come or not; what is sent in `warm_s` is not counted.

        Raises:
            BenchFailed: an answer did not come.
        """
        answers = Answers()

        async def send_one(number: int, due_s: float) -> None:
            status = await self.send(request(number))
            if number >= warm_s * rate:
                answers.seconds.append(time.perf_counter() - due_s)
                answers.statuses[status] += 1

        await paced(send_one, rate, warm_s + seconds)
        return answers

    async def in_turn(self, request: Callable[[int], bytes], connections: int, seconds: float) -> tuple[int, Answers]:
        """Send requests as fast as they are answered; return how many were answered with 200, and the answers."""
        answers, number, end_s = Answers(), 0, time.perf_counter() + seconds

        async def send_all() -> None:
            nonlocal number
            while (begin_s := time.perf_counter()) < end_s:
                number += 1
                status = await self.send(request(number))
                answers.seconds.append(time.perf_counter() - begin_s)
                answers.statuses[status] += 1

        await gathered([send_all() for _ in range(connections)])
        return answers.statuses[200], answers


async def paced(send: Callable[[int, float], Coroutine[Any, Any, None]], rate: float, seconds: float) -> None:
    """Call `send` with the number and the due moment of each request, at a steady rate; return when all are done.

    Raises:
        BenchFailed: one failed, or the rate cannot be kept.
    """
    begin_s, running = time.perf_counter(), set[asyncio.Task[None]]()
    failed: list[BaseException] = []

    def note(task: "asyncio.Task[None]") -> None:
        running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            failed.append(error)

    for number in range(int(rate * seconds)):
        due_s = begin_s + number / rate
        if (pause_s := due_s - time.perf_counter()) > 0:
            await asyncio.sleep(pause_s)
        if len(running) > MAX_WAITING:
            for each in running:
                each.cancel()
            raise BenchFailed(f"{rate:,}/s cannot be kept: {MAX_WAITING:,} requests wait after {number:,}")
        task = asyncio.create_task(send(number, due_s))
        running.add(task)
        task.add_done_callback(note)
    if running:
        await asyncio.wait(running, timeout=ANSWER_WITHIN_S)
    if failed or running:
        raise BenchFailed(f"{len(failed)} requests failed ({failed[:1]!r}), {len(running)} were not answered")


async def gathered(works: Sequence[Awaitable[None]]) -> None:
    """Wait for all of them.

    Raises:
        BenchFailed: one failed.
    """
    try:
        await asyncio.gather(*works)
    except OSError as error:
        raise BenchFailed(f"a request failed: {error!r}") from error
