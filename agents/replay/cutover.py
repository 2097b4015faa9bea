"""Where the workers of the new prefix go on with the source topics of the old one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from agents.replay.journal_writer import JOURNAL
from state.customer.referrals import REFERRAL_SOURCES
from state.records.events import REFERRER
from streams.kafka.batch_writer import BatchWriter
from streams.kafka.cluster import partitions_by_topic
from streams.kafka.reader import read_range
from streams.kafka.topics import Topics
from streams.settings.settings import Settings
from streams.wire.watermarks import SourceWatermark, decode_watermark, encode_watermark

CONTROL: Final = "control:0"


@dataclass(frozen=True)
class Sources:
    """How far the source partitions of the old prefix have come.

    Attributes:
        positions: for each the offset from which `admit` would go on: all below it is journaled.
        reports: what was last reported of each, by its name there.
    """

    positions: dict[TopicPartition, int]
    reports: dict[str, SourceWatermark]


async def read_sources(settings: Settings) -> Sources:
    """Asks where the group of `admit` stands, and what was reported; to be asked before the ends of the journal.

    Raises:
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    topics = Topics(settings.prefix, settings.sources)
    reports = await read_reports(settings)
    counts = await partitions_by_topic(settings)
    partitions = [TopicPartition(name, number) for name in topics.sources for number in range(counts.get(name, 0))]
    consumer = _of_group(settings)
    await consumer.start()
    try:
        consumer.assign(partitions)
        positions = {tp: await consumer.committed(tp) for tp in partitions}
    finally:
        await consumer.stop()
    return Sources({tp: position for tp, position in positions.items() if position is not None}, reports)


async def read_reports(settings: Settings) -> dict[str, SourceWatermark]:
    """What `source-times` says of each source partition; of `control:0` only if a worker has ever had it."""
    reports: dict[str, SourceWatermark] = {}
    async for batch in read_range(settings.kafka_client(), Topics(settings.prefix).source_times, 0):
        reports.update((m.key.decode(), decode_watermark(m.value)) for m in batch if m.key and m.value)
    return reports


def fences_of(
    sources: Sources, old: Topics, new: Topics, partitions: Iterable[Mapping[tuple[str, int], int]]
) -> dict[tuple[str, int], int]:
    """For each source partition, as the new prefix calls it, the offset up to which all is in these old partitions.

    Args:
        sources: how far they have come at least.
        old: topics of the old prefix.
        new: topics of the new one, the sources of the old one among them.
        partitions: for each old partition the highest offset that it has of each.
    """
    everywhere = list(partitions)
    below = {(old.short(tp.topic), tp.partition): position - 1 for tp, position in sources.positions.items()}
    below |= {
        (name + REFERRER, n): offset
        for (name, n), offset in below.items()
        if name.rpartition(".")[2] in REFERRAL_SOURCES
    }
    met = {source for partition in everywhere for source in partition if source[0] not in (JOURNAL, "control")}
    fences = {}
    for name, number in below.keys() | met:
        source = name, number
        fence = max(below.get(source, -1), min(partition.get(source, -1) for partition in everywhere))
        if fence >= 0:
            base = name.removesuffix(REFERRER)
            fences[new.short(old.full(base)) + name[len(base) :], number] = fence
    return dict(sorted(fences.items()))


async def hand_over(outbox: BatchWriter, sources: Sources, old: Topics, new: Settings) -> None:
    """Lets `admit` of the new prefix begin in the old one's source topics where that one stood.

    Raises:
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    names = Topics(new.prefix, new.sources)
    for source, report in sources.reports.items():
        short, _, number = source.rpartition(":")
        if source != CONTROL:
            key = f"{names.short(old.full(short))}:{number}"
            outbox.add(
                names.source_times, 0, key.encode(), encode_watermark(SourceWatermark(report.position, report.time))
            )
    await outbox.flush()
    if not sources.positions:
        return
    consumer = _of_group(new)
    await consumer.start()
    try:
        consumer.assign(list(sources.positions))
        await consumer.commit({tp: OffsetAndMetadata(offset, "") for tp, offset in sources.positions.items()})
    finally:
        await consumer.stop()


def _of_group(settings: Settings) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        **settings.kafka_client(),
        group_id=f"{settings.prefix}.admit",
        enable_auto_commit=False,
        auto_offset_reset="none",
    )
