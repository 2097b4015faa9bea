"""Faust, told to deliver a partition's records as one message: what is overridden, and why.

Faust pays 60 to 300 microseconds for each message that goes through a stream, whatever is in it. Here a message is all
that was fetched of a partition at once, so that price is paid once for some thousands of records, and group membership,
assignment, agents and life cycle stay Faust's own. Read against faust-streaming 0.15.3; the version is pinned.

    overridden                                  why
    ConsumerScheduler.iterate                   yields (partition, all that was fetched), not single records
    Consumer._to_message                        makes one message of that
    Consumer._wait_next_records                 waits for room when every lane is full, where Faust sleeps a second
    Consumer.perform_seek                       remembers where the group stands, for the lanes
    Consumer._add_gap                           offsets that are not there are no concern: lanes count by themselves
    Consumer._filter_tps_with_pending_acks      every open lane may commit
    Consumer._new_offset                        the lane's durable cursor, where Faust counts acks (and can pass what is
                                                not processed, or stop at a hole for good)
    Consumer.ack                                an ack decides nothing
    Consumer.on_partitions_revoked              lanes finish and commit before the partitions go
    Consumer.on_partitions_assigned             lanes open
    ConsumerThread.Worker                       a daemon, or the process would wait for a Kafka that is away
    ConsumerThread.on_start                     notes heartbeats
    ConsumerThread._create_worker_consumer      a long poll that ends sooner than 1.5 s, large fetches
    ConsumerThread._fetch_records               notes where the next poll goes on, so that lanes see what is missing
    Producer._settings_extra                    idempotence and acks=all, which Faust sets only with transactions
    Producer._new_producer                      TLS and SASL as the rest of the worker has them
    TableManager.on_start                       there are no tables that agents could still make, for which Faust waits
                                                a second at every start
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol, cast

import aiokafka
from faust.tables.manager import TableManager
from faust.transport.base import Fetcher
from faust.transport.consumer import RecordMap
from faust.transport.drivers import aiokafka as driver
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP, AppT
from faust.types.tuples import ConsumerMessage, Message
from mode.threads import ServiceThread, WorkerThread
from yarl import URL

from streams.engine.lane_runner import Fetched
from streams.kafka.fenced_producer import PRODUCER_SETTINGS

FETCH_WAIT_MS = 250
"""The longest poll: how long a fetch that was sent for some partitions keeps the others waiting."""
FETCH_BYTES = 4 << 20


class Lanes(Protocol):
    """What the consumer asks of the lanes of its stage."""

    def on_heartbeat(self) -> None:
        """The group has answered a heartbeat."""

    def committable_offsets(self) -> Mapping[TP, int]:
        """For each open lane the offset up to which everything is durable."""

    def room_event(self) -> asyncio.Event:
        """Set when a lane that was full has room again."""

    async def open(self, assigned: set[TP]) -> None:
        """Makes a lane for each partition."""

    async def close(self, revoked: set[TP]) -> None:
        """Ends the lanes of these partitions after what they have begun; within a deadline."""


class BatchScheduler(DefaultSchedulingStrategy):
    """Hands out what was fetched partition by partition."""

    def iterate(self, records: Mapping[TP, Any]) -> Iterator[tuple[TP, Any]]:
        """Each partition once, with all of its records."""
        return iter(records.items())


class NoTables(TableManager):
    """Keeps none: what a lane remembers is its own."""

    async def on_start(self) -> None:
        """Lets the app subscribe as soon as its agents have started."""
        await self._update_channels()
        await self.recovery.start()


class DaemonThread(WorkerThread):
    """A thread that does not keep the process from ending: with Kafka away, aiokafka may not come to its end in it."""

    def __init__(self, service: ServiceThread, **kwargs: Any) -> None:
        """Takes the service that runs in it."""
        super().__init__(service, **kwargs)
        self.daemon = True


class LaneConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread in which aiokafka consumes."""

    Worker = DaemonThread

    async def on_start(self) -> None:
        """Notes the answers to heartbeats: a worker without them for long knows that it may have been replaced."""
        await super().on_start()
        coordinator = self._ensure_consumer()._coordinator  # noqa: SLF001 - aiokafka does not tell of its heartbeats
        heartbeat = coordinator._do_heartbeat  # noqa: SLF001

        async def noted() -> bool:
            answered: bool = await heartbeat()
            if answered:
                cast("LaneTransport", self.transport).lanes.on_heartbeat()
            return answered

        coordinator._do_heartbeat = noted  # noqa: SLF001

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        conf = self.app.conf
        self._assignor = aiokafka.coordinator.assignors.roundrobin.RoundRobinPartitionAssignor
        return aiokafka.AIOKafkaConsumer(
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

    async def _fetch_records(
        self,
        consumer: aiokafka.AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109 - Faust's own
        max_records: int | None = None,
    ) -> RecordMap:
        fetched = await super()._fetch_records(consumer, active_partitions, timeout, max_records)
        # a partition that was just taken from has a position: this waits for nothing
        batches: Mapping[TP, Any] = {
            tp: Fetched(records, await consumer.position(tp)) for tp, records in fetched.items() if records
        }
        return cast("RecordMap", batches)


class LaneConsumer(driver.Consumer):
    """Consumes whole batches and commits what the lanes have made durable."""

    transport: "LaneTransport"
    _starts: "asyncio.Future[Mapping[TP, int]] | None" = None

    def _new_consumer_thread(self) -> LaneConsumerThread:
        return LaneConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        batch: Fetched = record
        last = batch.records[-1]
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            last.offset,
            last.timestamp / 1000,
            last.timestamp_type,
            None,
            None,
            cast("bytes", batch),  # what the agent takes as the value
            None,
            tp=tp,
            generation_id=self.app.consumer_generation_id,
        )

    async def _wait_next_records(self, timeout: float) -> tuple[RecordMap | None, set[TP] | None]:  # noqa: ASYNC109 - Faust's own
        if not self.flow_active:
            await self.wait(self.can_resume_flow)  # type: ignore[arg-type]  # mode's own annotation is too narrow
        active = self._get_active_partitions()
        if not active:
            room = self.transport.lanes.room_event()
            room.clear()
            await self.wait_first(room.wait(), timeout=timeout)
            return {}, active
        # a poll that began before a lane had room again does not know of its partition: keep it short
        return await self._getmany(active_partitions=active, timeout=FETCH_WAIT_MS / 1000), active

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        del tp, offset_from, offset_to

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        return (
            tp
            for tp in self.transport.lanes.committable_offsets()
            if topics is None or tp in topics or tp.topic in topics
        )

    def _new_offset(self, tp: TP) -> int | None:
        return self.transport.lanes.committable_offsets().get(tp)

    async def perform_seek(self) -> None:
        """Goes to where the group stands, and remembers where that is."""
        assigned = set(self.assignment())
        await super().perform_seek()
        consumer = self._thread._ensure_consumer()  # noqa: SLF001 - the driver has no public way to its consumer
        missing = [tp for tp in assigned if not self._committed_offset.get(tp)]
        starts = {tp: offset for tp, offset in self._committed_offset.items() if offset}
        if missing:
            starts.update(await self._thread.call_thread(consumer.beginning_offsets, missing))
        if set(self.assignment()) != assigned:
            return  # a rebalance came in between, and seeks by itself
        if self._starts is None or self._starts.done():
            self._starts = self.loop.create_future()
        self._starts.set_result(starts)

    def stable_end(self, tp: TP) -> int | None:
        """The end of what may be read of a partition, as the last fetch has told; None if that is not known."""
        consumer = self._thread._ensure_consumer()  # noqa: SLF001 - as above
        return consumer.last_stable_offset(tp) if tp in self.assignment() else None

    async def start_of(self, tp: TP) -> int:
        """Where the group reads on: the committed offset, or the beginning of what is left of the partition."""
        if self._starts is None:
            self._starts = self.loop.create_future()
        starts: Mapping[TP, int] = await asyncio.shield(self._starts)
        return starts[tp]

    def ack(self, message: Message) -> bool:
        """Marks a message as handled; what is committed is not decided here."""
        message.acked = True
        self._unacked_messages.discard(message)
        return True

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Lets the lanes finish and commits for them while the partitions are still this worker's."""
        await self.transport.lanes.close(revoked)
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Opens the lanes, which recover on their own while Faust goes on."""
        self._starts = None
        await self.transport.lanes.open(assigned)
        await super().on_partitions_assigned(assigned, generation_id)


class LaneProducer(driver.Producer):
    """The stage's one producer: idempotent, and waited for by the lanes themselves."""

    transport: "LaneTransport"

    def _settings_extra(self) -> Mapping[str, Any]:
        return PRODUCER_SETTINGS

    def _new_producer(self, transactional_id: str | None = None) -> aiokafka.AIOKafkaProducer:
        del transactional_id  # there are no transactions here
        return aiokafka.AIOKafkaProducer(
            **self.transport.kafka_settings, **self._settings_extra(), client_id=self.app.conf.broker_client_id
        )

    @property
    def client(self) -> aiokafka.AIOKafkaProducer:
        """The aiokafka producer, for whole batches."""
        return self._ensure_producer()


class LaneTransport(driver.Transport):
    """Faust's aiokafka transport with the consumer and the producer of this module."""

    Consumer = LaneConsumer
    Producer = LaneProducer
    Fetcher = Fetcher

    def __init__(self, url: Iterable[URL], app: AppT, lanes: Lanes, kafka_settings: Mapping[str, Any]) -> None:
        """Takes the lanes of the stage and aiokafka's settings for reaching the brokers."""
        super().__init__(list(url), app)
        self.lanes = lanes
        self.kafka_settings = kafka_settings
