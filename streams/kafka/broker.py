"""The broker as a lane sees it: partitions to read, and producers. Tests pass one that lives in memory."""

from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, Protocol

from aiokafka import AIOKafkaProducer, ConsumerRecord

from streams.kafka.fenced_producer import fenced_producer
from streams.kafka.reader import check_not_shortened, read_range


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

    async def check_not_shortened(self, topic: str, partition: int, offset: int) -> None:
        """Raise `PartitionShortened` if the partition ends before `offset`."""

    async def fenced_producer(self, name: str) -> AIOKafkaProducer:
        """Return a started producer with the next epoch of that name: the broker refuses writes of earlier epochs."""


class KafkaBroker:
    """A Kafka cluster, reached through aiokafka with these client settings."""

    def __init__(self, kafka: Mapping[str, Any]) -> None:
        self._kafka = kafka

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

    async def check_not_shortened(self, topic: str, partition: int, offset: int) -> None:
        """Raise `PartitionShortened` if the partition ends before `offset`."""
        await check_not_shortened(self._kafka, topic, partition, offset)

    async def fenced_producer(self, name: str) -> AIOKafkaProducer:
        """Return a started producer with the next epoch of that name."""
        return await fenced_producer(self._kafka, name)
