"""The new journal as a replay writes it: each event from a place in the old one, which is its fence from now on.

Events of two old partitions meet in a new one, where the offsets of one source no longer rise. So what goes along names
the old journal as its source: `journal`, the old partition, the offset there. By that a replay that was cut off knows
what it has written, and the lanes would pass over what it wrote twice.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
from aiokafka import ConsumerRecord

from agents.replay.erasure_filter import Ledgers, written_before_erasure
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
from state.records.progress import BEFORE_TIME
from streams.kafka.batch_writer import BatchWriter
from streams.kafka.publisher import partition_of

JOURNAL: Final = "journal"
"""The source of what goes along."""
MARK: Final = ""
"""The id of what notes how far a source is here; no shop can publish it."""

_replace = msgspec.structs.replace


@dataclass
class WrittenJournal:
    """What a partition of the new journal has already.

    Attributes:
        upto: for each old partition the highest offset from which something is here.
        time: the last tick.
        rule: the place in `control` of the last policy or campaigns.
        before_erasure: keys in the ledger of those of whom something is here that lies before their erasure.
    """

    upto: dict[int, int] = field(default_factory=dict)
    time: int = BEFORE_TIME
    rule: int = -1
    marks: dict[tuple[str, int], int] = field(default_factory=dict)
    before_erasure: set[bytes] = field(default_factory=set)


async def read_written(batches: AsyncIterator[Sequence[ConsumerRecord]], ledgers: Ledgers) -> WrittenJournal:
    """Goes through a partition of the new journal."""
    written = WrittenJournal()
    async for batch in batches:
        for message in batch:
            record = decode_record(message.value)
            if isinstance(record, Tick):
                written.time = record.at
            elif isinstance(record, PolicyApplied | CampaignsApplied):
                written.rule = record.offset
            elif record.topic == JOURNAL:
                written.upto[record.partition] = record.offset
                key = written_before_erasure(ledgers.get(record.partition, {}), message.key, record.offset)
                if key is not None:
                    written.before_erasure.add(key)
            else:
                written.marks[record.topic, record.partition] = record.offset
    return written


class NewJournal:
    """The partitions of the new journal that are fed from the same old ones; what is there already is not repeated.

    Ticks between which nothing stands come down to the last of them: nothing is judged in between.

    Attributes:
        written: how many records were written by this run.
    """

    def __init__(self, outbox: BatchWriter, topic: str, partitions: int, there: Mapping[int, WrittenJournal]) -> None:
        """Takes the topic, how many partitions it has, and what those that are fed here have."""
        self.written = 0
        self._outbox = outbox
        self._topic = topic
        self._partitions = partitions
        self._there = there
        self._time = BEFORE_TIME
        self._ticked_at: int | None = None

    def take(self, entry: Entry, event: CustomerEvent | AnonymousSale) -> None:
        """Takes what becomes of an entry's event, for the partition of its key."""
        if entry.event.event_id == MARK:  # of an earlier replay: `mark` writes its own
            return
        number = partition_of(entry.key or entry.event.event_id.encode(), self._partitions)
        there = self._there[number]
        if entry.offset <= there.upto.get(entry.partition, -1):
            return
        self._bring_time(number)
        here = _replace(event, topic=JOURNAL, partition=entry.partition, offset=entry.offset)
        self._add(number, entry.key, encode_record(here), entry.timestamp)

    def come_to(self, time: int, timestamp: int) -> None:
        """Time has come to `time` in all of them."""
        self._time, self._ticked_at = time, timestamp

    def apply(self, rule: AppliedRule, timestamp: int | None) -> None:
        """Takes a policy or campaigns, for all of them."""
        for number, there in self._there.items():
            if rule.offset > there.rule:
                self._bring_time(number)
                self._add(number, None, encode_record(rule), timestamp)
                there.rule = rule.offset

    def mark(self, source: tuple[str, int], offset: int) -> None:
        """Notes that all up to this offset of a source partition is here: should it come again, the lanes pass it over.

        The note is a sale of nothing to nobody, which changes nothing but the fence.
        """
        for number, there in self._there.items():
            if offset > there.marks.get(source, -1):
                sale = AnonymousSale(*source, offset, MARK, 0, True, "purchase", 0, 0)  # noqa: FBT003 - it is backfill
                self._add(number, None, encode_record(sale), None)

    def end(self) -> None:
        """Brings the last tick everywhere."""
        for number in self._there:
            self._bring_time(number)

    def _bring_time(self, number: int) -> None:
        there = self._there[number]
        if self._time > there.time:
            there.time = self._time
            self._add(number, None, encode_record(Tick(self._time, None)), self._ticked_at)

    def _add(self, number: int, key: bytes | None, value: bytes, timestamp: int | None) -> None:
        self._outbox.to(self._topic, number).add(key, value, None, timestamp)
        self.written += 1
