"""A standby: reads the changelog of the partitions that this worker does not have, so that it could take them at once.

It reads with a consumer of its own, outside the group, and never writes. What the segment stage has is none of its
business: a lane takes its table out of `WarmTables` when it opens, and puts it back when it closes. Nobody says which
worker will get a partition, so it keeps all of them: the memory of all customers, in each worker that has a standby.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from state.records.events import UnknownFormatVersion
from streams.clock import Clock
from streams.engine.stage import Stage
from streams.tables.warm_tables import WarmTable, WarmTables
from streams.telemetry.metrics import Metrics

log = logging.getLogger(__name__)

POLL_MS: Final = 500
RECORDS_AT_ONCE: Final = 2_000
"""A few milliseconds' work: what the lanes of this worker wait for at most."""
ENDS_SECONDS: Final = 5.0


class Standby:
    """Keeps the tables warm that the segment stage of this worker does not have."""

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
        """Takes the segment stage, the changelog, and where tables are kept."""
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
        """Follows the changelog until it is cancelled.

        Raises:
            aiokafka.errors.KafkaError: the cluster cannot be reached.
        """
        consumer = AIOKafkaConsumer(
            **self._kafka,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            fetch_max_wait_ms=POLL_MS,
        )
        await consumer.start()
        try:
            while True:
                if not await self._follow(consumer):
                    await self._clock.sleep(POLL_MS / 1000)
                    continue
                try:
                    batches = await consumer.getmany(timeout_ms=POLL_MS, max_records=RECORDS_AT_ONCE)
                except OffsetOutOfRangeError as error:
                    self._begin_anew(error)
                    continue
                fetched = self._clock.monotonic()
                for tp, batch in batches.items():
                    self._take(tp, batch)
                await self._clock.sleep(
                    self._clock.monotonic() - fetched
                )  # the lanes come first: half of the time is theirs
                await self._note_ends(consumer)
        finally:
            await consumer.stop()

    def _wanted(self) -> dict[TopicPartition, WarmTable]:
        """The tables of the partitions that no lane has; where there is none, an empty one."""
        mine = {tp.partition for tp in self._stage.assigned}
        there, wanted = self._tables.all(), {}
        for number in range(self._partitions):
            if number in mine or number in self._unreadable:
                continue
            warm = there.get(number)
            wanted[TopicPartition(self._topic, number)] = self._tables.start(number) if warm is None else warm
        return wanted

    async def _follow(self, consumer: AIOKafkaConsumer) -> bool:
        """Lets the consumer read what is wanted now, from where each table stands; whether there is anything."""
        wanted = self._wanted()
        if not wanted:
            self._followed = {}
            consumer.unsubscribe()
            return False
        if wanted != self._followed:  # not the partitions alone: a table that was given back stands elsewhere
            self._followed = wanted
            consumer.assign(list(wanted))
            begins = await consumer.beginning_offsets(list(wanted))
            for tp, warm in wanted.items():
                consumer.seek(tp, begins[tp] if warm.position is None else warm.position)
        return True

    def _take(self, tp: TopicPartition, batch: Sequence[ConsumerRecord]) -> None:
        """Puts records into the table that they were read for, unless a lane has taken it.

        No other task runs in between, so a lane never takes a table that is not as its position says.
        """
        number, warm = tp.partition, self._followed[tp]
        if self._tables.all().get(number) is not warm:
            return
        try:
            for record in batch:
                warm.table.restore(record.key, record.value)
        except UnknownFormatVersion as error:
            log.error("standby: %s:%d: %s", self._topic, number, error)  # noqa: TRY400 - a finding, not a fault
            self._tables.drop(number, warm)
            self._unreadable.add(number)
            return
        warm.position = batch[-1].offset + 1

    def _begin_anew(self, error: OffsetOutOfRangeError) -> None:
        """The changelog was made anew, or cut: what was read of it is worth nothing."""
        for tp in error.args[0]:
            if (warm := self._tables.all().get(tp.partition)) is not None:
                self._tables.drop(tp.partition, warm)

    async def _note_ends(self, consumer: AIOKafkaConsumer) -> None:
        """Now and then: which tables are at the end, and how far the others are from it."""
        if self._clock.monotonic() - self._asked_at < ENDS_SECONDS:
            return
        asked = self._clock.boot_seconds()
        ends = await consumer.end_offsets(list(self._followed))
        self._asked_at = self._clock.monotonic()
        for tp, warm in self._followed.items():
            position = await consumer.position(tp)
            if position >= ends[tp]:
                warm.as_of = asked
            elif not self._tables.is_fresh(warm):
                self._tables.drop(tp.partition, warm)
            self._metrics.standby_lag_records.labels(str(tp.partition)).set(max(0, ends[tp] - position))
        for number in {tp.partition for tp in self._stage.assigned}:
            self._metrics.standby_lag_records.remove_by_labels({"partition": str(number)})
