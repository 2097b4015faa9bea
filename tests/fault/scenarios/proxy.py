"""A proxy in front of a Kafka broker that delays, cuts or freezes connections, or answers with errors.

It knows enough of the protocol for that: where a request ends, which answer belongs to which request, and which topics
are written to. It replaces the broker's address in answers by its own.
"""

import asyncio
import contextlib
import struct
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any, Final, Self

from aiokafka.protocol import produce
from aiokafka.record import MemoryRecords

from agents.demo.embedded.loopback import HOST

PRODUCE: Final = 0
NAMES_BROKERS: Final = {3, 10}
"""API keys of the requests whose answers name brokers: metadata and find coordinator."""

NO_RETRY: Final = {"TOPIC_AUTHORIZATION_FAILED": 29, "UNKNOWN_SERVER_ERROR": -1, "POLICY_VIOLATION": 44}
"""Errors after which a producer gives up."""
RETRY: Final = {"KAFKA_STORAGE_ERROR": 56, "NOT_ENOUGH_REPLICAS": 19, "NOT_LEADER": 6}
"""Errors after which a producer retries; the first is that of a full disk."""

Errors = dict[str, list[tuple[int, int]]]
"""By topic: partitions, each with the number of the error to answer."""

Asked = deque[tuple[int, int, Errors]]
"""Requests without an answer yet: API key, version, errors to answer."""


class Proxy:
    """A broker behind a port of its own; its behaviour can be changed while it is used.

    Attributes:
        latency_s: the delay of every request and every answer.
        refused: how many batches of a topic were answered with an error.
        lost: how many answers to batches of a topic were turned into errors although the broker has the batch.
        held: topics of the batch that made it freeze.
    """

    def __init__(self, broker: str) -> None:
        """Take the broker's address; nothing listens before it is entered."""
        self.latency_s = 0.0
        self.refused: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()
        self.held: set[str] = set()
        host, _, port = broker.rpartition(":")
        self._broker = (host, int(port))
        self._errors: dict[str, list[tuple[int, bool]]] = {}
        self._hold: tuple[str, bool] | None = None
        self._open = asyncio.Event()
        self._open.set()
        self._away = False
        self._server: asyncio.Server | None = None
        self._lines: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, HOST, 0)
        self._port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close all connections."""
        assert self._server is not None
        self._server.close()
        self._close_connections()
        await asyncio.gather(*self._lines, return_exceptions=True)

    @property
    def bootstrap(self) -> str:
        """Where it listens: `127.0.0.1:23456`."""
        return f"{HOST}:{self._port}"

    def refuse(self, topic: str, error: int, times: int = 1) -> None:
        """Answer the next `times` batches of a topic with an error; the broker never sees them."""
        self._errors.setdefault(topic, []).extend([(error, False)] * times)

    def lose(self, topic: str, error: int, times: int = 1) -> None:
        """Forward the next `times` batches of a topic to the broker, but answer with an error."""
        self._errors.setdefault(topic, []).extend([(error, True)] * times)

    def heal(self) -> None:
        """Stop answering with errors, and reset the counts."""
        self._errors.clear()
        self.refused.clear()
        self.lost.clear()

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """Close all connections, and refuse new ones for a while."""
        self._away = True
        self._close_connections()
        try:
            yield
        finally:
            self._away = False

    def freeze(self) -> None:
        """Hold everything in both directions."""
        self._open.clear()

    def freeze_before(self, topic: str, *, tombstone: bool = False) -> None:
        """Freeze when the next batch for the topic is sent, or the next with a tombstone."""
        self.held.clear()
        self._hold = topic, tombstone

    def thaw(self) -> None:
        """Release what was held, and everything after it."""
        self._hold = None
        self._open.set()

    def _close_connections(self) -> None:
        for line in self._lines:
            line.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._lines.add(task)
        try:
            if not self._away:
                await self._carry(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._lines.discard(task)
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_connection(*self._broker)
        asked: Asked = deque()
        ways = [
            asyncio.create_task(self._requests(reader, ours, asked)),
            asyncio.create_task(self._answers(theirs, writer, asked)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            ours.transport.abort()

    async def _requests(self, reader: asyncio.StreamReader, broker: asyncio.StreamWriter, asked: Asked) -> None:
        while True:
            frame = await _frame(reader)
            kind, version = struct.unpack_from(">hh", frame)
            errors: Errors = {}
            if kind == PRODUCE:
                frame, errors = self._intercept(frame, version)
            await self._forward_when_open()
            asked.append((kind, version, errors))
            broker.write(struct.pack(">i", len(frame)) + frame)
            await broker.drain()

    async def _answers(self, broker: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: Asked) -> None:
        mine = HOST.encode() + struct.pack(">i", self._port)
        real = HOST.encode() + struct.pack(">i", self._broker[1])
        while True:
            frame = await _frame(broker)
            kind, version, errors = asked.popleft()
            if kind in NAMES_BROKERS:
                frame = frame.replace(real, mine)
            elif errors:
                frame = _with_errors(frame, version, errors)
            await self._forward_when_open()
            writer.write(struct.pack(">i", len(frame)) + frame)
            await writer.drain()

    async def _forward_when_open(self) -> None:
        if self.latency_s:
            await asyncio.sleep(self.latency_s)
        await self._open.wait()

    def _intercept(self, frame: bytes, version: int) -> tuple[bytes, Errors]:
        """Return the part of a write that is forwarded, and the errors to answer, for forwarded batches too."""
        begins = 10 + max(0, struct.unpack_from(">h", frame, 8)[0])
        request = getattr(produce, f"ProduceRequest_v{version}").decode(frame[begins:])
        for topic, batches in request.topics:
            if self._hold == (topic, False) or (self._hold == (topic, True) and _has_tombstone(batches)):
                self.held.add(topic)
                self.freeze()
        errors: Errors = {}
        goes_on = []
        for topic, batches in request.topics:
            error, is_lost = self._errors[topic].pop(0) if self._errors.get(topic) else (0, True)
            if error:
                (self.lost if is_lost else self.refused)[topic] += 1
                errors[topic] = [(partition, error) for partition, _ in batches]
            if is_lost:
                goes_on.append((topic, batches))
        if errors:
            request.topics = goes_on
            frame = frame[:begins] + request.encode()
        return frame, errors


async def _frame(reader: asyncio.StreamReader) -> bytes:
    (size,) = struct.unpack(">i", await reader.readexactly(4))
    return await reader.readexactly(size)


def _has_tombstone(batches: list[tuple[int, bytes]]) -> bool:
    for _, content in batches:
        records = MemoryRecords(content)
        while (batch := records.next_batch()) is not None:
            if any(record.value is None for record in batch):
                return True
    return False


def _with_errors(frame: bytes, version: int, errors: Errors) -> bytes:
    """Return the answer to a write with these errors added to the broker's, or in their place."""
    response = getattr(produce, f"ProduceResponse_v{version}").decode(frame[4:])
    rest: tuple[Any, ...] = (-1, -1, -1, [], None) if version >= 8 else (-1, -1, -1)  # offset, time, start; then texts
    wrong = {topic: [(partition, error, *rest) for partition, error in answered] for topic, answered in errors.items()}
    response.topics = list((dict(response.topics) | wrong).items())
    return frame[:4] + bytes(response.encode())
