"""Reading a range of a partition with a consumer of one's own, outside any group."""

from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from streams.kafka.cluster import find_leaders

_POLL_MS: Final = 500
_FETCH_BYTES: Final = 8 << 20


class OffsetTruncated(Exception):
    """What was to be read is no longer there: retention has cut it.

    Attributes:
        beginning: where the partition begins now.
    """

    beginning = 0

    def __init__(self, partition: TopicPartition, offset: int, beginning: int) -> None:
        """Says what is missing and what can be done."""
        self.beginning = beginning
        super().__init__(
            f"{partition.topic}:{partition.partition} begins at {beginning}, but is needed from {offset} on: retention "
            "has cut it; restore it from a backup, or start anew under another GOLDSTREAM_PREFIX"
        )


class PartitionShortened(OffsetTruncated):
    """A partition ends before what was read of it."""

    def __init__(self, partition: TopicPartition, offset: int, end: int) -> None:
        """Says what is missing and what can be done."""
        Exception.__init__(
            self,
            f"{partition.topic}:{partition.partition} ends at {end}, but was read up to {offset}: it was made anew, or "
            "restored from an older copy; restore what is missing, or start anew under another GOLDSTREAM_PREFIX",
        )


async def check_not_shortened(kafka: Mapping[str, Any], topic: str, partition: int, offset: int) -> None:
    """Makes sure that a partition still has what was read of it.

    Raises:
        Shortened: it ends before `offset`.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    tp = TopicPartition(topic, partition)
    consumer = AIOKafkaConsumer(**kafka, enable_auto_commit=False)
    try:
        await consumer.start()
        await find_leaders(consumer, [topic])
        end = (await consumer.end_offsets([tp]))[tp]
    finally:
        await consumer.stop()
    if end < offset:
        raise PartitionShortened(tp, offset, end)


async def read_range(
    kafka: Mapping[str, Any],
    topic: str,
    partition: int,
    begin: int | None = None,
    end: int | None = None,
    on_left: Callable[[int], None] | None = None,
) -> AsyncGenerator[list[ConsumerRecord]]:
    """Yields the records of `[begin, end)` in pieces; from what is left of the partition up to its end now by default.

    It ends when the position has reached the end, not when the last record has come: what compaction and transaction
    markers took away is never waited for. `on_left` is told how many offsets are left to read, after each piece.

    Raises:
        CutOff: `begin` was given and lies before what is left, or (`PartitionShortened`) after the end, where none was
        given. aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    tp = TopicPartition(topic, partition)
    consumer = AIOKafkaConsumer(
        **kafka,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
        max_partition_fetch_bytes=_FETCH_BYTES,
        fetch_max_wait_ms=_POLL_MS,
    )
    try:
        await consumer.start()
        await find_leaders(consumer, [topic])
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
            if on_left is not None:
                on_left(max(0, end - position))
    finally:
        await consumer.stop()
