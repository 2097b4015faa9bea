"""The lane of a journal partition: `segment` and `decide` over its records, written down in the order that is safe.

    1. fold the records; those that were applied before change nothing
    2. send changes and messages, wait for every ack
    3. send the totals of the days, the ledger, the rest of the changelog, then the progress; wait for every ack
    4. let Faust commit what the progress says

The progress is written twice a second while there is work, and every two seconds while only time goes by. Days that
have changed are told every five seconds, from what is written of them.

A crash after 2 sends the same changes again under the same ids; after 3 the replay changes nothing.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from aiokafka import AIOKafkaProducer, ConsumerRecord
from faust.types import TP

from agents.segment.commit_policy import CheckpointTimer
from agents.segment.daily_publisher import DailyPublisher
from agents.segment.output_batch import OutputBatch
from state.customer.order_chunks import MissingChunk
from state.customer.segment_forecast import SegmentForecast
from state.daily.day_counter import DayCounter
from state.fold.partition import NoPolicy, Partition
from state.records.erasure import Erasure, decode_erasure, encode_erasure, erasure_key
from state.records.events import Tick, UnknownFormatVersion, decode_record
from streams.engine.lane import StageContext
from streams.errors import FatalError
from streams.kafka.batch_writer import BatchWriter
from streams.kafka.fenced_producer import fenced_producer, stop_producer
from streams.kafka.reader import OffsetTruncated, check_not_shortened, read_range
from streams.kafka.topics import Topics
from streams.tables.customers_table import FENCE_KEY, CustomersTable
from streams.tables.progress import PROGRESS_KEY, RULES_KEY, encode_progress, read_progress
from streams.tables.warm_tables import WarmTable, WarmTables, now_s, recover_table
from streams.telemetry.metrics import Metrics
from streams.wire.cloudevents import CloudEvents

log = logging.getLogger(__name__)


class SegmentLane:
    """Keeps the customers of one journal partition and tells what becomes of them."""

    needs_all = True

    def __init__(
        self,
        partition: int,
        topics: Topics,
        kafka: dict[str, Any],
        metrics: Metrics,
        running: StageContext,
        source: str,
        warm: WarmTables,
    ) -> None:
        """Takes the partition and what it is to be reached and counted with."""
        self.number = partition
        self.cursor = self.committable_offset = -1
        self.partition = Partition(CustomersTable())
        self._table = CustomersTable()
        self._topics = topics
        self._kafka = kafka
        self._metrics = metrics
        self._running = running
        self._producer: AIOKafkaProducer | None = None
        self._events = CloudEvents(topics, source)
        self._warm = warm
        self._kept = WarmTable()
        self._whole = False  # whether all that was folded is written
        self._put_off = CheckpointTimer()
        self._told = DailyPublisher(topics, partition, self.partition, self._table.days)
        self._ends = False  # whether this lane is to end
        self._advanced = -1

    @property
    def producer(self) -> AIOKafkaProducer | None:
        """The lane's own producer, while it is open."""
        return self._producer

    async def recover(self) -> None:
        """Reads the ledger, the changelog and the progress; the cursor is where the progress says.

        Raises:
            Hopeless: something there is of a version that this program does not know, or parts are missing.
        """
        with _hopeless_where_told(f"{self._topics.customers}:{self.number}"):
            await self._take_over()
            await self._recover()

    async def _take_over(self) -> None:
        """Makes sure that nobody else writes what is recovered from; a worker that was here before may still try."""
        producer = self._producer = await fenced_producer(self._kafka, f"{self._topics.prefix}.segment.{self.number}")
        outbox = BatchWriter(producer)
        for topic in (self._topics.customers, self._topics.erasure_ledger, self._topics.progress):
            outbox.add(topic, self.number, FENCE_KEY, None)
        await outbox.flush()

    async def _recover(self) -> None:
        began = time.monotonic()
        metrics, number = self._metrics, str(self.number)
        erasures: dict[bytes, Erasure] = {}
        async for batch in read_range(self._kafka, self._topics.erasure_ledger, self.number):
            erasures.update({record.key: decode_erasure(record.value) for record in batch if record.value is not None})
        left, read = metrics.recovery_remaining_records.labels(number), metrics.recovery_records.labels(number)
        kept, topic = self._warm.take(self.number), self._topics.customers
        kept = self._kept = await recover_table(self._kafka, topic, self.number, kept, left.set, read.set)
        table = self._table = kept.table
        with _hopeless_where_told(f"{self._topics.progress}:{number}"):
            progress, texts = await read_progress(self._kafka, self._topics.progress, self.number)
        self._drop_erased(table, erasures)
        self.partition = Partition(table, progress, erasures, texts, daily=DayCounter(table.days))
        self._told = DailyPublisher(self._topics, self.number, self.partition, table.days)
        self.cursor = self.committable_offset = self.partition.progress.offset
        await check_not_shortened(self._kafka, self._topics.journal, self.number, self.cursor)
        self._whole = True
        self._advanced = self.partition.progress.advance_offset
        seconds = time.monotonic() - began
        metrics.recovery_seconds.labels(number).set(seconds)
        log.info("partition %s recovered: %d customers in %.2f s, from %d on", number, len(table), seconds, self.cursor)

    def _drop_erased(self, table: CustomersTable, erasures: dict[bytes, Erasure]) -> None:
        """Lets go of states that the ledger says are forgotten: the crash came before their tombstone."""
        if not erasures:
            return
        for customer_id in list(table.ids()):
            erasure = erasures.get(erasure_key(customer_id))
            profile = table.get(customer_id) if erasure is not None else None
            if erasure is not None and profile is not None and profile.offset <= erasure.offset:
                table.remove(customer_id)

    async def process(self, records: Sequence[ConsumerRecord]) -> None:
        """Folds the records, writes what comes of them and moves the cursor.

        Raises:
            Hopeless: a record is of a version that this program does not know.
        """
        with _hopeless_where_told(f"{self._topics.journal}:{self.number}"):
            await self._fold(records)

    async def _fold(self, records: Sequence[ConsumerRecord]) -> None:
        partition = self.partition
        self._whole = False
        apply, progress = partition.apply, partition.progress
        assert self._producer is not None
        written = OutputBatch(self._events, BatchWriter(self._producer), self.number)
        out = written.out
        for message in records:
            offset = message.offset
            record = decode_record(message.value)
            customer_id = message.key.decode() if message.key else ""
            while not apply(offset, customer_id, record, out):
                written.take(message.timestamp, by_tick=isinstance(record, Tick))
                await self._write(written, offset=None)
            progress.offset = offset + 1
            if out:
                written.take(message.timestamp, by_tick=isinstance(record, Tick))
        await self._write(written, offset=progress.offset)
        self._metrics.journal_records.labels(str(self.number)).inc(len(records))

    async def _write(self, written: OutputBatch, offset: int | None) -> None:
        """Steps 2 and 3; without an offset in the middle of a record, when the progress stays where it was."""
        began = time.monotonic()
        self._running.check_ownership()
        outbox = written.outbox
        await outbox.flush()
        self._count(written)
        self._running.check_ownership()
        days = self.partition.day_records(whole=offset is not None)
        if days:  # before all that would keep a record from being counted once more
            add = outbox.to(self._topics.customers, self.number).add
            for key, state in days:
                add(key, state)
        if self.partition.new_erasures:
            await outbox.flush()
            for key, erasure in self.partition.new_erasures.items():
                outbox.add(self._topics.erasure_ledger, self.number, key, encode_erasure(erasure))
            await outbox.flush()
            self.partition.new_erasures = {}
        rules = self.partition.rules
        for records in self._table.flush(None if rules is None else SegmentForecast(rules.policy).stored_forecast):
            if records:
                add = outbox.to(self._topics.customers, self.number).add
                for key, state in records:
                    add(key, state)
                await outbox.flush()
        await outbox.flush()
        if offset is not None:
            self.cursor = offset
            self._kept.position = outbox.ends.get((self._topics.customers, self.number), self._kept.position)
            self._whole = True
            self._put_off.note(wrote=bool(outbox.ends))
            if self._put_off.too_long or self._must_say_so:
                await self.checkpoint()
        self._metrics.flush_seconds.labels("segment").observe(time.monotonic() - began)

    @property
    def _must_say_so(self) -> bool:
        """Whether somebody waits for the progress, or other records cannot be applied without it."""
        partition = self.partition
        return bool(partition.new_texts) or partition.progress.advance_offset != self._advanced

    def checkpoint_due_in(self) -> float | None:
        """How long the progress, or the days that are to be told, may wait when nothing comes."""
        waits = [wait for wait in (self._put_off.still, self._told.wait()) if wait is not None]
        return min(waits, default=None)

    async def checkpoint(self) -> None:
        """Writes the progress, with the policies and campaigns that it names: the last of step 3.

        It may come later than the rest. A lane that goes on from an older progress reads again what the table and the
        ledger have, which changes nothing.
        """
        await self._tell_days()
        if self._put_off.still is None:
            return
        as_of, offset = now_s(), self.cursor
        self._running.check_ownership()
        assert self._producer is not None
        partition, outbox = self.partition, BatchWriter(self._producer)
        for place, text in partition.new_texts.items():
            outbox.add(self._topics.progress, self.number, RULES_KEY + str(place).encode(), text.encode())
        outbox.add(self._topics.progress, self.number, PROGRESS_KEY, encode_progress(partition.progress))
        await outbox.flush()
        partition.new_texts = {}
        self._advanced = partition.progress.advance_offset
        self._put_off = CheckpointTimer()
        self.committable_offset = offset
        self._kept.as_of = as_of  # nobody else has written since: the broker would not have taken the progress

    async def _tell_days(self) -> None:
        """Tells of the days if it is time, or there may be no other; before the progress that says that all is told."""
        if self._told.wait() != 0 and not (self._ends or self._must_say_so):
            return
        self._running.check_ownership()
        assert self._producer is not None
        self._kept.position = await self._told.tell(self._producer) or self._kept.position

    def _count(self, written: OutputBatch) -> None:
        """Adds what was done to the metrics, once a batch."""
        metrics, now = self._metrics, time.time()
        for published, histogram in (
            (written.by_event, metrics.event_latency_seconds),
            (written.by_tick, metrics.due_lag_seconds),
        ):
            for timestamp, count in published.items():
                histogram.observe(max(0.0, now - timestamp / 1000), count)
            published.clear()
        for (move, kind), count in written.changes.items():
            metrics.segment_changes.labels(move.from_segment or "none", move.to_segment, kind).inc(count)
        for pair, count in written.messages.items():
            metrics.messages.labels(*pair).inc(count)
        written.changes.clear()
        written.messages.clear()
        tally = self.partition.counters
        for counter, counted in (
            (metrics.duplicates, tally.duplicates),
            (metrics.dropped, tally.dropped),
            (metrics.fenced, tally.fenced),
        ):
            for label, count in counted.items():
                counter.labels(label).inc(count)
            counted.clear()

    def stop(self) -> None:
        """Nothing here waits for anything but the broker; what is told now and then is told once more at the end."""
        self._ends = True

    async def close(self) -> None:
        """Forgets the partition's memory; a table with nothing half done is kept for who has the partition next."""
        if self._whole:
            self._warm.give_back(self.number, self._kept)
        self._whole = False
        producer, self._producer = self._producer, None
        if producer is not None:
            await stop_producer(producer)
        self._metrics.forget_partition("segment", self._topics.journal, self.number)
        self._kept = WarmTable()
        self._table = self._kept.table
        self.partition = Partition(self._table)


@contextmanager
def _hopeless_where_told(place: str) -> Iterator[None]:
    """Turns what says that it will not get better by trying again into the end of the worker."""
    try:
        yield
    except (UnknownFormatVersion, MissingChunk, OffsetTruncated, NoPolicy) as error:
        raise FatalError(f"{place}: {error}") from error


class SegmentStage:
    """The stage over the journal."""

    name = "segment"

    def __init__(self, topics: Topics, kafka: dict[str, Any], metrics: Metrics, source: str, warm: WarmTables) -> None:
        """Takes the topics and what every lane is given; `source` is the prefix that stands in `ce_source`."""
        self._warm = warm
        self._source = source
        self.group = f"{topics.prefix}.segment"
        self.topics = (topics.journal,)
        self._topics = topics
        self._kafka = kafka
        self._metrics = metrics

    def lane(self, tp: TP, running: StageContext) -> SegmentLane:
        """The lane of a journal partition."""
        return SegmentLane(tp.partition, self._topics, self._kafka, self._metrics, running, self._source, self._warm)
