"""The open lanes of a stage, as its consumer sees them."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import faust
from aiokafka import ConsumerRecord
from faust.types import TP

from streams.clock import Clock
from streams.engine.faust_app import StageSpec
from streams.engine.faust_driver import LaneConsumer, LaneProducer
from streams.engine.lane import StageContext
from streams.engine.lane_runner import MAX_QUEUED, LaneRunner
from streams.engine.loop_consumer_thread import Poll
from streams.engine.progress_watch import marks_of_lane
from streams.errors import StrayCancellationError, describe_error, is_cancelled
from streams.kafka.reader import read_range
from streams.kafka.writing.stage_producer import StageProducer
from streams.telemetry.metrics import Metrics
from streams.telemetry.waits import Wait, Waiting, Waits

log = logging.getLogger(__name__)

REBALANCE_COMMIT_SECONDS: Final = 5.0


class OpenLanes:
    """The lanes of the partitions that a running app is assigned; implements `faust_driver.Lanes`.

    Attributes:
        context: what the lanes may ask of the stage.
        runners: the task of each lane.
    """

    def __init__(
        self,
        spec: StageSpec,
        app: faust.App,
        kafka: Mapping[str, Any],
        metrics: Metrics,
        clock: Clock,
        on_failure: Callable[[BaseException], None],
        waits: Waits,
    ) -> None:
        """Start with none; `on_failure` is called with the error of a lane that failed."""
        self.context = StageContext(self._producer, self._committed_start, clock, waits)
        self.runners: dict[TP, LaneRunner] = {}
        self._spec = spec
        self._app = app
        self._kafka = kafka
        self._metrics = metrics
        self._on_failure = on_failure
        self._room = asyncio.Event()
        self._assignment: Waiting | None = None  # from a revocation until the next assignment

    def hand_over(self, poll: Poll) -> None:
        """Give each lane what was fetched of its partition; pause the partition if the lane's queue is full."""
        for tp, fetched in poll.items():
            runner = self.runners.get(TP(tp.topic, tp.partition))
            if runner is None:
                continue
            runner.put(fetched)
            if runner.queued > MAX_QUEUED and not runner.is_full:
                runner.is_full = True
                self._app.consumer.on_buffer_full(tp)

    def lags(self) -> Mapping[TP, int]:
        """Return how many records of each partition are not done, as of the last fetch."""
        if not self.runners:
            return {}
        ends = {tp: self._app.consumer.highwater(tp) for tp in self.runners}
        return {tp: max(0, (ends[tp] or 0) - max(0, runner.lane.cursor)) for tp, runner in self.runners.items()}

    def progress_marks(self) -> Mapping[str, Hashable]:
        """Return who has something to do, each with a value that changes while they make progress."""
        marks: dict[str, Hashable] = {} if self._assignment is None else {"the group's assignment": None}
        for tp, runner in self.runners.items():
            marks |= dict(marks_of_lane(tp, runner, cast("LaneConsumer", self._app.consumer).fetched_at_ms(tp)))
        return marks

    def on_heartbeat(self) -> None:
        """Note that the group has answered a heartbeat."""
        self.context.note_heartbeat()

    def committable_offsets(self) -> Mapping[TP, int]:
        """Return the offset that may be committed, for each recovered lane."""
        return {
            tp: runner.lane.committable_offset
            for tp, runner in self.runners.items()
            if runner.is_recovered and runner.lane.committable_offset >= 0
        }

    def room_event(self) -> asyncio.Event:
        """Return an event that is set when a full lane has room again."""
        return self._room

    async def open(self, assigned: set[TP]) -> None:
        """Open a lane for each partition, and let it recover."""
        if self._assignment is not None:
            self._assignment.end()
            self._assignment = None
        self.on_heartbeat()
        self._metrics.rebalances.labels(self._spec.name).inc()
        await self.close(set(self.runners), drop=True)
        for tp in sorted(assigned):
            source = _Source(tp, cast("LaneConsumer", self._app.consumer), self._kafka)
            runner = self.runners[tp] = LaneRunner(self._spec.lane(tp, self.context), source)
            runner.task = asyncio.create_task(self._run(runner, tp), name=f"{self._spec.name}:{tp.partition}")
        self._metrics.assigned_partitions.labels(self._spec.name).set(len(self.runners))

    async def close(self, revoked: set[TP], *, drop: bool = False) -> None:
        """Close lanes after the batch that each is processing, and commit what is durable; with `drop` at once."""
        if not drop and self._assignment is None:
            self._assignment = self.context.waits.on(Wait.ASSIGNMENT, "the partitions that the group assigns").begin()
        runners = {tp: self.runners[tp] for tp in revoked if tp in self.runners}
        if drop:
            for runner in runners.values():
                if runner.task is not None:
                    runner.task.cancel()
        await asyncio.gather(*(runner.finish() for runner in runners.values()))
        if runners and not drop:
            await self.commit(REBALANCE_COMMIT_SECONDS, "the commit before a rebalance")
        for tp, runner in runners.items():
            if self.runners.get(tp) is runner:  # a second call may have closed it, and a lane may be open again
                del self.runners[tp]

    async def commit(self, seconds: float, what: str) -> bool:
        """Commit the committable offsets; return whether that finished in time."""
        return await finishes_within(self._app.consumer.commit(), seconds, what)

    def _producer(self) -> StageProducer:
        return cast("LaneProducer", self._app.producer).client

    async def _committed_start(self, tp: TP) -> int:
        with self.context.waits.on(Wait.POSITION, f"the group's position in {tp.topic}:{tp.partition}"):
            return await cast("LaneConsumer", self._app.consumer).start_of(tp)

    async def _run(self, runner: LaneRunner, tp: TP) -> None:
        try:
            await runner.run(lambda: self._drained(tp), self._metrics.batch_records.labels(self._spec.name).observe)
        except asyncio.CancelledError:
            if not is_cancelled():
                self._on_failure(StrayCancellationError())
            raise
        except Exception as error:  # noqa: BLE001 - reported to the stage, which restarts
            self._on_failure(error)

    def _drained(self, tp: TP) -> None:
        self._app.consumer.on_buffer_drop(tp)
        self._room.set()


@dataclass(frozen=True, slots=True)
class _Source:
    """A partition, read by the stage's consumer, and again outside the group."""

    tp: TP
    consumer: LaneConsumer
    kafka: Mapping[str, Any]

    def end(self) -> int | None:
        return self.consumer.stable_end(self.tp)

    def read(self, begin: int, end: int) -> AsyncGenerator[list[ConsumerRecord]]:
        return read_range(self.kafka, self.tp.topic, self.tp.partition, begin, end)

    def __str__(self) -> str:
        return f"{self.tp.topic}:{self.tp.partition}"


async def finishes_within(work: Coroutine[Any, Any, Any], seconds: float, what: str) -> bool:
    """Wait for `work` for at most this long and return whether it finished; its error is only logged.

    A shutdown must not hang. `asyncio.wait_for` would: it waits until the work has accepted its cancellation, but
    Faust's `Consumer.commit` takes a cancellation as a reason to start again (`maybe_wait_for_commit_to_finish`), and
    without Kafka that never ends.
    """
    task = asyncio.create_task(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if not done:
        task.cancel()
        log.warning("gave up waiting for %s after %.0f s", what, seconds)
    elif not task.cancelled() and (error := task.exception()) is not None:
        log.warning("while waiting for %s: %s", what, describe_error(error))
    return bool(done)
