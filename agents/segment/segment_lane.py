"""The lane of a journal partition: folds its records; `agents.segment.write_plan` writes what they produce."""

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from aiokafka import ConsumerRecord
from faust.types import TP

from agents.segment.batch_pipeline import BatchPipeline
from agents.segment.commit_policy import DailyPublisher
from agents.segment.order_erasure import OrderErasure
from agents.segment.recovery import RecoveryProgress, fatal_where_permanent, recover_partition
from agents.segment.write_plan import WritePlan, Writers
from state.fold.partition import Partition
from streams.clock import Clock
from streams.engine.fetch_pace import FetchPace
from streams.engine.lane import StageContext
from streams.kafka.broker import Broker
from streams.kafka.topics import Topics
from streams.kafka.watched_broker import WatchedBroker
from streams.kafka.writing.batch_writer import BatchWriter
from streams.tables.customers_table import FENCE_KEY, CustomersTable
from streams.tables.warm_tables import WarmTable, WarmTables
from streams.telemetry.metrics import Metrics
from streams.telemetry.waits import Wait
from streams.wire.cloudevents import CloudEvents
from streams.wire.output_batch import OutputBatch, OutputCounts, fold_records

if TYPE_CHECKING:
    from streams.kafka.writing.stage_producer import StageProducer

log = logging.getLogger(__name__)

FETCH_PACE: Final = FetchPace(0.008, burst=10)
"""Less than that of `admit`, so that one write to the journal is one fetch."""
PART_RECORDS: Final = 500
"""Records that are folded without a pause: 10 ms of work."""
PAUSE_TURNS: Final = 5
"""Turns of the loop in a pause: as many as a request needs to get on its way, or its answer to who waits for it."""


class SegmentStage:
    """The stage over the journal.

    Attributes:
        topics: the topics that its lanes read.
    """

    name = "segment"
    fetch_pace = FETCH_PACE

    def __init__(
        self, topics: Topics, broker: Broker, metrics: Metrics, source: str, warm_tables: WarmTables, clock: Clock
    ) -> None:
        """Take what every lane needs; `source` is the prefix in the `ce_source` of outputs."""
        self.group = f"{topics.prefix}.segment"
        self.topics = (topics.journal,)
        self.names = topics
        self.broker = broker
        self.metrics = metrics
        self.source = source
        self.warm_tables = warm_tables
        self.clock = clock

    def lane(self, tp: TP, context: StageContext) -> "SegmentLane":
        """Return a new lane for a partition of the journal."""
        return SegmentLane(tp.partition, self, context)


class SegmentLane:
    """Keeps the customers of one journal partition and publishes their changes and messages.

    Attributes:
        number: of the partition.
        partition: the fold; empty before `recover` and after `close`.
        recovery: how far `recover` is.
    """

    needs_all = True

    def __init__(self, number: int, stage: SegmentStage, context: StageContext) -> None:
        self.number = number
        self.partition = Partition(CustomersTable())
        self.recovery = RecoveryProgress()
        self._stage = stage
        self._context = context
        self.waiter = context.waits.waiter()
        self._broker = WatchedBroker(stage.broker, self.waiter)
        self._topics = stage.names
        self._producer: StageProducer | None = None
        self._warm: WarmTable | None = None
        self._plan: WritePlan | None = None
        self._outputs: OutputBatch | None = None
        self._order_erasure: OrderErasure | None = None
        self._pipeline: BatchPipeline | None = None
        self._is_closing = False

    @property
    def is_waiting_elsewhere(self) -> bool:
        """False: it needs nothing but Kafka."""
        return False

    @property
    def cursor(self) -> int:
        """The offset up to which everything is durable; -1 before recovery."""
        return -1 if self._plan is None else self._plan.cursor

    @property
    def committable_offset(self) -> int:
        """The offset up to which the progress is written too; -1 before recovery."""
        return -1 if self._plan is None else self._plan.committable_offset

    async def recover(self) -> None:
        """Fence off former owners, then read the ledger, the changelog and the progress.

        Raises:
            FatalError: another version wrote a record, or something is missing.
            aiokafka.errors.KafkaError: the cluster cannot be reached.
        """
        stage, topics, number = self._stage, self._topics, self.number
        await self._fence_off(f"{topics.prefix}.segment.{number}")
        started, label = stage.clock.monotonic(), str(number)
        recovered = await recover_partition(
            self._broker,
            topics,
            number,
            stage.warm_tables.take(number),
            stage.clock,
            self.recovery.set_remaining,
            self.recovery.set_read,
        )
        self.partition, self._warm = recovered.partition, recovered.warm
        cursor, producer = self.partition.progress.offset, self._context.producer
        writers = Writers(BatchWriter(producer, self.waiter), BatchWriter(producer, self.waiter))
        with fatal_where_permanent(f"{topics.customers}:{number}"):
            await self._broker.check_not_shortened(topics.journal, number, cursor)
        self._outputs = OutputBatch(CloudEvents(topics, stage.source), writers.outputs, number)
        daily = DailyPublisher(self.partition, self._warm.table.days, stage.clock)
        self._plan = WritePlan(topics, number, self.partition, self._warm, writers, self._context, daily)
        self._pipeline = BatchPipeline(self._plan, f"batch:{number}")
        self._order_erasure = OrderErasure(topics, number, stage.broker, self._context)
        self._order_erasure.start(self.partition.erasures, recovered.orders_erased)
        self._plan.on_erased = self._order_erasure.add
        self._plan.is_closing = self._is_closing
        seconds = stage.clock.monotonic() - started
        stage.metrics.recovery_seconds.labels(label).set(seconds)
        stage.metrics.recovery_records.labels(label).set(self.recovery.read)
        stage.metrics.recovery_remaining_records.labels(label).set(self.recovery.remaining)
        count_customers = len(self._warm.table)
        log.info("partition %d recovered: %d customers in %.2f s, at %d", number, count_customers, seconds, cursor)

    async def _fence_off(self, name: str) -> None:
        """Make the broker refuse what a former owner still sends to the partitions that recovery reads."""
        producer = self._producer = self._context.producer
        with self.waiter.on(Wait.EPOCH, f"the producer epoch of {name}"):
            await producer.fence(name, self.number)
        writer = BatchWriter(producer, self.waiter)
        for topic in (self._topics.customers, self._topics.erasure_ledger, self._topics.progress):
            writer.add(topic, self.number, FENCE_KEY, None)
        await writer.flush()

    async def process(self, records: Sequence[ConsumerRecord]) -> None:
        """Fold the records and write what they produce.

        Raises:
            FatalError: another version wrote a record.
            OwnershipLost: the partition may be another worker's.
            aiokafka.errors.KafkaError: something was not delivered.
        """
        with fatal_where_permanent(f"{self._topics.journal}:{self.number}"):
            await self._fold(records)
        self._stage.metrics.journal_records.labels(str(self.number)).inc(len(records))

    async def _fold(self, records: Sequence[ConsumerRecord]) -> None:
        """Fold in parts, so that requests, answers and the other lanes get their turns."""
        assert self._plan is not None
        assert self._outputs is not None
        assert self._order_erasure is not None
        self._order_erasure.check()
        self._plan.begin_fold()
        done, count = 0, len(records)
        while True:
            end = min(count, done + PART_RECORDS)
            done, is_whole = fold_records(records, done, end, self.partition, self._outputs)
            if done == count:
                break
            if not is_whole:
                await self._write(self._plan, whole=False)
            for _ in range(PAUSE_TURNS):
                await asyncio.sleep(0)
        await self._write(self._plan, whole=True)

    async def _write(self, plan: WritePlan, *, whole: bool) -> None:
        """Begin to write what was folded; return when more may be folded."""
        assert self._pipeline is not None
        assert self._outputs is not None
        started, counts = self._stage.clock.monotonic(), self._outputs.cut()
        await self._pipeline.write(plan.capture(whole=whole), lambda: self._count_sent(counts, started))
        if whole and plan.must_checkpoint:
            await self._pipeline.drain()
            await plan.checkpoint()

    def _count_sent(self, counts: OutputCounts, started: float) -> None:
        """Add to the metrics the outputs that are acknowledged, and what the fold counted."""
        clock, metrics, counters = self._stage.clock, self._stage.metrics, self.partition.counters
        metrics.flush_seconds.labels("segment").observe(clock.monotonic() - started)
        counts.report(metrics, clock.wall_ms())
        for counter, counted in (
            (metrics.duplicates, counters.duplicates),
            (metrics.dropped, counters.dropped),
            (metrics.fenced, counters.fenced),
        ):
            for label, count in counted.items():
                counter.labels(label).inc(count)
            counted.clear()

    def checkpoint_due_in(self) -> float | None:
        """Return how many seconds the postponed steps of the write plan may wait; None if there are none."""
        return None if self._plan is None else self._plan.checkpoint_due_in()

    async def checkpoint(self) -> None:
        """Write what was postponed.

        Raises:
            OwnershipLost: the partition may be another worker's.
            aiokafka.errors.KafkaError: something was not delivered.
        """
        assert self._plan is not None
        assert self._pipeline is not None
        await self._pipeline.drain()
        await self._plan.checkpoint()

    def stop(self) -> None:
        """Have the next checkpoint publish the daily totals, since there may be none after it."""
        self._is_closing = True
        if self._plan is not None:
            self._plan.is_closing = True

    async def close(self) -> None:
        """Forget the partition. A table with everything written is kept for the next lane of this process.

        The offsets stay: the last commit comes after.
        """
        if self._order_erasure is not None:
            await self._order_erasure.close()
        if self._pipeline is not None:
            await self._pipeline.cancel()
        if self._plan is not None and self._plan.is_whole and self._warm is not None:
            self._stage.warm_tables.give_back(self.number, self._warm)
        self._warm = None
        self.partition = Partition(CustomersTable())
        if self._producer is not None:
            self._producer.discard(self.number)
        self._stage.metrics.forget_partition("segment", self._topics.journal, self.number)
