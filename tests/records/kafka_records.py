"""Publish to topics, and read them to their ends."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from tests.records.schemas import assert_fits_schema

LARGEST: Final = 64 << 20
BATCH_BYTES: Final = 256 << 10


class Published(NamedTuple):
    """A record to publish; without a partition, the key decides."""

    value: bytes | None
    key: bytes | None = None
    partition: int | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()


async def publish(
    kafka: str, topic: str, records: Iterable[Published], compression: str | None = None
) -> list[tuple[int, int]]:
    """Publish each partition's records in order; return partition and offset of each when all are acknowledged.

    Batches are built here because aiokafka's `send` refuses what Kafka accepts, such as a record without key and value.
    """
    async with AIOKafkaProducer(
        bootstrap_servers=kafka, enable_idempotence=True, compression_type=compression, max_batch_size=BATCH_BYTES
    ) as producer:
        partitions = len(await producer.partitions_for(topic))
        batches: dict[int, list[tuple[Any, list[int]]]] = {number: [] for number in range(partitions)}
        for index, record in enumerate(records):
            partition = record.partition
            if partition is None:
                partition = index % partitions if record.key is None else java_partition(record.key, partitions)
            open_batches = batches[partition]
            content = {"key": record.key, "value": record.value, "headers": list(record.headers), "timestamp": None}
            if not open_batches or open_batches[-1][0].append(**content) is None:
                open_batches.append((producer.create_batch(), []))
                assert open_batches[-1][0].append(**content) is not None
            open_batches[-1][1].append(index)
        places: dict[int, tuple[int, int]] = {}
        for partition, packed in batches.items():
            for batch, indexes in packed:
                first = (await (await producer.send_batch(batch, topic, partition=partition))).offset
                places |= {index: (partition, first + number) for number, index in enumerate(indexes)}
    return [places[index] for index in sorted(places)]


async def read(kafka: str, topic: str) -> list[Any]:
    """Return all records of a topic up to its current ends, each partition in order."""
    async with _consumer(kafka) as consumer:
        partitions = await _partitions(consumer, topic)
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        await consumer.seek_to_beginning(*partitions)
        records: list[ConsumerRecord] = []
        while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                records.extend(batch)
        for record in records:
            assert_fits_schema(topic, record.value)
        return records


class Ends:
    """The numbers of records of topics, to be polled."""

    def __init__(self, kafka: str) -> None:
        """Connect when entered."""
        self._consumer = _consumer(kafka)

    async def __aenter__(self) -> Self:
        """Connect."""
        await self._consumer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnect."""
        await self._consumer.stop()

    async def of(self, topic: str) -> int:
        """Return the sum of the end offsets of a topic's partitions; 0 while there is no such topic."""
        partitions = await _partitions(self._consumer, topic)
        return sum((await self._consumer.end_offsets(partitions)).values()) if partitions else 0


def _consumer(kafka: str) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        bootstrap_servers=kafka,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=LARGEST,
    )


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> list[TopicPartition]:
    cluster = await consumer._client.fetch_all_metadata()  # a consumer only knows topics that it reads
    return [TopicPartition(topic, number) for number in sorted(cluster.partitions_for_topic(topic) or ())]


def java_partition(key: bytes, partitions: int) -> int:
    """Return the partition that Kafka's Java clients choose: murmur2, 32 bits, seed 0x9747b28c, made positive."""
    factor, mask = 0x5BD1E995, 0xFFFFFFFF
    whole = len(key) - len(key) % 4
    digest = 0x9747B28C ^ len(key)
    for begin in range(0, whole, 4):
        word = int.from_bytes(key[begin : begin + 4], "little") * factor & mask
        word = (word ^ word >> 24) * factor & mask
        digest = digest * factor & mask ^ word
    if whole < len(key):
        digest = (digest ^ int.from_bytes(key[whole:], "little")) * factor & mask
    digest = (digest ^ digest >> 13) * factor & mask
    digest ^= digest >> 15
    return (digest & 0x7FFFFFFF) % partitions
