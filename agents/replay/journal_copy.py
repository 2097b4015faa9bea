"""Copy the journal of a replay, group by group of old and new partitions that have exactly the same customers.

A customer's partition is the remainder of one hash. So old partitions 0, 4 and 8 of 12 have the same customers as new
partitions 0 and 4 of 8: the remainder by the greatest common divisor tells the groups apart. If the number of
partitions stays or is multiplied, every group has one old partition, and nothing is merged.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from agents.replay.currency_conversion import EventConversion
from agents.replay.cutover import SourcePositions, copied_source_offsets
from agents.replay.erasure_filter import ErasureFilter
from agents.replay.import_filter import ImportFilter
from agents.replay.journal_writer import JournalWriter, read_copy_progress
from agents.replay.merge_order import Barrier, OldPartition, merge_partitions
from agents.replay.target import ReplayTarget
from state.records.erasure import Erasure, encode_erasure
from state.records.events import Tick
from streams.kafka.reader import read_range
from streams.kafka.topics import Topics
from streams.kafka.writing.batch_writer import BatchWriter
from streams.kafka.writing.stage_producer import StageProducer
from streams.settings.settings import Settings

FLUSH_RECORDS: Final = 20_000


@dataclass(frozen=True)
class OldJournal:
    """The journal that is replayed.

    Attributes:
        settings: of its prefix.
        ends: for each partition the end offset up to which it is read.
        ledgers: the erasure ledger of each partition.
        sources: the positions of its source partitions.
    """

    settings: Settings
    ends: dict[int, int]
    ledgers: dict[int, dict[bytes, Erasure]]
    sources: SourcePositions

    def partitions(self, numbers: Iterable[int] | None = None) -> list[OldPartition]:
        """Return some of the partitions, by default all, each to be read from its start to its end."""
        kafka, topic = self.settings.kafka_client(), Topics(self.settings.prefix).journal
        return [
            OldPartition(number, read_range(kafka, topic, number, 0, self.ends[number]))
            for number in (self.ends if numbers is None else numbers)
        ]


@dataclass
class CopyResult:
    """What a run has copied.

    Attributes:
        read_count: records read from the old journal.
        written_count: records written to the new one by this run.
        erased_count: events of erased customers left out.
        import_count: events of imports left out.
    """

    read_count: int = 0
    written_count: int = 0
    erased_count: int = 0
    import_count: int = 0


@dataclass
class JournalCopy:
    """Copy a journal to another prefix.

    Attributes:
        old: what is copied.
        target: the new prefix.
        convert: converts the sums of each event.
        producer: sends the records.
        on_read: is called now and then with the number of records read so far.
        result: the counts so far.
    """

    old: OldJournal
    target: ReplayTarget
    convert: EventConversion
    producer: StageProducer
    on_read: Callable[[int], None]
    result: CopyResult = field(default_factory=CopyResult)

    async def run(self) -> CopyResult:
        """Copy the whole journal.

        Raises:
            ReplayRefused: the journal names policies or campaigns that `control` does not have.
            aiokafka.errors.KafkaError: the cluster cannot be reached.
        """
        old_count, new_count = len(self.old.ends), self.target.partitions
        groups = math.gcd(old_count, new_count)
        for remainder in range(groups):
            await self._copy_group(range(remainder, old_count, groups), range(remainder, new_count, groups))
        return self.result

    async def _copy_group(self, old_numbers: range, new_numbers: range) -> None:
        old, target, result = self.old, self.target, self.result
        kafka, topics = target.settings.kafka_client(), Topics(target.settings.prefix)
        ledgers = {number: old.ledgers[number] for number in old_numbers}
        progress = {
            number: await read_copy_progress(read_range(kafka, topics.journal, number), ledgers)
            for number in new_numbers
        }
        erased = ErasureFilter(ledgers, (key for copied in progress.values() for key in copied.erased_later))
        imports = ImportFilter(target.start_record.without)
        writer = BatchWriter(self.producer)
        for key, erasure in erased.new_ledger().items():
            for number in new_numbers:
                writer.add(topics.erasure_ledger, number, key, encode_erasure(erasure))
        await writer.flush()  # the ledger before the journal: customers who return continue their `seq`
        journal = JournalWriter(writer, topics.journal, target.partitions, progress)
        for rule in target.rules.initial_records():
            journal.add_rules(rule, None)
        partitions = old.partitions(old_numbers)
        read_before, unflushed = result.read_count, 0
        async for merged in merge_partitions(partitions):
            if isinstance(merged, Barrier):
                self._copy_barrier(merged, journal)
                continue
            for entry in merged:
                if imports.is_retained(entry) and erased.is_retained(entry):
                    journal.add_event(entry, self.convert(entry.event))
            unflushed += len(merged)
            if unflushed >= FLUSH_RECORDS:
                await writer.flush()
                unflushed = 0
            result.read_count = read_before + sum(partition.read_count for partition in partitions)
            self.on_read(result.read_count)
        journal.add_last_ticks()
        self._add_source_markers(journal, partitions)
        await writer.flush()
        result.read_count = read_before + sum(partition.read_count for partition in partitions)
        result.written_count += journal.written_count
        result.erased_count += erased.dropped_count
        result.import_count += imports.dropped_count
        self.on_read(result.read_count)

    def _copy_barrier(self, barrier: Barrier, journal: JournalWriter) -> None:
        if isinstance(barrier.record, Tick):
            journal.advance_time(barrier.record.at, barrier.timestamp)
            return
        for rule in self.target.rules.translate(barrier.record):
            journal.add_rules(rule, barrier.timestamp)

    def _add_source_markers(self, journal: JournalWriter, partitions: list[OldPartition]) -> None:
        old, new = self.old.settings, self.target.settings
        old_topics, new_topics = Topics(old.prefix, old.sources), Topics(new.prefix, new.sources)
        highest = [partition.source_offsets for partition in partitions]
        for source, offset in copied_source_offsets(self.old.sources, old_topics, new_topics, highest).items():
            journal.add_source_marker(source, offset)
