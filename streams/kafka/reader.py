"""Read a range of a partition with a separate consumer, outside any group."""

from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, Final

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from streams.kafka.cluster import open_consumer

_POLL_MS: Final = 500
_FETCH_BYTES: Final = 8 << 20


class OffsetTruncated(Exception):
    """Retention has deleted records that are still needed.

    Attributes:
        beginning: the first offset that is left.
    """

    beginning = 0

    def __init__(self, partition: TopicPartition, offset: int, beginning: int) -> None:
        self.beginning = beginning
        super().__init__(
            f"{partition.topic}:{partition.partition} begins at {beginning}, but is needed from {offset} on: retention "
            "has deleted records; restore them from a backup, or start over with another GOLDSTREAM_PREFIX"
        )


class PartitionShortened(OffsetTruncated):
    """A partition ends before an offset up to which it was read."""

    def __init__(self, partition: TopicPartition, offset: int, end: int) -> None:
        Exception.__init__(
            self,
            f"{partition.topic}:{partition.partition} ends at {end}, but was read up to {offset}: it was recreated, or "
            "restored from an older copy; restore what is missing, or start over with another GOLDSTREAM_PREFIX",
        )


async def check_not_shortened(kafka: Mapping[str, Any], topic: str, partition: int, offset: int) -> None:
    """Check that a partition still has everything that was read of it.

    Raises:
        PartitionShortened: it ends before `offset`.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    tp = TopicPartition(topic, partition)
    async with open_consumer(kafka, [topic]) as consumer:
        end = (await consumer.end_offsets([tp]))[tp]
    if end < offset:
        raise PartitionShortened(tp, offset, end)


async def read_range(
    kafka: Mapping[str, Any],
    topic: str,
    partition: int,
    begin: int | None = None,
    end: int | None = None,
    on_remaining: Callable[[int], None] | None = None,
) -> AsyncGenerator[list[ConsumerRecord]]:
    """Yield the records of `[begin, end)` in batches; by default all that the partition has now.

    Reading ends when the consumer's position reaches the end, not at the last record: nothing waits for offsets that
    compaction has removed or that hold transaction markers.

    Args:
        kafka: arguments of the client.
        topic: full name.
        partition: its number.
        begin: the first offset.
        end: the offset after the last.
        on_remaining: called after each batch with the number of offsets still to read.

    Raises:
        OffsetTruncated: `begin` is given and was deleted by retention.
        PartitionShortened: `begin` is given without `end`, and is after the end of the partition.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    tp = TopicPartition(topic, partition)
    opened = open_consumer(
        kafka,
        [topic],
        auto_offset_reset="none",
        isolation_level="read_committed",
        max_partition_fetch_bytes=_FETCH_BYTES,
        fetch_max_wait_ms=_POLL_MS,
    )
    async with opened as consumer:
        consumer.assign([tp])
        beginning = (await consumer.beginning_offsets([tp]))[tp]
        if begin is not None and begin < beginning:
            raise OffsetTruncated(tp, begin, beginning)
        if end is None:
            end = (await consumer.end_offsets([tp]))[tp]
            if begin is not None and begin > end:
                raise PartitionShortened(tp, begin, end)
        position = beginning if begin is None else begin
        consumer.seek(tp, position)
        while position < end:
            try:
                batches = await consumer.getmany(tp, timeout_ms=_POLL_MS)
            except OffsetOutOfRangeError as error:
                raise OffsetTruncated(tp, position, (await consumer.beginning_offsets([tp]))[tp]) from error
            records = batches.get(tp, [])
            if records and records[-1].offset >= end:
                records = [record for record in records if record.offset < end]
            if records:
                yield records
            position = await consumer.position(tp)
            if on_remaining is not None:
                on_remaining(max(0, end - position))
