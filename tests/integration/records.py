"""Publishing to topics and reading them to their ends."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from streams.long_poll import long_poll

LARGEST: Final = 64 << 20


class Published(NamedTuple):
    """A record to publish: without a partition it goes where its key says."""

    value: bytes | None
    key: bytes | None = None
    partition: int | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


async def publish(kafka: str, topic: str, records: Iterable[Published], compression: str | None = None) -> None:
    """Publish in order, and return when the broker has all of it."""
    async with AIOKafkaProducer(
        bootstrap_servers=kafka,
        enable_idempotence=True,
        compression_type=compression,
        max_request_size=LARGEST,
        max_batch_size=1 << 20,
        linger_ms=5,
    ) as producer:
        sent = [
            await producer.send(topic, record.value, record.key, record.partition, headers=list(record.headers))
            for record in records
        ]
        for each in sent:
            await each


async def read(kafka: str, topic: str) -> list[Any]:
    """All records of a topic up to the ends that it has now, each partition in its order."""
    async with long_poll(_consumer(kafka)) as consumer:
        partitions = await _partitions(consumer, topic)
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        await consumer.seek_to_beginning(*partitions)
        records: list[ConsumerRecord] = []
        while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                records.extend(batch)
        return records


class Ends:
    """How many records topics have, asked again and again."""

    def __init__(self, kafka: str) -> None:
        """Connect when entered."""
        self._consumer = _consumer(kafka)

    async def __aenter__(self) -> "Ends":
        """Connect."""
        await self._consumer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnect."""
        await self._consumer.stop()

    async def of(self, topic: str) -> int:
        """The sum of the end offsets of a topic's partitions; 0 while there is no such topic."""
        partitions = await _partitions(self._consumer, topic)
        return sum((await self._consumer.end_offsets(partitions)).values()) if partitions else 0


def _consumer(kafka: str) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        bootstrap_servers=kafka, enable_auto_commit=False, auto_offset_reset="earliest", max_partition_fetch_bytes=LARGEST
    )


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> list[TopicPartition]:
    cluster = await consumer._client.fetch_all_metadata()  # a consumer knows only of topics that it reads
    return [TopicPartition(topic, number) for number in sorted(cluster.partitions_for_topic(topic) or ())]
