"""The cluster as a worker's lanes see it: partitions to read, and a producer. Tests pass one that lives in memory."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from streams.kafka.cluster import find_leaders, open_consumer, partitions_by_topic
from streams.kafka.reader import check_not_shortened, read_range
from streams.settings.settings import Settings


class EndOffsets(Protocol):
    """A connection that returns the end offsets of partitions."""

    async def end_offsets(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Return the offset after the last record of each partition that consumers may read."""


class Broker(Protocol):
    """What lanes need of a Kafka cluster. Every method raises a `KafkaError` if the cluster cannot be reached."""

    def read(
        self,
        topic: str,
        partition: int,
        begin: int | None = None,
        end: int | None = None,
        on_remaining: Callable[[int], None] | None = None,
    ) -> AsyncGenerator[list[ConsumerRecord]]:
        """Yield the records of `[begin, end)` as `streams.kafka.reader.read_range` does."""

    def connect_for_ends(self) -> AbstractAsyncContextManager[EndOffsets]:
        """Open a connection to ask for end offsets again and again."""

    async def partitions_by_topic(self) -> Mapping[str, int]:
        """Count the partitions of every topic."""

    async def check_not_shortened(self, topic: str, partition: int, offset: int) -> None:
        """Raise `PartitionShortened` if the partition ends before `offset`."""

    async def large_record_producer(self, max_request_bytes: int) -> AIOKafkaProducer:
        """Return a started producer that compresses by zstd and is not idempotent.

        It may fail for a record that the topic refuses without stopping an idempotent producer for good.
        """


class KafkaBroker:
    """The Kafka cluster of these settings, reached through aiokafka."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._kafka = settings.kafka_client()

    def read(
        self,
        topic: str,
        partition: int,
        begin: int | None = None,
        end: int | None = None,
        on_remaining: Callable[[int], None] | None = None,
    ) -> AsyncGenerator[list[ConsumerRecord]]:
        """Yield the records of `[begin, end)`."""
        return read_range(self._kafka, topic, partition, begin, end, on_remaining)

    @asynccontextmanager
    async def connect_for_ends(self) -> AsyncIterator[EndOffsets]:
        """Open a consumer outside any group."""
        async with open_consumer(self._kafka, isolation_level="read_committed") as consumer:
            yield _ConsumerEnds(consumer)

    async def partitions_by_topic(self) -> Mapping[str, int]:
        """Count the partitions of every topic."""
        return await partitions_by_topic(self._settings)

    async def check_not_shortened(self, topic: str, partition: int, offset: int) -> None:
        """Raise `PartitionShortened` if the partition ends before `offset`."""
        await check_not_shortened(self._kafka, topic, partition, offset)

    async def large_record_producer(self, max_request_bytes: int) -> AIOKafkaProducer:
        """Return a started producer that compresses and is not idempotent."""
        producer = AIOKafkaProducer(
            **self._kafka, acks="all", compression_type="zstd", max_request_size=max_request_bytes
        )
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        return producer


class _ConsumerEnds:
    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer

    async def end_offsets(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        await find_leaders(self._consumer, {tp.topic for tp in partitions})
        ends: Mapping[TopicPartition, int] = await self._consumer.end_offsets(list(partitions))
        return ends
