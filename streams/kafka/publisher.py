"""Publishing many JSON events: in batches, each acknowledged by all replicas, none twice, none lost without a word.

A customer's events go to the partition of the key, by Java's murmur2, in the order in which they are published;
records without a key go to the partitions in turn.
"""

from collections import deque
from functools import lru_cache
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2

from streams.settings.settings import Settings

if TYPE_CHECKING:
    from asyncio import Future

# 128 KiB make some 500 events a request; larger ones measured no faster on one broker.
BATCH_BYTES: Final = 128 * 1024
BATCHES_UNDERWAY: Final = 32


@lru_cache(maxsize=1 << 18)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key, as Java's default partitioner has it."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions


class Publisher:
    """Publishes to one topic; used as an async context manager, whose end waits for all acknowledgements.

    Attributes:
        topic: full name of the topic.
        partitions: how many it has; known from the start on.
        acknowledged: records that all replicas have.
    """

    def __init__(self, settings: Settings, topic: str) -> None:
        """Publish to `topic`, which must exist."""
        self.topic = topic
        self.partitions = 0
        self.acknowledged = 0
        self._settings = settings
        self._turn = 0
        self._open: dict[int, Any] = {}
        self._underway: deque[tuple[Future[Any], int]] = deque()

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
            for future, _ in self._underway:
                future.cancel()
            await self._producer.stop()

    async def publish(self, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]] | None = None) -> None:
        """Take a record; it is sent when its batch is full, or at the next `flush`.

        Waits while too many batches are underway.

        Raises:
            aiokafka.errors.KafkaError: one sent earlier could not be delivered.
        """
        if key is None:
            partition = self._turn = (self._turn + 1) % self.partitions
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
        """Send what has been taken and wait until all of it is acknowledged.

        Raises:
            aiokafka.errors.KafkaError: something could not be delivered.
        """
        for partition in list(self._open):
            await self._send(partition)
        while self._underway:
            await self._settle()

    async def _send(self, partition: int) -> None:
        batch = self._open.pop(partition)
        count = batch.record_count()
        while len(self._underway) >= BATCHES_UNDERWAY:
            await self._settle()
        future = await self._producer.send_batch(batch, self.topic, partition=partition)
        self._underway.append((future, count))

    async def _settle(self) -> None:
        future, count = self._underway.popleft()
        await future
        self.acknowledged += count
