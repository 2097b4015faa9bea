"""A broker whose every answer is waited for in the open: long waits are reported (`streams.telemetry.waits`)."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from aiokafka import AIOKafkaProducer, ConsumerRecord, TopicPartition

from streams.kafka.broker import Broker, EndOffsets
from streams.telemetry.waits import Wait, Waiter


class WatchedBroker:
    """A `Broker` on behalf of one who waits."""

    def __init__(self, broker: Broker, waiter: Waiter) -> None:
        self._broker = broker
        self._waiter = waiter

    async def read(
        self,
        topic: str,
        partition: int,
        begin: int | None = None,
        end: int | None = None,
        on_remaining: Callable[[int], None] | None = None,
    ) -> AsyncGenerator[list[ConsumerRecord]]:
        """Yield the records of `[begin, end)`."""
        batches = self._broker.read(topic, partition, begin, end, on_remaining)
        async for batch in self._waiter.each(Wait.READING, f"records of {topic}:{partition}", batches):
            yield batch

    def connect_for_ends(self) -> AbstractAsyncContextManager[EndOffsets]:
        """Open a connection to ask for end offsets again and again."""
        return self._connect_for_ends()

    @asynccontextmanager
    async def _connect_for_ends(self) -> AsyncIterator[EndOffsets]:
        opening = self._broker.connect_for_ends()
        with self._waiter.on(Wait.READING, "a connection to Kafka"):
            offsets = await opening.__aenter__()
        try:
            yield _WatchedEnds(offsets, self._waiter)
        finally:
            await opening.__aexit__(None, None, None)

    async def partitions_by_topic(self) -> Mapping[str, int]:
        """Count the partitions of every topic."""
        with self._waiter.on(Wait.READING, "the list of topics"):
            return await self._broker.partitions_by_topic()

    async def check_not_shortened(self, topic: str, partition: int, offset: int) -> None:
        """Raise `PartitionShortened` if the partition ends before `offset`."""
        with self._waiter.on(Wait.READING, f"the end of {topic}:{partition}"):
            await self._broker.check_not_shortened(topic, partition, offset)

    async def large_record_producer(self, max_request_bytes: int) -> AIOKafkaProducer:
        """Return a started producer that compresses and is not idempotent."""
        with self._waiter.on(Wait.READING, "a connection to Kafka"):
            return await self._broker.large_record_producer(max_request_bytes)


class _WatchedEnds:
    def __init__(self, offsets: EndOffsets, waiter: Waiter) -> None:
        self._offsets = offsets
        self._waiter = waiter

    async def end_offsets(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        with self._waiter.on(Wait.READING, "end offsets"):
            return await self._offsets.end_offsets(partitions)
