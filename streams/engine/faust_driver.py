"""Faust with everything that a poll returned delivered as one message: what is overridden, and why.

Faust takes 60 to 300 µs for each message of a stream, whatever it contains. Here a message is everything that one poll
returned, so that thousands of records share that price. Group membership, assignment, agents and life cycle remain
Faust's own. Read against faust-streaming 0.15.3; the version is pinned.

    overridden                                  why
    ConsumerScheduler.iterate                   yields everything fetched at once, not single records
    Consumer._to_message                        makes one message of that
    Consumer._wait_next_records                 when every lane is full, waits for room; Faust sleeps for a second
    Consumer.perform_seek                       keeps the offsets that the group starts from, for the lanes; fails if
                                                they do not come: Faust would wait for ever (decision 0055)
    Consumer._drain_messages                    awaits the delivery of a message; Faust creates four tasks for each
    Consumer._add_gap                           missing offsets do not matter: lanes keep their own offsets
    Consumer._filter_tps_with_pending_acks      every open lane may commit
    Consumer._new_offset                        the lane's durable offset; Faust counts acks, which can commit records
                                                that were not processed, or stop at a gap for good
    Consumer.ack                                an ack decides nothing
    Consumer.on_partitions_revoked              lanes finish and commit before the partitions are given up
    Consumer.on_partitions_assigned             lanes open
    ConsumerThread: start, maybe_start, stop,   runs in the loop of the stage, not in a thread: two loops that wake
    crash, call_thread, keepalive, _stop_*,     each other for each poll cost a tenth of the processor, and wait for
    set_shutdown, on_partitions_*               each other's turn of the interpreter lock (decision 0053)
    ConsumerThread.on_start                     notes answered heartbeats; spaces fetches; leaves records as they are
    ConsumerThread._create_worker_consumer      a long poll shorter than 1.5 s, large fetches
    ConsumerThread._fetch_records               notes the offset of the next poll, so that lanes see what is missing
    Producer._new_producer                      TLS and SASL as in the rest of the worker; idempotent, with an epoch for
                                                each lane
    Producer.flush                              a commit need not wait: lanes await their own deliveries, and one lane's
                                                hanging request must not keep the others from committing
    TableManager.on_start                       there are no tables that agents might still create, for which Faust
                                                waits a second at every start
"""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, Protocol, cast

from aiokafka.errors import KafkaTimeoutError
from faust.tables.manager import TableManager
from faust.transport.base import Fetcher
from faust.transport.consumer import RecordMap
from faust.transport.drivers import aiokafka as driver
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP, AppT
from faust.types.tuples import ConsumerMessage, Message
from yarl import URL

from streams.clock import Clock
from streams.engine.fetch_pace import FetchPace
from streams.engine.loop_consumer_thread import FETCH_WAIT_MS, LoopConsumerThread, Poll
from streams.kafka.writing.stage_producer import StageProducer

POSITION_SECONDS = 15.0
"""How long the group's position may take. It must be less than `broker_request_timeout`: when that is over, mode takes
the wait as stopped, Faust's recovery service ends for good, and no later rebalance positions the consumer."""


class Lanes(Protocol):
    """What the consumer needs of the lanes of its stage."""

    def on_heartbeat(self) -> None:
        """Note that the group has answered a heartbeat."""

    def committable_offsets(self) -> Mapping[TP, int]:
        """Return the offset that may be committed, for each recovered lane."""

    def room_event(self) -> asyncio.Event:
        """Return an event that is set when a full lane has room again."""

    async def open(self, assigned: set[TP]) -> None:
        """Open a lane for each partition."""

    async def close(self, revoked: set[TP]) -> None:
        """Close the lanes of these partitions after their current batch, within a deadline, and commit for them."""


class PollScheduler(DefaultSchedulingStrategy):
    """Yields everything that was fetched at once, under the name of its first partition."""

    def iterate(self, records: Mapping[TP, Any]) -> Iterator[tuple[TP, Any]]:
        """Yield once, if anything was fetched."""
        return iter([(next(iter(records)), records)] if records else [])


class NoTables(TableManager):
    """Manages no tables: lanes keep their own state."""

    async def on_start(self) -> None:
        """Let the app subscribe as soon as its agents have started."""
        await self._update_channels()
        await self.recovery.start()


class LaneConsumer(driver.Consumer):
    """Consumes batches and commits what the lanes have written."""

    transport: "LaneTransport"
    _starts: "asyncio.Future[Mapping[TP, int]] | None" = None

    def _new_consumer_thread(self) -> LoopConsumerThread:
        return LoopConsumerThread(self, self.loop, self.beacon)

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        poll: Poll = record
        last = poll[tp].records[-1]
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            last.offset,
            last.timestamp / 1000,
            last.timestamp_type,
            None,
            None,
            cast("bytes", poll),  # what the agent gets as the value
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
        # a poll leaves out the lanes that were full when it started: keep it short
        return await self._getmany(active_partitions=active, timeout=FETCH_WAIT_MS / 1000), active

    async def _drain_messages(self, fetcher: Any) -> None:
        callback, last_offsets, sleep = self.callback, self._read_offset, self.transport.clock.sleep
        try:
            while not (self._stopped.is_set() or fetcher._stopped.is_set()):  # noqa: SLF001 - as Faust's own
                await sleep(0)
                if self.should_stop:
                    continue
                async for tp, message in self.getmany(timeout=FETCH_WAIT_MS / 1000):
                    last = last_offsets[tp]
                    if last is not None and message.offset < last:
                        continue
                    if self.app.flow_control.is_active():  # then nothing in it waits
                        await callback(message)
                    else:
                        await self.wait_first(callback(message), self.suspend_flow.wait())
                    last_offsets[tp] = message.offset
        except asyncio.CancelledError:
            if not self.transport.app.should_stop:
                raise
        except self.consumer_stopped_errors:
            if not self.transport.app.should_stop:
                raise

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
        """Seek to the committed offsets, and keep the offsets that reading starts from.

        Raises:
            KafkaTimeoutError: the group did not say where it is; the app crashes, and the stage restarts.
        """
        try:
            async with asyncio.timeout(POSITION_SECONDS):
                await self._perform_seek()
        except TimeoutError:
            raise KafkaTimeoutError(f"the group's position is unknown after {POSITION_SECONDS:.0f} s") from None

    async def _perform_seek(self) -> None:
        assigned = set(self.assignment())
        await super().perform_seek()
        consumer = self._thread._ensure_consumer()  # noqa: SLF001 - the driver has no public way to its consumer
        missing = [tp for tp in assigned if not self._committed_offset.get(tp)]
        starts = {tp: offset for tp, offset in self._committed_offset.items() if offset}
        if missing:
            starts.update(await self._thread.call_thread(consumer.beginning_offsets, missing))
        if set(self.assignment()) != assigned:
            return  # there was a rebalance meanwhile, which seeks by itself
        if self._starts is None or self._starts.done():
            self._starts = self.loop.create_future()
        self._starts.set_result(starts)

    def stable_end(self, tp: TP) -> int | None:
        """Return the end of what can be read of a partition, as of the last fetch; None if that is not known."""
        consumer = self._thread._ensure_consumer()  # noqa: SLF001 - as above
        return consumer.last_stable_offset(tp) if tp in self.assignment() else None

    def fetched_at_ms(self, tp: TP) -> int | None:
        """Return when the broker last answered a fetch of a partition, in wall time; None if it has not."""
        consumer = self._thread._ensure_consumer()  # noqa: SLF001 - as above
        return cast("int | None", consumer.last_poll_timestamp(tp)) if tp in self.assignment() else None

    async def start_of(self, tp: TP) -> int:
        """Return the offset that reading starts from: the committed one, or the first that the partition has."""
        if self._starts is None:
            self._starts = self.loop.create_future()
        starts: Mapping[TP, int] = await asyncio.shield(self._starts)
        return starts[tp]

    def ack(self, message: Message) -> bool:
        """Mark a message as handled; this has no influence on what is committed."""
        message.acked = True
        self._unacked_messages.discard(message)
        return True

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Let the lanes finish and commit while the partitions are still this worker's."""
        await self.transport.lanes.close(revoked)
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Open the lanes, which recover while Faust continues."""
        self._starts = None
        await self.transport.lanes.open(assigned)
        await super().on_partitions_assigned(assigned, generation_id)


class LaneProducer(driver.Producer):
    """The stage's only producer; the lanes await their own deliveries."""

    transport: "LaneTransport"

    def _new_producer(self, transactional_id: str | None = None) -> StageProducer:
        del transactional_id  # there are no transactions here
        return StageProducer(**self.transport.kafka_settings, client_id=self.app.conf.broker_client_id)

    async def flush(self) -> None:
        """Do nothing: what may be committed is acknowledged."""

    @property
    def client(self) -> StageProducer:
        """The aiokafka producer."""
        return cast("StageProducer", self._ensure_producer())


class LaneTransport(driver.Transport):
    """Faust's aiokafka transport with the consumer and the producer of this module."""

    Consumer = LaneConsumer
    Producer = LaneProducer
    Fetcher = Fetcher

    def __init__(
        self, app: AppT, lanes: Lanes, kafka_settings: Mapping[str, Any], clock: Clock, fetch_pace: FetchPace
    ) -> None:
        """Take the lanes of the stage, aiokafka's settings for reaching the brokers, the time and how it is used."""
        super().__init__([URL(f"kafka://{kafka_settings['bootstrap_servers'][0]}")], app)
        self.lanes = lanes
        self.kafka_settings = kafka_settings
        self.clock = clock
        self.fetch_pace = fetch_pace
