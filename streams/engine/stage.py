"""A stage: one Faust app, hence one consumer group, with a lane for each partition that it is given.

The app's only agent takes batches of a partition off the stream and hands them to the partition's lane. A lane works
by itself: it recovers, then turns batches into outputs, and moves its cursor when all of them are acknowledged; Faust
commits the cursors. Whatever goes wrong in a lane takes the stage down: its memory is dropped, nothing more is
committed, and the stage starts anew from what was written down. Other stages of the process go on.
"""

import asyncio
import logging
import os
from collections.abc import AsyncGenerator, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, cast

import faust
from aiokafka import AIOKafkaProducer, ConsumerRecord
from aiokafka.errors import KafkaError
from faust.transport import conductor
from faust.types import TP
from yarl import URL

from streams.clock import Clock
from streams.engine.faust_driver import BatchScheduler, LaneConsumer, LaneProducer, LaneTransport, NoTables
from streams.engine.lane import SESSION_SECONDS, Lane, StageContext
from streams.engine.lane_runner import MAX_QUEUED, Fetched, LaneRunner
from streams.errors import describe_error
from streams.kafka.reader import read_range
from streams.retries import Backoff, retry_until_stopped
from streams.telemetry.metrics import Metrics

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS: Final = 1.0
"""By the next one at the latest a worker hears that another has come or gone: until then nobody has its partitions."""
COMMIT_SECONDS: Final = 2.5
LAST_COMMIT_SECONDS: Final = 5.0
STOP_SECONDS: Final = 8.0
AWAY_SECONDS: Final = 1.0
"""For every step of the way out after one that Kafka has let wait in vain."""
FIRST_PAUSE_SECONDS: Final = 1.0
MAX_PAUSE_SECONDS: Final = 10.0
STABLE_SECONDS: Final = 60.0
"""A stage that ran this long before it failed restarts after the first pause."""


class StageSpec(Protocol):
    """What a stage is made of."""

    @property
    def name(self) -> str:
        """`admit`, `segment` or `project`."""

    @property
    def group(self) -> str:
        """The consumer group, and the id of the Faust app."""

    @property
    def topics(self) -> Sequence[str]:
        """What it reads."""

    def lane(self, tp: TP, running: "StageContext") -> Lane:
        """The lane of a partition."""


class Stage:
    """Runs a stage until it is told to stop, and starts it anew when it fails."""

    def __init__(
        self,
        spec: StageSpec,
        kafka: Mapping[str, Any],
        metrics: Metrics,
        data: Path,
        instance: str | None,
        clock: Clock,
    ) -> None:
        """Takes what it is made of, how Kafka is reached, and this worker's name in the group (static membership)."""
        self.spec = spec
        self.healthy = False
        self._kafka = kafka
        self._metrics = metrics
        self._data = data
        self._instance = instance
        self.clock = clock
        self._tasks: dict[TP, LaneRunner] = {}
        self._room = asyncio.Event()
        self._failed: asyncio.Future[BaseException] | None = None
        self._app: faust.App | None = None
        self._running = StageContext(self._client, self._start_of, clock)
        if conductor.NO_CYTHON or getattr(conductor, "ConductorHandler", None) is None:
            raise RuntimeError(
                "faust's compiled modules are missing or switched off by NO_CYTHON: without them Faust loses events in "
                "a rebalance; install a wheel of faust-streaming for this machine and unset NO_CYTHON"
            )

    @property
    def ready(self) -> bool:
        """Whether it has its partitions and has recovered them."""
        return self.healthy and all(each.recovered for each in self._tasks.values())

    @property
    def assigned(self) -> set[TP]:
        """The partitions that it has now."""
        return set(self._tasks)

    @property
    def producer(self) -> AIOKafkaProducer:
        """The stage's idempotent producer."""
        return self._client()

    def queued(self) -> Mapping[TP, int]:
        """How many records wait in each lane."""
        return {tp: task.queued for tp, task in self._tasks.items()}

    def lags(self) -> Mapping[TP, int]:
        """How many records of each partition are not done with, as far as the last fetch has told."""
        if self._app is None or not self._tasks:
            return {}
        ends = {tp: self._app.consumer.highwater(tp) for tp in self._tasks}
        return {tp: max(0, (ends[tp] or 0) - max(0, task.lane.cursor)) for tp, task in self._tasks.items()}

    def recovering(self) -> int:
        """How many lanes are recovering."""
        return sum(not task.recovered for task in self._tasks.values())

    def lanes(self) -> Mapping[TP, Lane]:
        """The lanes that are open."""
        return {tp: task.lane for tp, task in self._tasks.items()}

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop`; a failure is logged in one line and followed by a new start, ever less eagerly.

        Raises:
            Hopeless: a lane has met what a new start cannot mend.
        """
        name = self.spec.name

        async def report(error: Exception, pause_s: float) -> None:
            self._metrics.stage_restarts.labels(name).inc()
            if isinstance(error, KafkaError):
                self._metrics.delivery_failures.labels(name).inc()
            log.error("stage %s failed: %s; restarts in %.0f s", name, describe_error(error), pause_s)
            log.debug("stage %s failed", name, exc_info=error)

        await retry_until_stopped(
            lambda: self._run_once(stop),
            on=Exception,
            stop=stop,
            clock=self.clock,
            backoff=Backoff(FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS),
            on_error=report,
            reset_after_s=STABLE_SECONDS,
        )

    async def _run_once(self, stop: asyncio.Event) -> None:
        self._failed = asyncio.get_running_loop().create_future()
        app = self._app = self._make_app()
        watching = asyncio.ensure_future(self._start_and_watch(app))
        waiting: set[asyncio.Future[Any]] = {asyncio.ensure_future(stop.wait()), self._failed, watching}
        try:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                result = each.result()
                if isinstance(result, BaseException):
                    raise result
        finally:
            self.healthy = False
            self._metrics.stage_up.labels(self.spec.name).set(0)
            for each in waiting:
                each.cancel()
            answers = not stop.is_set() or await self._finish_and_commit(app)
            await self.close(set(self._tasks), drop=True)
            seconds = STOP_SECONDS if answers else AWAY_SECONDS
            await _bounded(app.stop(), seconds, f"stage {self.spec.name} to stop")

    async def _start_and_watch(self, app: faust.App) -> BaseException:
        await app.start()
        self.healthy = True
        self._metrics.stage_up.labels(self.spec.name).set(1)
        await app._crashed.wait()  # noqa: SLF001 - mode has no public way to wait for a crash
        return app.crash_reason or RuntimeError("the app crashed without a reason")

    async def _finish_and_commit(self, app: faust.App) -> bool:
        """Lets every lane end and commits what they have made durable; whether that was done in time."""
        if not self._tasks:
            return True
        done = all(await asyncio.gather(*(task.finish() for task in self._tasks.values())))
        seconds = LAST_COMMIT_SECONDS if done else AWAY_SECONDS
        return await _bounded(app.consumer.commit(), seconds, "the last commit") and done

    def _make_app(self) -> faust.App:
        spec = self.spec
        url = URL(f"kafka://{self._kafka['bootstrap_servers'][0]}")
        app = faust.App(
            spec.group,
            broker=str(url),
            store="memory://",
            datadir=self._data / spec.name,
            autodiscover=False,
            web_enabled=False,
            topic_allow_declare=False,
            topic_disable_leader=True,
            stream_wait_empty=False,
            broker_client_id=f"goldstream-{spec.name}-{os.getpid()}",
            broker_commit_interval=COMMIT_SECONDS,
            broker_session_timeout=SESSION_SECONDS,
            broker_heartbeat_interval=HEARTBEAT_SECONDS,
            broker_request_timeout=30.0,
            consumer_group_instance_id=f"{spec.group}-{self._instance}" if self._instance else None,
            ConsumerScheduler=BatchScheduler,
            TableManager=NoTables,
        )
        app.transport = LaneTransport([url], app, self, self._kafka)
        self._running = StageContext(self._client, self._start_of, self.clock)
        topic = app.topic(*spec.topics, value_serializer="raw", key_serializer="raw", allow_empty=True)

        @app.agent(topic, name=f"{spec.group}.{spec.name}")
        async def hand_over(stream: Any) -> None:
            async for event in stream.events():
                self._hand_over(event.message.tp, event.message.value)

        return app

    def _client(self) -> AIOKafkaProducer:
        assert self._app is not None
        return cast("LaneProducer", self._app.producer).client

    async def _start_of(self, tp: TP) -> int:
        """The offset from which the group reads on."""
        assert self._app is not None
        return await cast("LaneConsumer", self._app.consumer).start_of(tp)

    def _hand_over(self, tp: TP, batch: Fetched) -> None:
        task = self._tasks.get(TP(tp.topic, tp.partition))
        if task is None:
            return
        task.put(batch)
        if task.queued > MAX_QUEUED and not task.full and self._app is not None:
            task.full = True
            self._app.consumer.on_buffer_full(tp)

    # What the consumer asks for (partition_batches.Lanes).

    def on_heartbeat(self) -> None:
        """The group has answered a heartbeat."""
        self._running.note_heartbeat()

    def committable_offsets(self) -> Mapping[TP, int]:
        """For each recovered lane the offset that may be committed."""
        return {
            tp: task.lane.committable_offset
            for tp, task in self._tasks.items()
            if task.recovered and task.lane.committable_offset >= 0
        }

    def room_event(self) -> asyncio.Event:
        """Set when a lane that was full has room again."""
        return self._room

    async def open(self, assigned: set[TP]) -> None:
        """Makes a lane for each partition and lets it recover."""
        self.on_heartbeat()
        self._metrics.rebalances.labels(self.spec.name).inc()
        await self.close(set(self._tasks), drop=True)
        for tp in sorted(assigned):
            task = self._tasks[tp] = LaneRunner(self.spec.lane(tp, self._running), self._source(tp), self._room)
            task.task = asyncio.create_task(self._watch(task, tp), name=f"{self.spec.name}:{tp.partition}")
        self._metrics.assigned_partitions.labels(self.spec.name).set(len(self._tasks))

    async def close(self, revoked: set[TP], *, drop: bool = False) -> None:
        """Ends lanes after what they have begun, or with `drop` at once; commits what they have made durable."""
        tasks = {tp: self._tasks[tp] for tp in revoked if tp in self._tasks}
        if drop:
            for task in tasks.values():
                if task.task is not None:
                    task.task.cancel()
        await asyncio.gather(*(task.finish() for task in tasks.values()))
        if tasks and not drop and self._app is not None:
            await _bounded(self._app.consumer.commit(), LAST_COMMIT_SECONDS, "the commit before a rebalance")
        for tp, task in tasks.items():
            if self._tasks.get(tp) is task:  # it may have been closed twice at once, and opened anew by now
                del self._tasks[tp]

    def fail(self, error: BaseException) -> None:
        """Takes the stage down; `run` starts it anew."""
        if self._failed is not None and not self._failed.done():
            self._failed.set_result(error)

    def _source(self, tp: TP) -> "_Source":
        assert self._app is not None
        return _Source(tp, cast("LaneConsumer", self._app.consumer), self._kafka)

    async def _watch(self, task: LaneRunner, tp: TP) -> None:
        try:
            await task.run(lambda: self._drained(tp), self._metrics.batch_records.labels(self.spec.name).observe)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - reported to `run`, which starts the stage anew
            self.fail(error)

    def _drained(self, tp: TP) -> None:
        if self._app is not None:
            self._app.consumer.on_buffer_drop(tp)
        self._room.set()


@dataclass(frozen=True, slots=True)
class _Source:
    """A partition, read by the stage's consumer, and beside it."""

    tp: TP
    consumer: LaneConsumer
    kafka: Mapping[str, Any]

    def end(self) -> int | None:
        return self.consumer.stable_end(self.tp)

    def read(self, begin: int, end: int) -> AsyncGenerator[list[ConsumerRecord]]:
        return read_range(self.kafka, self.tp.topic, self.tp.partition, begin, end)

    def __str__(self) -> str:
        return f"{self.tp.topic}:{self.tp.partition}"


async def _bounded(work: Coroutine[Any, Any, Any], seconds: float, what: str) -> bool:
    """Waits for `work` no longer than that; what it fails of is only logged: the way out must stay open.

    Not by `asyncio.wait_for`, which waits until the work has taken its cancellation: Faust's `Consumer.commit` takes
    one for a reason to begin anew (`maybe_wait_for_commit_to_finish`), and with Kafka away that never ends.

    Returns:
        Whether it came to its end.
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
