"""What Faust runs in a thread of its own, in the loop of the stage: the aiokafka consumer, and calls to it.

Why, method by method, is in the table of `streams.engine.faust_driver`.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

import aiokafka
from aiokafka.consumer.fetcher import FetchResult
from faust.transport.consumer import RecordMap
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode.services import Service
from mode.utils.futures import maybe_async

from streams.engine.fetch_pace import FetchPacer
from streams.engine.lane_runner import Fetched
from streams.kafka.direct.direct_connection import DirectClient

if TYPE_CHECKING:
    from streams.engine.faust_driver import LaneConsumer, LaneTransport

FETCH_WAIT_MS = 500
"""The longest poll: a fetch that was sent for some partitions delays the others by this much."""
FETCH_BYTES = 4 << 20

Poll = Mapping[TP, Fetched]
"""What one poll returned, by partition."""


def _as_it_is(_tp: Any, record: Any) -> Any:
    """Return the record that aiokafka's C code has read, which has all but the topic and the partition.

    A `ConsumerRecord` with those takes twice as long as all the rest of reading it.
    """
    return record


class LoopConsumerThread(driver.AIOKafkaConsumerThread):
    """What Faust runs in a thread of its own, in the loop of the stage: the aiokafka consumer, and calls to it."""

    def __init__(self, consumer: "LaneConsumer", loop: asyncio.AbstractEventLoop, beacon: Any) -> None:
        super().__init__(consumer, loop=loop, thread_loop=loop, beacon=beacon)
        self._clock = consumer.transport.clock
        self._pacer = FetchPacer(consumer.transport.fetch_pace, self._clock)

    async def start(self) -> None:
        """Start without a thread."""
        self._thread_started.set()
        await Service.start(self)

    async def maybe_start(self) -> bool:
        """Start, if it has not started yet."""
        return await Service.maybe_start(self)

    async def stop(self) -> None:
        """Stop the consumer, then the service."""
        if self._started.is_set() and not self._stopped.is_set():
            await self.on_thread_stop()
            self.set_shutdown()
            await Service.stop(self)

    async def crash(self, exc: BaseException) -> None:
        """Crash the app."""
        await Service.crash(self, exc)

    def set_shutdown(self) -> None:
        """Let `stop` go on."""
        self._shutdown.set()

    def _stopped_set(self) -> None:
        self._stopped.set()

    async def _stop_children(self) -> None:
        await self._default_stop_children()

    async def _stop_futures(self) -> None:
        await self._default_stop_futures()

    async def _stop_exit_stacks(self) -> None:
        await self._default_stop_exit_stacks()

    @Service.task
    async def _thread_keepalive(self) -> None:
        """Do nothing: the loop needs nobody to keep it awake."""

    async def call_thread(self, fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call it here and now."""
        return await maybe_async(fun(*args, **kwargs))

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Tell the consumer."""
        await self.consumer.on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Tell the consumer."""
        await self.consumer.on_partitions_assigned(assigned, generation_id)

    async def on_start(self) -> None:
        """Note answered heartbeats, by which a worker knows that it has not been replaced; space the fetches."""
        await super().on_start()
        consumer = self._ensure_consumer()
        coordinator, fetcher = consumer._coordinator, consumer._fetcher  # noqa: SLF001 - aiokafka has no hooks for these
        heartbeat, fetch = coordinator._do_heartbeat, fetcher._proc_fetch_request  # noqa: SLF001

        async def heartbeat_and_note() -> bool:
            answered: bool = await heartbeat()
            if answered:
                cast("LaneTransport", self.transport).lanes.on_heartbeat()
            return answered

        async def fetch_in_time(assignment: Any, node: Any, request: Any) -> bool:
            """Fetch, but not too soon after the fetch before."""
            delay_s = self._pacer.next_delay()
            if delay_s > 0:
                try:
                    await self._clock.sleep(delay_s)
                except asyncio.CancelledError:
                    return False  # as aiokafka's own: nobody is interested in the result any more
            has_records: bool = await fetch(assignment, node, request)
            for result in fetcher._records.values() if has_records else ():  # noqa: SLF001 - as above
                if isinstance(result, FetchResult):
                    result._partition_records._consumer_record = _as_it_is  # noqa: SLF001 - as above
            return has_records

        coordinator._do_heartbeat = heartbeat_and_note  # noqa: SLF001
        fetcher._proc_fetch_request = fetch_in_time  # noqa: SLF001

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        conf = self.app.conf
        self._assignor = aiokafka.coordinator.assignors.roundrobin.RoundRobinPartitionAssignor
        consumer = aiokafka.AIOKafkaConsumer(
            **transport.kafka_settings,
            client_id=conf.broker_client_id,
            group_id=conf.id,
            group_instance_id=conf.consumer_group_instance_id,
            partition_assignment_strategy=[self._assignor],
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            max_poll_records=None,
            max_poll_interval_ms=int(conf.broker_max_poll_interval * 1000),
            max_partition_fetch_bytes=FETCH_BYTES,
            fetch_max_bytes=8 * FETCH_BYTES,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            request_timeout_ms=int(conf.broker_request_timeout * 1000),
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
            metadata_max_age_ms=30_000,
        )
        DirectClient.take_over(consumer._client)  # noqa: SLF001 - it creates its client itself
        return consumer

    async def _fetch_records(
        self,
        consumer: aiokafka.AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109 - Faust's own
        max_records: int | None = None,
    ) -> RecordMap:
        fetched = await super()._fetch_records(consumer, active_partitions, timeout, max_records)
        # a partition that records were just taken from has a position: this does not wait
        poll: Poll = {tp: Fetched(records, await consumer.position(tp)) for tp, records in fetched.items() if records}
        return cast("RecordMap", poll)
