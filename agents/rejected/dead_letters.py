"""Read the dead-letter topic `rejected` from its end backwards, without a consumer group."""

import heapq
from collections.abc import AsyncGenerator, Mapping
from typing import Final, NamedTuple

from aiokafka import ConsumerRecord, TopicPartition

from streams.kafka.cluster import open_consumer, partitions_by_topic
from streams.kafka.reader import OffsetTruncated, read_range
from streams.kafka.topics import Topics
from streams.settings.settings import Settings

REASON: Final = "goldstream-reason"
DETAIL: Final = "goldstream-detail"
SOURCE: Final = "goldstream-source"
_ADDED: Final = frozenset({REASON, DETAIL, SOURCE})


class DeadLetter(NamedTuple):
    """A rejected record, as it was published, and why it was rejected.

    Attributes:
        reason: one of `RejectionReason`.
        detail: the field and the value.
        source: `topic:partition:offset`, or `hook:platform/name`.
        at_ms: when it was rejected, in milliseconds since 1970.
        partition: of the topic `rejected`.
        offset: in that partition.
        key: as published.
        value: as published; None also if the topic refused it for its size.
        headers: as published.
    """

    reason: str
    detail: str
    source: str
    at_ms: int
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]

    @property
    def origin(self) -> str | None:
        """The full name of the source topic; None if it came by a hook."""
        topic, _, place = self.source.partition(":")
        partition, _, offset = place.partition(":")
        return topic if partition.isdecimal() and offset.isdecimal() else None

    @property
    def identity(self) -> str:
        """What identifies the rejected record, even if a crash put it into the topic twice."""
        return self.source if self.origin else f"rejected:{self.partition}:{self.offset}"


Ranges = Mapping[int, tuple[int, int]]
"""By partition, the first offset and the one after the last."""


async def letter_ranges(settings: Settings, last: int | None = None) -> Ranges:
    """Return which offsets the topic holds now; none if it does not exist.

    Args:
        settings: of the prefix.
        last: only so many at the end of each partition; None for all.

    Raises:
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    topic = Topics(settings.prefix).rejected
    count = (await partitions_by_topic(settings)).get(topic, 0)
    if not count:
        return {}
    partitions = [TopicPartition(topic, number) for number in range(count)]
    async with open_consumer(settings.kafka_client(), [topic]) as consumer:
        begins = await consumer.beginning_offsets(partitions)
        ends = await consumer.end_offsets(partitions)
    return {
        tp.partition: (begins[tp] if last is None else max(begins[tp], ends[tp] - last), ends[tp]) for tp in partitions
    }


async def read_letters(settings: Settings, ranges: Ranges) -> AsyncGenerator[DeadLetter]:
    """Yield the dead letters of these ranges, partition by partition, oldest first.

    Raises:
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    topic = Topics(settings.prefix).rejected
    for partition, (begin, end) in ranges.items():
        position = begin
        while position < end:
            try:
                async for batch in read_range(settings.kafka_client(), topic, partition, position, end):
                    for record in batch:
                        yield dead_letter(record)
                        position = record.offset + 1
                break
            except OffsetTruncated as error:
                position = error.beginning


async def newest_letters(settings: Settings, limit: int, reason: str | None = None) -> list[DeadLetter]:
    """Return the last dead letters of all partitions, newest first: at most `limit` of the last `limit` of each.

    Args:
        settings: of the prefix.
        limit: how many at most.
        reason: only those rejected for it.
    """
    ranges = await letter_ranges(settings, limit)
    found = [each async for each in read_letters(settings, ranges) if reason in (None, each.reason)]
    return newest(found, limit)


def newest(letters: list[DeadLetter], limit: int) -> list[DeadLetter]:
    """Return the last of these, newest first."""
    return heapq.nlargest(limit, letters, key=lambda each: (each.at_ms, each.offset, each.partition))


def dead_letter(record: ConsumerRecord) -> DeadLetter:
    """Return what a record of the topic says."""
    added = {name: value for name, value in record.headers if name in _ADDED}  # the last one of a name is ours

    def text(name: str) -> str:
        return (added.get(name) or b"unknown").decode("utf-8", "replace")

    return DeadLetter(
        text(REASON),
        text(DETAIL),
        text(SOURCE),
        record.timestamp,
        record.partition,
        record.offset,
        record.key,
        record.value,
        _published_headers(record),
    )


def _published_headers(record: ConsumerRecord) -> list[tuple[str, bytes]]:
    """Return the headers without the last of each that admission added, which follow those of the publisher."""
    headers = list(record.headers)
    for name in (SOURCE, DETAIL, REASON):
        if headers and headers[-1][0] == name:
            headers.pop()
    return headers
