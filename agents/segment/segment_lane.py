"""The lane of a journal partition: folds its records; `agents.segment.write_plan` writes what they produce."""

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from aiokafka import ConsumerRecord
from faust.types import TP

from agents.segment.commit_policy import DailyPublisher
from agents.segment.order_erasure import OrderErasure
from agents.segment.recovery import RecoveryProgress, fatal_where_permanent, recover_partition
from agents.segment.write_plan import TableWrite, WritePlan, Writers
from state.fold.partition import Partition
from streams.clock import Clock
from streams.engine.fetch_pace import FetchPace
from streams.engine.lane import StageContext
from streams.kafka.batch_writer import BatchWriter
from streams.kafka.broker import Broker
from streams.kafka.topics import Topics
from streams.kafka.watched_broker import WatchedBroker
from streams.tables.customers_table import FENCE_KEY, CustomersTable
from streams.tables.warm_tables import WarmTable, WarmTables
from streams.telemetry.metrics import Metrics
from streams.telemetry.waits import Wait
from streams.wire.cloudevents import CloudEvents
from streams.wire.output_batch import OutputBatch, fold_records

if TYPE_CHECKING:
    from streams.kafka.stage_producer import StageProducer

log = logging.getLogger(__name__)

FETCH_PACE: Final = FetchPace(0.008, burst=10)
"""Less than that of `admit`, so that one write to the journal is one fetch."""
TABLE_WAIT_SECONDS: Final = 0.02
"""How long the table of a batch waits for the outputs of the next one, to be sent in one request with them."""


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
        self._table_write: asyncio.Task[None] | None = None
        self._next_outputs = asyncio.Event()
        self._is_closing = False

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
        self._plan.on_outputs_sent = self._count_sent
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
        assert self._plan is not None
        assert self._outputs is not None
        assert self._order_erasure is not None
        self._order_erasure.check()
        self._plan.is_whole = False
        done = 0
        while (done := fold_records(records, done, self.partition, self._outputs)) < len(records):
            await self._write(self._plan, whole=False)
        await self._write(self._plan, whole=True)

    async def _write(self, plan: WritePlan, *, whole: bool) -> None:
        """Send the outputs; write the table meanwhile, as the next batch is folded, unless something must not wait."""
        clock = self._stage.clock
        started = clock.monotonic()
        self._next_outputs.set()
        captured = await plan.publish(whole=whole)
        await self._table_written()
        if not plan.must_checkpoint:
            self._next_outputs.clear()
            self._table_write = asyncio.create_task(self._write_table(plan, captured), name=f"table:{self.number}")
        else:
            await plan.write_table(captured)
            if whole:
                await plan.checkpoint()
        self._stage.metrics.flush_seconds.labels("segment").observe(clock.monotonic() - started)

    async def _write_table(self, plan: WritePlan, captured: TableWrite) -> None:
        """Write the table of a batch, in the request with the outputs of the next batch if there is one soon."""
        timer = asyncio.get_running_loop().call_later(TABLE_WAIT_SECONDS, self._next_outputs.set)
        try:
            await self._next_outputs.wait()
        finally:
            timer.cancel()
        await plan.write_table(captured)

    async def _table_written(self) -> None:
        """Wait until the table of the last batch is written."""
        if self._table_write is not None:
            self._next_outputs.set()
            await self._table_write
            self._table_write = None

    def _count_sent(self) -> None:
        """Add to the metrics what was sent and what the fold counted, once for each write."""
        metrics, counters = self._stage.metrics, self.partition.counters
        assert self._outputs is not None
        self._outputs.report(metrics, self._stage.clock.wall_ms())
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
        await self._table_written()
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
        if self._table_write is not None:
            self._table_write.cancel()
            await asyncio.wait({self._table_write})
            if not self._table_write.cancelled():
                self._table_write.exception()  # the stage fails for it, or has failed for another reason
        elif self._plan is not None and self._plan.is_whole and self._warm is not None:
            self._stage.warm_tables.give_back(self.number, self._warm)
        self._warm = None
        self.partition = Partition(CustomersTable())
        if self._producer is not None:
            self._producer.discard(self.number)
        self._stage.metrics.forget_partition("segment", self._topics.journal, self.number)
