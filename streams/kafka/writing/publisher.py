"""Publish many events in batches: each acknowledged by all in-sync replicas, none twice, none lost without an error.

A record with a key goes to the partition of Kafka's default partitioner (murmur2), in the order of publication; records
without a key go to the partitions in turn.
"""

from collections import deque
from functools import lru_cache
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from aiokafka import AIOKafkaProducer

from streams.kafka.writing.partitioner import murmur2
from streams.settings.settings import Settings

if TYPE_CHECKING:
    from asyncio import Future

BATCH_BYTES: Final = 128 * 1024
"""Some 500 events a request; larger ones measured no faster on one broker."""
MAX_IN_FLIGHT: Final = 32
"""Batches."""


@lru_cache(maxsize=1 << 18)
def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of a key, as Kafka's default partitioner chooses it."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


class Publisher:
    """Publishes to one topic; an async context manager, which ends when all records are acknowledged.

    Attributes:
        topic: full name of the topic.
        partitions: how many it has; 0 before the start.
        acknowledged: records that all in-sync replicas have.
    """

    def __init__(self, settings: Settings, topic: str) -> None:
        """Take the topic, which must exist."""
        self.topic = topic
        self.partitions = 0
        self.acknowledged = 0
        self._settings = settings
        self._last_partition = 0
        self._open: dict[int, Any] = {}
        self._in_flight: deque[tuple[Future[Any], int]] = deque()

    async def __aenter__(self) -> Self:
        """Connect.

        Raises:
            aiokafka.errors.KafkaError: the cluster cannot be reached.
        """
        self._producer = AIOKafkaProducer(
            **self._settings.kafka_client(), enable_idempotence=True, max_batch_size=BATCH_BYTES
        )
        try:
            await self._producer.start()
            self.partitions = len(await self._producer.partitions_for(self.topic))
        except BaseException:
            await self._producer.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait until everything is acknowledged, and close; after an exception, only close."""
        try:
            if error is None:
                await self.flush()
        finally:
            for future, _ in self._in_flight:
                future.cancel()
            await self._producer.stop()

    async def publish(self, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]] | None = None) -> None:
        """Add a record; it is sent when its batch is full, or by the next `flush`.

        Waits while too many batches are in flight.

        Raises:
            aiokafka.errors.KafkaError: an earlier one could not be delivered.
        """
        if key is None:
            partition = self._last_partition = (self._last_partition + 1) % self.partitions
        else:
            partition = partition_of(key, self.partitions)
        batch = self._open.get(partition)
        if batch is not None and batch.append(timestamp=None, key=key, value=value, headers=headers or []) is None:
            await self._send(partition)
            batch = None
        if batch is None:
            batch = self._open[partition] = self._producer.create_batch()
            batch.append(timestamp=None, key=key, value=value, headers=headers or [])

    async def flush(self) -> None:
        """Send all records added so far, and wait until they are acknowledged.

        Raises:
            aiokafka.errors.KafkaError: one could not be delivered.
        """
        for partition in list(self._open):
            await self._send(partition)
        while self._in_flight:
            await self._wait_for_oldest()

    async def _send(self, partition: int) -> None:
        batch = self._open.pop(partition)
        count = batch.record_count()
        while len(self._in_flight) >= MAX_IN_FLIGHT:
            await self._wait_for_oldest()
        future = await self._producer.send_batch(batch, self.topic, partition=partition)
        self._in_flight.append((future, count))

    async def _wait_for_oldest(self) -> None:
        future, count = self._in_flight.popleft()
        await future
        self.acknowledged += count
