"""Publish the events of a file, so that a crash at any moment leaves no doubt about what is published.

Events go in chunks: the ledger announces what would count twice, then they are published, then the ledger confirms
them, each acknowledged before the next. Decision 0061 says why this is enough.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

import msgspec
from aiokafka import TopicPartition

from agents.importing.publication.event_spool import EventSpool
from agents.importing.publication.import_plan import ImportPlan, PlannedEvent
from agents.importing.publication.ledger_reading import Unfinished, read_erasures
from state.records.erasure import Erasure
from streams.kafka.broker import Broker
from streams.kafka.topics import Topics
from streams.kafka.writing.batch_writer import BatchWriter
from streams.kafka.writing.publisher import partition_of
from streams.kafka.writing.stage_producer import StageProducer
from streams.tables.order_ledger import LedgerEntry, customer_part, encode_entry, entry_partition

CHUNK_EVENTS: Final = 5_000


@dataclass
class Published:
    """What an import has published.

    Attributes:
        kinds: events by kind, all of them acknowledged.
        is_complete: False if it was stopped before its end.
    """

    kinds: Counter[str] = field(default_factory=Counter)
    is_complete: bool = False

    @property
    def count(self) -> int:
        """The number of events."""
        return self.kinds.total()


class ChunkPublisher:
    """Publishes chunks of events to a source topic, and enters them in the order ledger."""

    def __init__(
        self, writer: BatchWriter, topics: Topics, source: str, counts: Mapping[str, int], ends: Mapping[int, int]
    ) -> None:
        """Write through `writer`.

        Args:
            writer: writes to all topics.
            topics: their names.
            source: short name of the source topic.
            counts: the number of partitions of each topic.
            ends: an offset of each partition of the source topic that nothing to be published can be below.
        """
        self._writer = writer
        self._source, self._source_topic = source, topics.full(source)
        self._ledger_topic = topics.order_ledger
        self._source_partitions = counts[self._source_topic]
        self._ledger_partitions = counts[self._ledger_topic]
        self._ends = ends
        self._unconfirmed: Sequence[PlannedEvent] = ()

    async def publish(self, chunk: Sequence[PlannedEvent]) -> None:
        """Publish events; they are confirmed in the ledger with the next chunk, or by `finish`.

        Raises:
            aiokafka.errors.KafkaError: some were not delivered; any of them may have been.
        """
        self._confirm()
        announced = [each for each in chunk if each.announced is not None]
        for each in announced:
            self._announce(each)
        if announced:
            await self._writer.flush()
        for each in chunk:
            event, partition = each.event, self._partition_of(each)
            self._writer.add(self._source_topic, partition, event.customer_id.encode() or None, event.value)
        await self._writer.flush()
        self._unconfirmed = chunk

    async def finish(self) -> None:
        """Confirm the last chunk, and write everything else that was added.

        Raises:
            aiokafka.errors.KafkaError: a record was not delivered.
        """
        self._confirm()
        await self._writer.flush()

    def remove(self, partition: int, key: bytes) -> None:
        """Remove an entry from the ledger; the next flush sends it."""
        self._writer.add(self._ledger_topic, partition, key, None)

    def remove_of(self, customer_id: str, key: bytes) -> None:
        """Remove an entry of a customer from the ledger; the next flush sends it."""
        self.remove(entry_partition(customer_id, key, self._ledger_partitions), key)

    def enter(self, entry: LedgerEntry) -> None:
        """Write an entry to the ledger; the next flush sends it."""
        key = entry.key
        partition = entry_partition(entry.customer_id, key, self._ledger_partitions)
        self._writer.add(self._ledger_topic, partition, key, encode_entry(entry))

    def _confirm(self) -> None:
        for each in self._unconfirmed:
            if each.entry is not None:
                self.enter(each.entry)
        self._unconfirmed = ()

    def _announce(self, planned: PlannedEvent) -> None:
        announced = planned.announced
        assert announced is not None
        announcement = announced.announced
        assert announcement is not None
        if not announced.customer_id:
            partition = self._partition_of(planned)
            offset = self._writer.ends.get((self._source_topic, partition), self._ends.get(partition, 0))
            announcement = msgspec.structs.replace(announcement, topic=self._source, partition=partition, offset=offset)
        self.enter(msgspec.structs.replace(announced, announced=announcement))

    def _partition_of(self, planned: PlannedEvent) -> int:
        """Return the partition of the source topic: by the customer, or for an anonymous sale by its entry."""
        event, entry = planned.event, planned.entry
        key = event.customer_id.encode() or (entry.key if entry is not None else b"")
        return partition_of(key, self._source_partitions)


class ImportPublisher:
    """Publishes the events of a file by its plan.

    Attributes:
        published: what is published so far.
    """

    def __init__(
        self, broker: Broker, producer: StageProducer, topics: Topics, source: str, plan: ImportPlan, spool: EventSpool
    ) -> None:
        """Publish to the source topic with the short name `source`, through a producer that is started."""
        self.published = Published()
        self._broker = broker
        self._writer = BatchWriter(producer)
        self._topics = topics
        self._source = source
        self._plan = plan
        self._spool = spool

    async def run(
        self,
        unfinished: Unfinished,
        erasures: Mapping[bytes, Erasure],
        on_published: Callable[[int], None] = lambda _: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Published:
        """Publish everything, or as much as there is time for; a chunk is never left half done.

        Args:
            unfinished: what an earlier import has left.
            erasures: of which the plan knows.
            on_published: called after each chunk with the number of events published so far.
            should_stop: asked before each chunk.

        Raises:
            aiokafka.errors.KafkaError: some events of a chunk were not delivered; the next import publishes them.
        """
        counts = await self._broker.partitions_by_topic()
        source_topic = self._topics.full(self._source)
        partitions = [TopicPartition(source_topic, number) for number in range(counts[source_topic])]
        async with self._broker.connect_for_ends() as connection:
            ends = {tp.partition: end for tp, end in (await connection.end_offsets(partitions)).items()}
        chunks = ChunkPublisher(self._writer, self._topics, self._source, counts, ends)
        for partition, key in self._plan.known.outdated:
            chunks.remove(partition, key)
        for entry in unfinished.confirmed:
            chunks.enter(entry)
        for chunk in _in_chunks(unfinished.first):
            await self._publish(chunks, chunk, on_published)
        for chunk in _in_chunks(self._planned()):
            if should_stop():
                break
            await self._publish(chunks, chunk, on_published)
        else:
            self.published.is_complete = True
        await chunks.finish()
        await self._remove_erased(chunks, erasures)
        return self.published

    async def _publish(
        self, chunks: ChunkPublisher, chunk: Sequence[PlannedEvent], on_published: Callable[[int], None]
    ) -> None:
        await chunks.publish(chunk)
        self.published.kinds.update(each.event.kind for each in chunk)
        on_published(self.published.count)

    def _planned(self) -> Iterator[PlannedEvent]:
        for number, spooled in enumerate(self._spool):
            planned = self._plan.decide(number, spooled)
            if not isinstance(planned, str):
                yield planned

    async def _remove_erased(self, chunks: ChunkPublisher, before: Mapping[bytes, Erasure]) -> None:
        """Remove the entries of customers who were erased meanwhile, whose lane may have looked for them too early."""
        now = await read_erasures(self._broker, self._topics)
        new = {key for key, erasure in now.items() if key not in before or before[key].offset < erasure.offset}
        if not new:
            return
        for number, each in enumerate(self._spool):
            spooled = self._plan.with_owner(number, each)
            if customer_part(spooled.key) in new:
                chunks.remove_of(spooled.event.customer_id, spooled.key)
        await chunks.finish()


def _in_chunks(events: Iterable[PlannedEvent]) -> Iterator[list[PlannedEvent]]:
    iterator = iter(events)
    while chunk := list(islice(iterator, CHUNK_EVENTS)):
        yield chunk
