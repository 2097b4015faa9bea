"""Let the workers of the new prefix continue with the source topics of the old one, where those workers stopped."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from agents.replay.journal_writer import JOURNAL_SOURCE
from state.customer.referrals import REFERRAL_SOURCES
from state.records.events import REFERRAL_SUFFIX
from streams.kafka.cluster import partitions_by_topic
from streams.kafka.control import CONTROL_SOURCE
from streams.kafka.reader import read_range
from streams.kafka.topics import Topics
from streams.kafka.writing.batch_writer import BatchWriter
from streams.settings.settings import Settings
from streams.wire.watermarks import FOLDED, SourceWatermark, decode_watermark, encode_watermark


@dataclass(frozen=True)
class SourcePositions:
    """How far the old prefix has read its source partitions.

    Attributes:
        committed: the committed offset of `admit` for each; everything below it is in the journal.
        watermarks: the last report of each, by its name in `source-times`.
    """

    committed: dict[TopicPartition, int]
    watermarks: dict[str, SourceWatermark]


async def read_source_positions(settings: Settings) -> SourcePositions:
    """Return the positions of the old prefix. Call it before reading the end offsets of the journal.

    Raises:
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    topics = Topics(settings.prefix, settings.sources)
    watermarks = await read_watermarks(settings)
    counts = await partitions_by_topic(settings)
    partitions = [TopicPartition(name, number) for name in topics.sources for number in range(counts.get(name, 0))]
    consumer = _admit_consumer(settings)
    await consumer.start()
    try:
        consumer.assign(partitions)
        committed = {tp: await consumer.committed(tp) for tp in partitions}
    finally:
        await consumer.stop()
    return SourcePositions({tp: offset for tp, offset in committed.items() if offset is not None}, watermarks)


async def read_watermarks(settings: Settings) -> dict[str, SourceWatermark]:
    """Return the last report of each source partition; `control:0` has one only if a worker ever read it."""
    watermarks: dict[str, SourceWatermark] = {}
    async for batch in read_range(settings.kafka_client(), Topics(settings.prefix).source_times, 0):
        watermarks.update((m.key.decode(), decode_watermark(m.value)) for m in batch if m.key and m.value)
    return watermarks


def copied_source_offsets(
    sources: SourcePositions, old: Topics, new: Topics, partitions: Iterable[Mapping[tuple[str, int], int]]
) -> dict[tuple[str, int], int]:
    """Return for each source partition the offset up to which some partitions of the old journal have its events.

    Args:
        sources: the positions of the old prefix; everything below them is journaled.
        old: the topics of the old prefix.
        new: the topics of the new prefix, with those of the old one among its sources.
        partitions: for each of the old journal partitions, the highest offset in it of each source partition.

    Returns:
        The offsets by topic and partition, with the topic's name under the new prefix.
    """
    highest = list(partitions)
    admitted = {(old.short(tp.topic), tp.partition): offset - 1 for tp, offset in sources.committed.items()}
    admitted |= {
        (name + REFERRAL_SUFFIX, number): offset
        for (name, number), offset in admitted.items()
        if name.rpartition(".")[2] in REFERRAL_SOURCES
    }
    journaled = {source for offsets in highest for source in offsets if source[0] not in (JOURNAL_SOURCE, "control")}
    copied = {}
    for name, number in admitted.keys() | journaled:
        source = name, number
        offset = max(admitted.get(source, -1), min(offsets.get(source, -1) for offsets in highest))
        if offset >= 0:
            topic = name.removesuffix(REFERRAL_SUFFIX)
            copied[new.short(old.full(topic)) + name[len(topic) :], number] = offset
    return dict(sorted(copied.items()))


async def hand_over_sources(writer: BatchWriter, sources: SourcePositions, old: Topics, new: Settings) -> None:
    """Commit the positions of the old prefix for `admit` of the new one, and copy the source watermarks.

    Raises:
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    topics = Topics(new.prefix, new.sources)
    for source, watermark in sources.watermarks.items():
        short, _, number = source.rpartition(":")
        if source != CONTROL_SOURCE and short != FOLDED:
            key = f"{topics.short(old.full(short))}:{number}"
            value = encode_watermark(SourceWatermark(watermark.position, watermark.time))
            writer.add(topics.source_times, 0, key.encode(), value)
    await writer.flush()
    if not sources.committed:
        return
    consumer = _admit_consumer(new)
    await consumer.start()
    try:
        consumer.assign(list(sources.committed))
        await consumer.commit({tp: OffsetAndMetadata(offset, "") for tp, offset in sources.committed.items()})
    finally:
        await consumer.stop()


def _admit_consumer(settings: Settings) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        **settings.kafka_client(),
        group_id=f"{settings.prefix}.admit",
        enable_auto_commit=False,
        auto_offset_reset="none",
    )
