"""A standby: follows the changelog of the partitions that other workers own, so that this one could take them at once.

It reads with its own consumer, outside the group, and never writes. It leaves the partitions of the segment stage
alone: a lane takes its table out of `WarmTables` when it opens, and gives it back when it closes. Which worker will get
a partition is unknown, so a standby keeps all of them, in the memory of every worker that has one.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from state.records.events import UnknownFormatVersion
from streams.clock import Clock
from streams.engine.stage import Stage
from streams.kafka.cluster import stop_consumer
from streams.tables.warm_tables import WarmTable, WarmTables
from streams.telemetry.metrics import Metrics

log = logging.getLogger(__name__)

POLL_MS: Final = 500
MAX_RECORDS: Final = 2_000
"""Records of one poll: they take a few milliseconds, in which the lanes of this worker wait."""
ANSWER_SECONDS: Final = 20.0
"""How long Kafka may take to answer before the standby connects again."""
ENDS_SECONDS: Final = 5.0
"""How often the standby compares its positions with the ends."""


class Standby:
    """Keeps warm the tables of all partitions that the segment stage of this worker does not have."""

    def __init__(
        self,
        stage: Stage,
        topic: str,
        partitions: int,
        kafka: Mapping[str, Any],
        tables: WarmTables,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        """Follow `topic`, the changelog of so many partitions, into `tables`; `stage` is the segment stage."""
        self._stage = stage
        self._topic = topic
        self._partitions = partitions
        self._kafka = kafka
        self._tables = tables
        self._metrics = metrics
        self._clock = clock
        self._followed: dict[TopicPartition, WarmTable] = {}
        self._unreadable: set[int] = set()
        self._asked_at = 0.0

    async def run(self) -> None:
        """Follow the changelog until cancelled.

        Raises:
            aiokafka.errors.KafkaError: the cluster cannot be reached.
            TimeoutError: it does not answer.
        """
        consumer = AIOKafkaConsumer(
            **self._kafka,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            fetch_max_wait_ms=POLL_MS,
        )
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await consumer.start()
            while True:
                async with asyncio.timeout(ANSWER_SECONDS):
                    is_following = await self._follow(consumer)
                if not is_following:
                    await self._clock.sleep(POLL_MS / 1000)
                    continue
                try:
                    batches = await consumer.getmany(timeout_ms=POLL_MS, max_records=MAX_RECORDS)
                except OffsetOutOfRangeError as error:
                    self._drop_tables(error)
                    continue
                fetched_at = self._clock.monotonic()
                for tp, batch in batches.items():
                    self._take(tp, batch)
                # leave half of the time to the lanes
                await self._clock.sleep(self._clock.monotonic() - fetched_at)
                async with asyncio.timeout(ANSWER_SECONDS):
                    await self._note_ends(consumer)
        finally:
            await stop_consumer(consumer)

    def _wanted(self) -> dict[TopicPartition, WarmTable]:
        """Return the table of each partition that no lane has, a new one where there is none."""
        own = {tp.partition for tp in self._stage.assigned}
        existing, wanted = self._tables.all(), {}
        for number in range(self._partitions):
            if number in own or number in self._unreadable:
                continue
            warm = existing.get(number)
            wanted[TopicPartition(self._topic, number)] = self._tables.start(number) if warm is None else warm
        return wanted

    async def _follow(self, consumer: AIOKafkaConsumer) -> bool:
        """Have the consumer read from the position of each wanted table; return whether there are any."""
        wanted = self._wanted()
        if not wanted:
            self._followed = {}
            consumer.unsubscribe()
            return False
        if wanted != self._followed:  # compares tables too: one that was given back has another position
            self._followed = wanted
            consumer.assign(list(wanted))
            begins = await consumer.beginning_offsets(list(wanted))
            for tp, warm in wanted.items():
                consumer.seek(tp, begins[tp] if warm.position is None else warm.position)
        return True

    def _take(self, tp: TopicPartition, batch: Sequence[ConsumerRecord]) -> None:
        """Put records into the table that they were read for, unless a lane has taken it.

        No other task runs meanwhile, so a lane never takes a table that differs from its position.
        """
        number, warm = tp.partition, self._followed[tp]
        if self._tables.all().get(number) is not warm:
            return
        try:
            for record in batch:
                warm.table.restore(record.key, record.value)
        except UnknownFormatVersion as error:
            log.error("standby: %s:%d: %s", self._topic, number, error)  # noqa: TRY400 - expected: a traceback says nothing more
            self._tables.drop(number, warm)
            self._unreadable.add(number)
            return
        warm.position = batch[-1].offset + 1

    def _drop_tables(self, error: OffsetOutOfRangeError) -> None:
        """Drop the tables of a changelog that was recreated or truncated."""
        for tp in error.args[0]:
            if (warm := self._tables.all().get(tp.partition)) is not None:
                self._tables.drop(tp.partition, warm)

    async def _note_ends(self, consumer: AIOKafkaConsumer) -> None:
        """Every few seconds, note which tables are at the end, and expose how far the others are from it."""
        if self._clock.monotonic() - self._asked_at < ENDS_SECONDS:
            return
        asked_at = self._clock.boot_seconds()
        ends = await consumer.end_offsets(list(self._followed))
        self._asked_at = self._clock.monotonic()
        for tp, warm in self._followed.items():
            position = await consumer.position(tp)
            if position >= ends[tp]:
                warm.as_of = asked_at
            elif not self._tables.is_fresh(warm):
                self._tables.drop(tp.partition, warm)
            self._metrics.standby_lag_records.labels(str(tp.partition)).set(max(0, ends[tp] - position))
        for number in {tp.partition for tp in self._stage.assigned}:
            self._metrics.standby_lag_records.remove_by_labels({"partition": str(number)})
