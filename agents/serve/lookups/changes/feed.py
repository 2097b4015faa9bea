"""Segment changes as server-sent events: one reader per process, however many clients listen.

It reads what was published, writes it as events once, and hands the same bytes to every listener.
An event's id holds the position in every partition after it, so that a client goes on exactly where it stopped, at any
server. While nobody listens, nothing is read.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from agents.serve.lookups.changes.listener import Listener
from streams.clock import Clock
from streams.kafka.cluster import open_consumer, partitions_by_topic
from streams.kafka.reader import OffsetTruncated, read_range
from streams.kafka.topics import Topics
from streams.settings.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

READ_SECONDS: Final = 0.1
"""Changes of this time are read together."""
HEARTBEAT_SECONDS: Final = 15.0
_MISSING_SECONDS: Final = 1.0
_POLL_MS: Final = 250
_MAX_RECORDS: Final = 5_000
_POSITIONS: Final = re.compile(r"[0-9]{1,18}(-[0-9]{1,18})*")


class _Target(msgspec.Struct):
    to: str


_decode: Final = msgspec.json.Decoder(_Target).decode


class ChangeFeed:
    """Reads the topic `segment-changes` for all listeners.

    Attributes:
        positions: the offset of each partition up to which listeners have all changes; None before it is live.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.positions: list[int] | None = None
        self._settings = settings
        self._clock = clock
        self._topic = Topics(settings.prefix).segment_changes
        self._listeners: set[Listener] = set()
        self._wanted = asyncio.Event()
        self._live = asyncio.Event()

    async def run(self) -> None:
        """Read for the listeners until cancelled; may be called again after an error.

        Raises:
            aiokafka.errors.KafkaError: the cluster cannot be reached.
        """
        await self._wanted.wait()
        count = (await partitions_by_topic(self._settings)).get(self._topic, 0)
        if not count:
            await self._clock.sleep(_MISSING_SECONDS)
            return
        partitions = [TopicPartition(self._topic, number) for number in range(count)]
        kafka = self._settings.kafka_client()
        async with open_consumer(kafka, [self._topic], auto_offset_reset="earliest") as consumer:
            consumer.assign(partitions)
            try:
                while True:
                    if self.positions is None:
                        ends = await consumer.end_offsets(partitions)
                        self.positions = [ends[tp] for tp in partitions]
                    for tp, position in zip(partitions, self.positions, strict=True):
                        consumer.seek(tp, position)
                    self._live.set()
                    await self._follow(consumer)
                    self._live.clear()
                    self.positions = None
                    await self._wanted.wait()
            finally:
                self._live.clear()

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        """Hand out changes until nobody listens."""
        begun_s = beaten_s = self._clock.monotonic()
        while self._listeners:
            batches = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_MAX_RECORDS)
            now_s = self._clock.monotonic()
            if batches:
                if now_s - begun_s < READ_SECONDS:
                    await self._clock.sleep(READ_SECONDS - (now_s - begun_s))
                    more = await consumer.getmany(timeout_ms=0, max_records=_MAX_RECORDS)
                    batches = {tp: [*batches.get(tp, []), *more.get(tp, [])] for tp in batches.keys() | more.keys()}
                begun_s = self._clock.monotonic()
                self._hand_out([record for records in batches.values() for record in records])
            if now_s - beaten_s >= HEARTBEAT_SECONDS:
                beaten_s = now_s
                for listener in self._listeners.copy():
                    listener.push(self.heartbeat())

    def heartbeat(self) -> bytes:
        """Return a comment, with the id to resume by: a client that got no change for long may have missed none."""
        assert self.positions is not None
        return f": heartbeat\nid: {encode_positions(self.positions)}\n\n".encode()

    def end_all(self) -> None:
        """End all streams: the server stops."""
        for listener in self._listeners.copy():
            listener.end()

    @contextmanager
    def listen(self, listener: Listener) -> "Iterator[None]":
        """Have changes handed to a listener."""
        self._listeners.add(listener)
        self._wanted.set()
        try:
            yield
        finally:
            self._listeners.discard(listener)
            if not self._listeners:
                self._wanted.clear()

    async def wait_until_live(self, seconds: float) -> bool:
        """Return whether the reader is at the end of the topic, or comes there in time; somebody must listen."""
        try:
            async with asyncio.timeout(seconds):
                await self._live.wait()
        except TimeoutError:
            return False
        return True

    async def missed(self, begin: Sequence[int], end: Sequence[int], segment: str | None) -> AsyncIterator[bytes]:
        """Yield the events between two positions; what the topic no longer has is left out.

        Raises:
            aiokafka.errors.KafkaError: the cluster cannot be reached.
        """
        positions = list(begin)
        for number, last in enumerate(end):
            while positions[number] < last:
                try:
                    async for batch in read_range(
                        self._settings.kafka_client(), self._topic, number, positions[number], last
                    ):
                        yield _events(batch, positions, segment)
                    positions[number] = last
                except OffsetTruncated as error:
                    positions[number] = min(error.beginning, last)

    def _hand_out(self, records: Iterable[ConsumerRecord]) -> None:
        assert self.positions is not None
        before = self.positions.copy()
        chunks: dict[str | None, bytes] = {}
        for listener in self._listeners.copy():
            if listener.segment not in chunks:
                positions = before.copy()
                chunks[listener.segment] = _events(records, positions, listener.segment)
            if chunk := chunks[listener.segment]:
                listener.push(chunk)
        for record in records:
            self.positions[record.partition] = record.offset + 1


def _events(records: Iterable[ConsumerRecord], positions: list[int], segment: str | None) -> bytes:
    """Return the events of records, and move the positions past them."""
    events: list[bytes] = []
    for record in records:
        positions[record.partition] = record.offset + 1
        value = record.value
        if value is not None and (segment is None or _decode(value).to == segment):
            events.append(b"id: %s\ndata: %s\n\n" % (encode_positions(positions).encode(), value))
    return b"".join(events)


def encode_positions(positions: Sequence[int]) -> str:
    """Return the id of an event: the position in each partition after it."""
    return "-".join(map(str, positions))


def decode_positions(text: str) -> list[int] | None:
    """Return the positions in an id; None if it is none."""
    return [int(part) for part in text.split("-")] if _POSITIONS.fullmatch(text) else None
