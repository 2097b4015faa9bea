"""A broker in memory: partitions with offsets, compaction, fenced producers, and failures on demand.

It behaves as Kafka does where lanes depend on it: records of a partition keep their order, a partition rejects a
producer once a later producer of the same name has written to it, and an idempotent producer accepts nothing more after
a failed delivery.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, cast

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import InvalidProducerEpoch, KafkaError, KafkaTimeoutError, MessageSizeTooLargeError

from streams.kafka.broker import EndOffsets
from streams.kafka.reader import OffsetTruncated, PartitionShortened
from streams.kafka.writing.batch_writer import Headers
from tests.lanes.clock import ManualClock

READ_RECORDS = 500
"""The maximum of records that a read returns at once."""
BATCH_RECORDS = 1000
"""The maximum of records in one batch."""


class StoredRecord(NamedTuple):
    """A record in a partition; readers use it as a `ConsumerRecord`."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class Log:
    """One partition: records by offset, possibly with gaps."""

    def __init__(self, topic: str, partition: int) -> None:
        self.topic = topic
        self.number = partition
        self.records: list[StoredRecord] = []
        self.beginning = 0
        self.end = 0
        self.epochs: dict[str, int] = {}

    @property
    def tp(self) -> TopicPartition:
        """Return its topic and number."""
        return TopicPartition(self.topic, self.number)

    def append(self, key: bytes | None, value: bytes | None, headers: Headers | None, timestamp: int) -> None:
        """Append a record at the end."""
        self.records.append(StoredRecord(self.topic, self.number, self.end, timestamp, key, value, headers or ()))
        self.end += 1

    def compact(self) -> None:
        """Keep the last record of each key; tombstones disappear with what they delete."""
        last = {record.key: record for record in self.records}
        self.records = [record for record in self.records if last[record.key] is record and record.value is not None]

    def truncate(self, beginning: int) -> None:
        """Delete the records before an offset, as retention does."""
        self.beginning = beginning
        self.records = [record for record in self.records if record.offset >= beginning]


class MemoryBroker:
    """A cluster that creates topics and partitions on demand; implements `streams.kafka.broker.Broker`.

    Attributes:
        fault: called before each request; returns what happens to it, None for success.
        requests: the topic, partition and number of records of each request, in order.
    """

    def __init__(self, clock: ManualClock | None = None) -> None:
        self.clock = ManualClock() if clock is None else clock
        self.requests: list[tuple[str, int, int]] = []
        self.fault: Callable[[str, int], str | None] = lambda _topic, _number: None
        self._logs: dict[tuple[str, int], Log] = {}
        self._epochs: Counter[str] = Counter()

    def log(self, topic: str, partition: int = 0) -> Log:
        """Return a partition; it is created if it does not exist."""
        log = self._logs.get((topic, partition))
        if log is None:
            log = self._logs[topic, partition] = Log(topic, partition)
        return log

    def append(
        self, topic: str, partition: int, key: bytes | None, value: bytes | None, headers: Headers | None = None
    ) -> None:
        """Append a record without a producer."""
        self.log(topic, partition).append(key, value, headers, self.clock.wall_ms())

    def records(self, topic: str, partition: int = 0) -> list[ConsumerRecord]:
        """Return the records of a partition."""
        return cast("list[ConsumerRecord]", self.log(topic, partition).records)

    async def read(
        self,
        topic: str,
        partition: int,
        begin: int | None = None,
        end: int | None = None,
        on_remaining: Callable[[int], None] | None = None,
    ) -> AsyncGenerator[list[ConsumerRecord]]:
        """Yield the records of `[begin, end)` as `streams.kafka.reader.read_range` does."""
        log = self.log(topic, partition)
        if begin is not None and begin < log.beginning:
            raise OffsetTruncated(log.tp, begin, log.beginning)
        if end is None:
            end = log.end
            if begin is not None and begin > end:
                raise PartitionShortened(log.tp, begin, end)
        wanted = [record for record in log.records if (begin or 0) <= record.offset < end]
        for start in range(0, len(wanted), READ_RECORDS):
            chunk = wanted[start : start + READ_RECORDS]
            yield cast("list[ConsumerRecord]", chunk)
            if on_remaining is not None:
                on_remaining(end - chunk[-1].offset - 1)

    @asynccontextmanager
    async def connect_for_ends(self) -> AsyncIterator[EndOffsets]:
        """Return the broker itself."""
        yield self

    async def end_offsets(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Return the ends of partitions."""
        return {tp: self.log(tp.topic, tp.partition).end for tp in partitions}

    async def partitions_by_topic(self) -> Mapping[str, int]:
        """Return the number of partitions used so far, by topic."""
        return Counter(topic for topic, _ in self._logs)

    async def check_not_shortened(self, topic: str, partition: int, offset: int) -> None:
        """Raise `PartitionShortened` if the partition ends before `offset`."""
        log = self.log(topic, partition)
        if log.end < offset:
            raise PartitionShortened(log.tp, offset, log.end)

    async def large_record_producer(self, max_request_bytes: int) -> "MemoryProducer":
        """Return a producer."""
        assert max_request_bytes > 0
        return self.producer()

    def producer(self) -> "MemoryProducer":
        """Return a producer; it is never fenced where it has not called `fence`."""
        return MemoryProducer(self)

    def next_epoch(self, name: str) -> int:
        """Return the next epoch of a name."""
        self._epochs[name] += 1
        return self._epochs[name]


class MemoryBatch:
    """A batch under construction, with the interface of aiokafka's batch and of the builder within it."""

    def __init__(self) -> None:
        self.records: list[tuple[int | None, bytes | None, bytes | None, Headers]] = []
        self._builder = self
        self._relative_offset = 0

    def append(
        self, number: int, timestamp: int | None, key: bytes | None, value: bytes | None, headers: Headers
    ) -> object | None:
        """Append a record; return None if the batch is full."""
        assert number == len(self.records)
        if number >= BATCH_RECORDS:
            return None
        self.records.append((timestamp, key, value, headers))
        return self

    def close(self) -> None:
        """Accept nothing more: nobody appends to a full batch."""

    def record_count(self) -> int:
        """Return how many records it has."""
        return len(self.records)


class Acknowledgement(NamedTuple):
    """What aiokafka returns for a delivered batch."""

    offset: int


class Crash(Exception):
    """The worker dies at once."""


class MemoryProducer:
    """An idempotent producer; `send_batch` is one request.

    Attributes:
        holding: set once a request is held.

    What `MemoryBroker.fault` returns for a request happens to it:

        too large        nothing is written, and the delivery fails because of the record's size
        refused          nothing is written, and the delivery fails
        unacknowledged   it is written, but the delivery fails
        crash            the worker dies before it
        crash after      it is written, and the worker dies before it learns that
        held             it is under way until `release`; the worker waits
        unknown leader   it is not queued before `release`; the worker waits
    """

    def __init__(self, broker: MemoryBroker) -> None:
        self.is_stopped = False
        self._broker = broker
        self._epochs: dict[int, tuple[str, int]] = {}
        self._fatal: KafkaError | Crash | None = None
        self.holding = asyncio.Event()
        self._held: list[Callable[[], None]] = []

    async def fence(self, name: str, partition: int) -> None:
        """Take the next epoch of that name for partitions of this number."""
        self._epochs[partition] = name, self._broker.next_epoch(name)

    def discard(self, partition: int) -> None:
        """Do nothing: every request is on its way at once."""

    def enqueue(self, batch: MemoryBatch, topic: str, partition: int) -> None:
        """Return None: `send_batch` sends every batch."""

    def create_batch(self) -> MemoryBatch:
        """Return an empty batch."""
        return MemoryBatch()

    async def send_batch(self, batch: MemoryBatch, topic: str, *, partition: int) -> "asyncio.Future[Acknowledgement]":
        """Send a batch; the future is its acknowledgement."""
        if self._fatal is not None:
            raise self._fatal
        broker = self._broker
        fault = broker.fault(topic, len(broker.requests))
        if fault == "unknown leader":
            found = asyncio.Event()
            self._held.append(found.set)
            self.holding.set()
            await found.wait()
        broker.requests.append((topic, partition, batch.record_count()))
        future = asyncio.get_running_loop().create_future()
        if fault in {"crash", "crash after"}:
            self._fatal = Crash()  # whatever else its process does reaches no broker
        if fault == "crash":
            raise Crash
        if fault == "held":
            self._held.append(lambda: self._deliver(batch, topic, partition, future))
            self.holding.set()
        elif fault == "too large":
            self._fail(future, MessageSizeTooLargeError("the topic refuses it"))
        elif fault == "refused":
            self._fail(future, KafkaTimeoutError("the broker did not answer"))
        else:
            self._deliver(batch, topic, partition, future)
        if fault == "crash after":
            raise Crash
        if fault == "unacknowledged":
            future = asyncio.get_running_loop().create_future()
            self._fail(future, KafkaTimeoutError("the answer was lost"))
        return future

    async def send_and_wait(
        self, topic: str, value: bytes | None, key: bytes | None, partition: int, *, headers: Headers
    ) -> None:
        """Send one record and wait for its acknowledgement; a refused one does not stop this producer."""
        batch = self.create_batch()
        batch.append(0, None, key, value, headers)
        try:
            await (await self.send_batch(batch, topic, partition=partition))
        finally:
            self._fatal = None

    def release(self) -> None:
        """Deliver the held requests, even if their sender is dead."""
        held, self._held = self._held, []
        for deliver in held:
            deliver()

    async def stop(self) -> None:
        """Accept nothing more."""
        self.is_stopped = True

    def _deliver(self, batch: MemoryBatch, topic: str, partition: int, future: "asyncio.Future[Any]") -> None:
        log = self._broker.log(topic, partition)
        if partition in self._epochs:
            name, epoch = self._epochs[partition]
            if log.epochs.get(name, 0) > epoch:
                self._fail(future, InvalidProducerEpoch(f"epoch {epoch} of {name}"))
                return
            log.epochs[name] = epoch
        base = log.end
        for timestamp, key, value, headers in batch.records:
            log.append(key, value, headers, self._broker.clock.wall_ms() if timestamp is None else timestamp)
        if not future.done():
            future.set_result(Acknowledgement(base))

    def _fail(self, future: "asyncio.Future[Any]", error: KafkaError) -> None:
        self._fatal = error
        if not future.done():
            future.set_exception(error)


def by_key(records: Sequence[ConsumerRecord]) -> dict[bytes, bytes]:
    """Return the latest value of each key, without deleted keys, as compaction leaves them."""
    kept: dict[bytes, bytes] = {}
    for record in records:
        kept.pop(record.key, None)
        if record.value is not None:
            kept[record.key] = record.value
    return kept
