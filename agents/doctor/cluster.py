"""The connection to Kafka that all examinations share."""

import contextlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from streams.clock import Clock
from streams.kafka.cluster import find_leaders, stop_consumer, wait_for_coordinator
from streams.kafka.needed_rights import STAGES
from streams.kafka.topics import Topics
from streams.settings.settings import Settings


@dataclass(frozen=True)
class Cluster:
    """Connected clients, and what exists.

    Attributes:
        settings: valid ones.
        clock: the time of this machine.
        admin: a started client.
        consumer: a started client without a group, for offsets.
        topics: the names of the prefix.
        counts: the number of partitions of every topic of the cluster.
    """

    settings: Settings
    clock: Clock
    admin: AIOKafkaAdminClient
    consumer: AIOKafkaConsumer
    topics: Topics
    counts: dict[str, int]

    def partitions(self, names: Iterable[str]) -> list[TopicPartition]:
        """Return the partitions of those of these topics that exist."""
        return [TopicPartition(name, number) for name in names for number in range(self.counts.get(name, 0))]

    async def ends(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the end offset of each partition."""
        await find_leaders(self.consumer, {tp.topic for tp in partitions})
        ends: dict[TopicPartition, int] = await self.consumer.end_offsets(partitions) if partitions else {}
        return ends


@contextlib.asynccontextmanager
async def connect(settings: Settings, clock: Clock) -> AsyncIterator[Cluster]:
    """Connect to the cluster.

    Raises:
        aiokafka.errors.KafkaError: it cannot be reached.
    """
    admin = AIOKafkaAdminClient(**settings.kafka_client())
    consumer = AIOKafkaConsumer(**settings.kafka_client(), enable_auto_commit=False)
    try:
        await admin.start()
        await consumer.start()
        for stage in STAGES:
            await wait_for_coordinator(admin, f"{settings.prefix}.{stage}")
        counts = {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}
        yield Cluster(settings, clock, admin, consumer, Topics(settings.prefix, settings.sources), counts)
    finally:
        await stop_consumer(consumer)
        await admin.close()
