"""Write the new journal of a replay, whose events have the old journal as their source.

Events of several old partitions meet in a new one, where the offsets of one source partition no longer rise. So a
copied event names as its source the topic `journal`, the old partition and its offset there. From that, an interrupted
replay knows what it has written, and lanes skip anything that it wrote twice.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
from aiokafka import ConsumerRecord

from agents.replay.erasure_filter import Ledgers, key_if_erased_later
from agents.replay.merge_order import Entry
from agents.replay.replay_rules import AppliedRule
from state.records.events import (
    AnonymousSale,
    CampaignsApplied,
    CustomerEvent,
    PolicyApplied,
    Tick,
    decode_record,
    encode_record,
)
from state.records.progress import NO_WATERMARK
from streams.kafka.writing.batch_writer import BatchWriter
from streams.kafka.writing.publisher import partition_of

JOURNAL_SOURCE: Final = "journal"
"""The source topic of copied events."""
MARKER_ID: Final = ""
"""The event id of a source marker; admission rejects it, so no shop can publish one."""

_replace = msgspec.structs.replace


@dataclass
class CopyProgress:
    """What a partition of the new journal has already.

    Attributes:
        copied_offsets: for each old partition the highest offset copied from it.
        watermark_ms: the time of the last tick.
        control_offset: the offset in `control` of the last policy or campaigns.
        source_offsets: for each source partition the offset in its last marker.
        erased_later: the ledger keys of customers some of whose events are here and who were erased after them.
    """

    copied_offsets: dict[int, int] = field(default_factory=dict)
    watermark_ms: int = NO_WATERMARK
    control_offset: int = -1
    source_offsets: dict[tuple[str, int], int] = field(default_factory=dict)
    erased_later: set[bytes] = field(default_factory=set)


async def read_copy_progress(batches: AsyncIterator[Sequence[ConsumerRecord]], ledgers: Ledgers) -> CopyProgress:
    """Return what earlier runs of the replay have written to a partition of the new journal."""
    progress = CopyProgress()
    async for batch in batches:
        for message in batch:
            record = decode_record(message.value)
            if isinstance(record, Tick):
                progress.watermark_ms = record.at
            elif isinstance(record, PolicyApplied | CampaignsApplied):
                progress.control_offset = record.offset
            elif record.topic == JOURNAL_SOURCE:
                progress.copied_offsets[record.partition] = record.offset
                key = key_if_erased_later(ledgers.get(record.partition, {}), message.key, record.offset)
                if key is not None:
                    progress.erased_later.add(key)
            else:
                progress.source_offsets[record.topic, record.partition] = record.offset
    return progress


class JournalWriter:
    """Write to the new partitions that get the customers of the same old ones, without repeating what is there.

    A tick is written only before the next record: nothing is evaluated between ticks that follow each other directly,
    so the last of them is enough.

    Attributes:
        written_count: the number of records written by this run.
    """

    def __init__(self, writer: BatchWriter, topic: str, partitions: int, progress: Mapping[int, CopyProgress]) -> None:
        """Prepare the writer.

        Args:
            writer: what sends the records.
            topic: the new journal.
            partitions: the number of its partitions.
            progress: of each partition that is written here.
        """
        self.written_count = 0
        self._writer = writer
        self._topic = topic
        self._partitions = partitions
        self._progress = progress
        self._watermark_ms = NO_WATERMARK
        self._tick_timestamp: int | None = None

    def add_event(self, entry: Entry, event: CustomerEvent | AnonymousSale) -> None:
        """Write an entry's event, with its sums converted, to the partition of its key."""
        if entry.event.event_id == MARKER_ID:  # of an earlier replay; this one writes its own
            return
        number = partition_of(entry.key or entry.event.event_id.encode(), self._partitions)
        if entry.offset <= self._progress[number].copied_offsets.get(entry.partition, -1):
            return
        self._write_tick(number)
        copy = _replace(event, topic=JOURNAL_SOURCE, partition=entry.partition, offset=entry.offset)
        self._write(number, entry.key, encode_record(copy), entry.timestamp)

    def advance_time(self, watermark_ms: int, timestamp: int) -> None:
        """Note a tick for all partitions, and its Kafka timestamp."""
        self._watermark_ms, self._tick_timestamp = watermark_ms, timestamp

    def add_rules(self, rule: AppliedRule, timestamp: int | None) -> None:
        """Write a policy or campaigns to all partitions."""
        for number, progress in self._progress.items():
            if rule.offset > progress.control_offset:
                self._write_tick(number)
                self._write(number, None, encode_record(rule), timestamp)
                progress.control_offset = rule.offset

    def add_source_marker(self, source: tuple[str, int], offset: int) -> None:
        """Note in all partitions that they have everything up to this offset of a source partition.

        If `admit` journals such an event again, the lanes skip it. The marker is an anonymous sale of nothing, which
        has no other effect.
        """
        for number, progress in self._progress.items():
            if offset > progress.source_offsets.get(source, -1):
                sale = AnonymousSale(*source, offset, MARKER_ID, 0, True, "purchase", 0, 0)  # noqa: FBT003 - backfill
                self._write(number, None, encode_record(sale), None)

    def add_last_ticks(self) -> None:
        """Write the last tick to all partitions."""
        for number in self._progress:
            self._write_tick(number)

    def _write_tick(self, number: int) -> None:
        progress = self._progress[number]
        if self._watermark_ms > progress.watermark_ms:
            progress.watermark_ms = self._watermark_ms
            self._write(number, None, encode_record(Tick(self._watermark_ms, None)), self._tick_timestamp)

    def _write(self, number: int, key: bytes | None, value: bytes, timestamp: int | None) -> None:
        self._writer.to(self._topic, number).add(key, value, None, timestamp)
        self.written_count += 1
