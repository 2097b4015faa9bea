"""Publish the records of many requests, and say for each request when all in-sync replicas have its records.

The requests share batches: while a batch of a partition is under way, whatever arrives for that partition waits and
shares the next one. So a broker that is slow, or load that is high, makes batches larger, not more. The order of a
partition is that of the requests. What waits is bounded in bytes; what nobody waits for any more, because its request
was answered with 503, is dropped unless it was sent already.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from aiokafka.errors import KafkaError

from agents.serve.intake.publishing.outgoing_record import OutgoingRecord
from agents.serve.intake.publishing.producer_link import ProducerLink
from streams.clock import Clock
from streams.kafka.writing.publisher import partition_of
from streams.kafka.writing.stage_producer import StageProducer
from streams.telemetry.metrics import Metrics

MAX_WAITING_BYTES: Final = 64 << 20
"""Of all records that Kafka has not acknowledged."""
BATCH_BYTES: Final = 384 * 1024
"""Of a batch; it is less than `stage_producer.MAX_BATCH_BYTES`, so that the records added always fit."""


class NotPublishedError(Exception):
    """Records are not known to be published; the message says why. Any of them may be."""


class NoRoomError(NotPublishedError):
    """So much is waiting that no more is taken: none of the records is published."""


class Delivery:
    """What becomes of the records of one request.

    Attributes:
        is_dropped: whether to send what has not been sent yet.
    """

    __slots__ = ("_error", "_future", "_parts", "is_dropped")

    def __init__(self, parts: int) -> None:
        """Take the number of parts, each of one partition."""
        self._parts = parts
        self._future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._error: str | None = None
        self.is_dropped = False
        if not parts:
            self._future.set_result(None)

    def note(self, error: str | None) -> None:
        """Note that a part is acknowledged, or has failed."""
        self._parts -= 1
        self._error = self._error or error
        if not self._parts and not self._future.done():
            self._future.set_result(None)

    async def acknowledged(self, within_s: float | None = None) -> None:
        """Return when all in-sync replicas have every record.

        Raises:
            NotPublishedError: they have not within this time, or Kafka has refused some.
        """
        try:
            async with asyncio.timeout(within_s):
                await asyncio.shield(self._future)
        except TimeoutError:
            raise NotPublishedError(f"Kafka has not acknowledged within {within_s:g} s") from None
        if self._error is not None:
            raise NotPublishedError(self._error)


class EventPublisher:
    """Publishes through one producer.

    Attributes:
        waiting_bytes: of the records that are not acknowledged.
    """

    def __init__(self, link: ProducerLink, metrics: Metrics, clock: Clock) -> None:
        """Publish through the producer of `link`."""
        self.waiting_bytes = 0
        self._link = link
        self._metrics = metrics
        self._clock = clock
        self._partitions: dict[tuple[str, int], _Partition] = {}
        self._last_spread = 0

    @property
    def waiting_seconds(self) -> float:
        """How long the oldest record waits that was sent; 0 without any."""
        sent = [each.sent_at for each in self._partitions.values() if each.sent_at is not None]
        return self._clock.monotonic() - min(sent) if sent else 0.0

    def publish(self, records: Sequence[OutgoingRecord]) -> Delivery:
        """Begin to publish the records of a request.

        Raises:
            NoRoomError: too much is waiting; none of them is published.
            NotPublishedError: Kafka has not been reached since the start; none of them is published.
        """
        if not self._link.has_connected:
            raise NotPublishedError(self._link.problem)
        size = sum(record.size for record in records)
        if self.waiting_bytes + size > MAX_WAITING_BYTES:
            raise NoRoomError(f"{MAX_WAITING_BYTES >> 20} MiB are waiting for Kafka")
        parts: dict[tuple[str, int], list[OutgoingRecord]] = {}
        for record in records:
            parts.setdefault((record.topic, self._partition_of(record)), []).append(record)
        delivery = Delivery(len(parts))
        self.add_waiting(size)
        for place, part in parts.items():
            partition = self._partitions.get(place)
            if partition is None:
                partition = self._partitions[place] = _Partition(*place, self, self._link, self._clock)
            partition.put(delivery, part)
        return delivery

    def add_waiting(self, size: int) -> None:
        """Count bytes that wait, or (negative) no longer do."""
        self.waiting_bytes += size
        self._metrics.http_pending_bytes.set(self.waiting_bytes)

    async def close(self) -> None:
        """Give up what waits; every request has been answered."""
        tasks = [each.task for each in self._partitions.values() if each.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _partition_of(self, record: OutgoingRecord) -> int:
        count = self._link.count_partitions(record.topic)
        if (place := record.place) is not None:
            return partition_of(place, count)
        self._last_spread += 1
        return self._last_spread % count


class _Part:
    """The records of a request for one partition, from the first that is not sent."""

    __slots__ = ("delivery", "next", "records")

    def __init__(self, delivery: Delivery, records: Sequence[OutgoingRecord]) -> None:
        self.delivery = delivery
        self.records = records
        self.next = 0


class _Partition:
    """What waits for one partition, of which one batch at a time is under way."""

    def __init__(self, topic: str, number: int, publisher: EventPublisher, link: ProducerLink, clock: Clock) -> None:
        self._topic = topic
        self._number = number
        self._publisher = publisher
        self._link = link
        self._clock = clock
        self._waiting: deque[_Part] = deque()
        self.sent_at: float | None = None
        self.task: asyncio.Task[None] | None = None

    def put(self, delivery: Delivery, records: Sequence[OutgoingRecord]) -> None:
        """Add a request's records. They are sent after this turn of the loop, or after the batch under way."""
        self._waiting.append(_Part(delivery, records))
        if self.task is None:
            self.task = asyncio.create_task(self._send_all(), name="publish")

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                await self._send_next(await self._link.wait_for_producer())
        finally:
            self.task = None

    async def _send_next(self, producer: StageProducer) -> None:
        batch, size, finished = self._fill(producer)
        error = None
        if batch is not None:
            self.sent_at = self._clock.monotonic()
            error = await self._send(producer, batch)
            self.sent_at = None
        self._publisher.add_waiting(-size)
        if error is not None:
            finished += self._fail_begun()
        for delivery in finished:
            delivery.note(error)

    def _fill(self, producer: StageProducer) -> tuple[Any, int, list[Delivery]]:
        """Return the next batch (None if all was dropped), the size of what leaves the queue, and what it completes."""
        batch, batched, left = None, 0, 0
        finished: list[Delivery] = []
        while self._waiting:
            part = self._waiting[0]
            if part.delivery.is_dropped:
                left += sum(record.size for record in part.records[part.next :])
                finished.append(part.delivery)
                self._waiting.popleft()
                continue
            while part.next < len(part.records):
                record = part.records[part.next]
                if batched and batched + record.size > BATCH_BYTES:
                    return batch, left + batched, finished
                if batch is None:
                    batch = producer.create_batch()
                batch.append(timestamp=None, key=record.key, value=record.value, headers=list(record.headers))
                batched += record.size
                part.next += 1
            finished.append(part.delivery)
            self._waiting.popleft()
        return batch, left + batched, finished

    async def _send(self, producer: StageProducer, batch: Any) -> str | None:
        """Return when the batch is acknowledged, or an error."""
        try:
            delivered = producer.enqueue(batch, self._topic, self._number)
            if delivered is None:
                delivered = await producer.send_batch(batch, self._topic, partition=self._number)
            await delivered
        except (KafkaError, AssertionError) as error:  # the latter if the topic has fewer partitions than before
            self._link.replace(producer)
            return f"Kafka has refused: {type(error).__name__}"
        return None

    def _fail_begun(self) -> list[Delivery]:
        """Take away the rest of a part of which some records were in a batch that has failed."""
        if not self._waiting or not self._waiting[0].next:
            return []
        part = self._waiting.popleft()
        self._publisher.add_waiting(-sum(record.size for record in part.records[part.next :]))
        return [part.delivery]
