"""The journal of a replay, class by class: old partitions, and the new ones that have exactly their customers.

Partitions are chosen by the remainder of one hash, so old partitions 0, 4 and 8 of 12 and new ones 0 and 4 of 8 share
their customers and have nobody else's: what counts is the remainder by the greatest common divisor. With as many
partitions as before, or a multiple, every class has one old partition, and nothing is merged.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from aiokafka import AIOKafkaProducer

from agents.replay.currency_conversion import Conversion
from agents.replay.cutover import Sources, fences_of
from agents.replay.erasure_filter import ErasureFilter
from agents.replay.journal_writer import NewJournal, read_written
from agents.replay.merge_order import Barrier, OldPartition, in_order
from agents.replay.target import Target
from state.records.erasure import Erasure, encode_erasure
from state.records.events import Tick
from streams.kafka.batch_writer import BatchWriter
from streams.kafka.reader import read_range
from streams.kafka.topics import Topics
from streams.settings.settings import Settings

FLUSH_RECORDS: Final = 20_000


@dataclass(frozen=True)
class OldJournal:
    """What is replayed.

    Attributes:
        ends: of each partition of the journal the offset up to which is read.
        ledgers: of each partition.
        sources: how far the source partitions have come.
    """

    settings: Settings
    ends: dict[int, int]
    ledgers: dict[int, dict[bytes, Erasure]]
    sources: Sources


@dataclass
class CopyResult:
    """What has been done.

    Attributes:
        read: records of the old journal; `written` to the new one by this run.
        left_out: events of the erased.
    """

    read: int = 0
    written: int = 0
    left_out: int = 0


@dataclass
class JournalCopy:
    """Copies a journal; `on_read` is told how many records of the old one are done with."""

    old: OldJournal
    target: Target
    convert: Conversion
    producer: AIOKafkaProducer
    on_read: Callable[[int], None]
    copied: CopyResult = field(default_factory=CopyResult)

    async def run(self) -> CopyResult:
        """Copies all of it.

        Raises:
            ReplayRefused: the journal names rules that `control` does not have.
            aiokafka.errors.KafkaError: the cluster cannot be reached.
        """
        old, new = len(self.old.ends), self.target.partitions
        step = math.gcd(old, new)
        for first in range(step):
            await self._copy_class(range(first, old, step), range(first, new, step))
        return self.copied

    async def _copy_class(self, olds: range, news: range) -> None:
        old, target, copied = self.old, self.target, self.copied
        kafka, topics = target.settings.kafka_client(), Topics(target.settings.prefix)
        ledgers = {number: old.ledgers[number] for number in olds}
        there = {number: await read_written(read_range(kafka, topics.journal, number), ledgers) for number in news}
        erased = ErasureFilter(ledgers, (key for written in there.values() for key in written.before_erasure))
        outbox = BatchWriter(self.producer)
        for key, erasure in erased.new_ledger().items():
            for number in news:
                outbox.add(topics.erasure_ledger, number, key, encode_erasure(erasure))
        await outbox.flush()
        journal = NewJournal(outbox, topics.journal, target.partitions, there)
        for rule in target.rules.at_the_beginning():
            journal.apply(rule, None)
        source = Topics(old.settings.prefix).journal
        partitions = [OldPartition(n, read_range(kafka, source, n, 0, old.ends[n])) for n in olds]
        before, taken = copied.read, 0
        async for piece in in_order(partitions):
            if isinstance(piece, Barrier):
                self._pass(piece, journal)
                continue
            for entry in piece:
                if erased.is_retained(entry):
                    journal.take(entry, self.convert(entry.event))
            taken += len(piece)
            if taken >= FLUSH_RECORDS:
                await outbox.flush()
                taken = 0
            copied.read = before + sum(each.read for each in partitions)
            self.on_read(copied.read)
        journal.end()
        self._mark(journal, partitions)
        await outbox.flush()
        copied.read = before + sum(each.read for each in partitions)
        copied.written += journal.written
        copied.left_out += erased.left_out
        self.on_read(copied.read)

    def _pass(self, bar: Barrier, journal: NewJournal) -> None:
        if isinstance(bar.record, Tick):
            journal.come_to(bar.record.at, bar.timestamp)
            return
        for rule in self.target.rules.again(bar.record):
            journal.apply(rule, bar.timestamp)

    def _mark(self, journal: NewJournal, partitions: list[OldPartition]) -> None:
        """Notes how far each source is in the new journal."""
        old, new = self.old.settings, self.target.settings
        names = Topics(old.prefix, old.sources), Topics(new.prefix, new.sources)
        for source, offset in fences_of(self.old.sources, *names, [each.fences for each in partitions]).items():
            journal.mark(source, offset)
