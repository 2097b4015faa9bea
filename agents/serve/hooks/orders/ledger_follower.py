"""Read the order ledger and the erasure ledger to their ends, and keep reading, into the index of this process."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from agents.serve.hooks.orders.order_index import Applied, OrderIndex
from state.records.events import UnknownFormatVersion
from streams.clock import Clock
from streams.errors import describe_error
from streams.kafka.cluster import find_leaders, partitions_by_topic, stop_consumer
from streams.kafka.topics import Topics
from streams.retries import Backoff
from streams.settings.settings import Settings
from streams.telemetry.log_throttle import LogThrottle

log = logging.getLogger(__name__)

POLL_MS: Final = 500
CATCH_UP_POLL_MS: Final = 50
ANSWER_SECONDS: Final = 20.0
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 5.0
FETCH_BYTES: Final = 4 << 20
NOT_READ: Final = "the order ledger has not been read yet"


class NotFollowedError(Exception):
    """The ledgers cannot be read now; the message says why."""


class LedgerFollower:
    """Follows both ledgers.

    Attributes:
        caught_up: set once the end offsets at the first start are reached.
        problem: why they are not reached, for people.
    """

    def __init__(
        self,
        settings: Settings,
        index: OrderIndex,
        clock: Clock,
        applied: asyncio.Queue[Applied],
        until_written: Callable[[], Awaitable[None]],
    ) -> None:
        """Take the index to write to.

        Args:
            settings: of the process.
            index: of this process.
            clock: for pauses.
            applied: gets what records of the order ledger have changed.
            until_written: returns once the ledger has what this process had written before it was started.
        """
        self.caught_up = asyncio.Event()
        self.problem = NOT_READ
        self._settings = settings
        self._topics = Topics(settings.prefix)
        self._index = index
        self._clock = clock
        self._applied = applied
        self._until_written = until_written
        self._consumer: AIOKafkaConsumer | None = None
        self._awaited = Counter[TopicPartition]()
        self._polled = asyncio.Event()
        self._positions: dict[TopicPartition, int] = {}
        self._throttle = LogThrottle(clock)

    async def run(self) -> None:
        """Follow until cancelled; connect again after an error."""
        self.problem = "the spool has not been delivered yet"
        await self._until_written()
        self.problem = NOT_READ
        backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        while True:
            try:
                await self._follow()
            except (KafkaError, OSError) as error:  # a timeout is an OSError
                self._note(describe_error(error))
            except UnknownFormatVersion as error:
                self.caught_up.clear()  # what the ledger says is not known any more
                self._note(describe_error(error))
            await self._clock.sleep(backoff.next_pause())

    async def find_end(self, tp: TopicPartition) -> int:
        """Return the current end offset of a partition of any topic.

        Raises:
            NotFollowedError: Kafka is away.
            aiokafka.errors.KafkaError: it is not known.
        """
        consumer = self._consumer
        if consumer is None:
            raise NotFollowedError(self.problem)
        ends: dict[TopicPartition, int] = await consumer.end_offsets([tp])
        return ends[tp]

    async def reach(self, tp: TopicPartition, offset: int) -> None:
        """Return once everything below an offset of a partition of the order ledger is in the index."""
        self._awaited[tp] += 1
        try:
            while self._positions.get(tp, 0) < offset:
                await self._polled.wait()
        finally:
            self._awaited[tp] -= 1

    async def _follow(self) -> None:
        async with asyncio.timeout(ANSWER_SECONDS):
            counts = await partitions_by_topic(self._settings)
        names = (self._topics.erasure_ledger, self._topics.order_ledger)
        missing = [name for name in names if name not in counts]
        if missing:
            self._note(f"the topic {missing[0]} does not exist; start a worker, or run `goldstream topics create`")
            return
        followed = [TopicPartition(name, number) for name in names for number in range(counts[name])]
        consumer = AIOKafkaConsumer(
            **self._settings.kafka_client(),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=POLL_MS,
            max_partition_fetch_bytes=FETCH_BYTES,
        )
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await consumer.start()
                await find_leaders(consumer, names)
                consumer.assign(followed)
                ends = await consumer.end_offsets(followed)
                await consumer.seek_to_beginning(*(tp for tp in followed if tp not in self._positions))
                for tp, position in self._positions.items():
                    consumer.seek(tp, position)
                await find_leaders(consumer, [self._topics.full("events")])
            self._consumer = consumer
            while True:
                await self._poll(consumer, ends)
        finally:
            self._consumer = None
            await stop_consumer(consumer)

    async def _poll(self, consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> None:
        is_late = not self.caught_up.is_set()
        batches = await consumer.getmany(timeout_ms=CATCH_UP_POLL_MS if is_late else POLL_MS)
        for tp, records in sorted(batches.items(), key=lambda item: item[0].topic == self._topics.order_ledger):
            if tp.topic == self._topics.erasure_ledger:
                await asyncio.to_thread(self._index.apply_erasures, records)
            else:
                applied = await asyncio.to_thread(self._index.apply, records)
                if applied.outdated or applied.awaited or applied.covered:
                    self._applied.put_nowait(applied)
            self._positions[tp] = records[-1].offset + 1
        for tp in +self._awaited:  # compaction may have removed the last records
            self._positions[tp] = await consumer.position(tp)
        polled, self._polled = self._polled, asyncio.Event()
        polled.set()
        if is_late:
            async with asyncio.timeout(ANSWER_SECONDS):
                is_caught_up = all([await consumer.position(tp) >= end for tp, end in ends.items()])
            if is_caught_up:
                self.caught_up.set()
                log.info("the order ledger is read: webhooks are taken")

    def _note(self, problem: str) -> None:
        self.problem = f"the order ledger cannot be read: {problem}"
        if self._throttle.should_log(problem):
            log.warning("%s", self.problem)
