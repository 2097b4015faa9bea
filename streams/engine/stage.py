"""A stage: one Faust app, hence one consumer group, with a lane for each assigned partition.

Each lane works on its own: it recovers, processes batches, and moves its cursor once everything that they produced is
acknowledged; Faust commits the cursors. An error in a lane stops the whole stage: the state in memory is dropped,
nothing more is committed, and the stage restarts from what was written. The other stages of the process go on.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import faust
from aiokafka.errors import KafkaError
from faust.types import TP

from streams.clock import Clock
from streams.engine.abandoned_app import close_abandoned
from streams.engine.faust_app import StageSpec, add_agent, check_faust_is_compiled, make_app
from streams.engine.faust_driver import LaneTransport
from streams.engine.lane import Lane
from streams.engine.lane_runner import LaneRunner
from streams.engine.loop_watchdog import end_process
from streams.engine.open_lanes import OpenLanes, finishes_within
from streams.engine.progress_watch import LOOK_SECONDS, STUCK_SECONDS, ProgressWatch, StageStuckError
from streams.errors import describe_error
from streams.kafka.cluster import find_outage
from streams.kafka.writing.stage_producer import StageProducer
from streams.retries import Backoff, pause, retry_until_stopped
from streams.telemetry.metrics import Metrics
from streams.telemetry.waits import Wait, Waits

log = logging.getLogger(__name__)

START_SECONDS: Final = 25.0
"""How long an app may take to start; twice as long after each time in a row that this was not enough."""
MAX_START_SECONDS: Final = 120.0
MAX_STUCK: Final = 3
"""How often in a row a stage may be stuck, or fail to start in time, before its process ends to be started again."""
LAST_COMMIT_SECONDS: Final = 5.0
STOP_SECONDS: Final = 8.0
UNREACHABLE_SECONDS: Final = 1.0
"""The limit for every step of a shutdown that follows one in which Kafka did not answer."""
FIRST_PAUSE_SECONDS: Final = 1.0
MAX_PAUSE_SECONDS: Final = 10.0
ASK_SECONDS: Final = 0.5
"""How often a stage that has failed asks whether Kafka answers, before it restarts."""
STABLE_SECONDS: Final = 60.0
"""A stage that ran this long before it failed restarts after the first pause."""


class Stage:
    """Runs a stage until it is stopped, and restarts it when it fails.

    Attributes:
        spec: what it runs.
        clock: the time.
        waits: reports what it waits for.
        healthy: whether its app has started and not failed.
    """

    def __init__(
        self,
        spec: StageSpec,
        kafka: Mapping[str, Any],
        metrics: Metrics,
        data: Path,
        instance: str | None,
        clock: Clock,
    ) -> None:
        """Prepare the stage.

        Args:
            spec: what it runs.
            kafka: aiokafka's settings for reaching the brokers.
            metrics: the worker's.
            data: the worker's folder.
            instance: this worker's name in the group, for static membership; None for dynamic membership.
            clock: the time.

        Raises:
            RuntimeError: Faust's compiled modules are missing.
        """
        check_faust_is_compiled()
        self.spec = spec
        self.clock = clock
        self.waits = Waits(spec.name, metrics.waiting_seconds, clock)
        self.healthy = False
        self._kafka = kafka
        self._metrics = metrics
        self._data = data
        self._instance = instance
        self._failed: asyncio.Future[BaseException] | None = None
        self._has_failed = False
        self._stuck_count = 0
        self._start_seconds = START_SECONDS
        self._open: OpenLanes | None = None  # of the app that runs, or of the last one

    @property
    def ready(self) -> bool:
        """Whether it has its partitions and has recovered them, or waits for something that it is ready without."""
        return self.healthy and not any(
            not each.is_recovered and not each.lane.is_waiting_elsewhere for each in self._runners()
        )

    @property
    def assigned(self) -> set[TP]:
        """The partitions that it has now."""
        return set(self.lanes())

    @property
    def producer(self) -> StageProducer:
        """The stage's idempotent producer, once the app has started."""
        assert self._open is not None
        return self._open.context.producer

    def lanes(self) -> Mapping[TP, Lane]:
        """Return the open lanes."""
        return {} if self._open is None else {tp: runner.lane for tp, runner in self._open.runners.items()}

    def queued(self) -> Mapping[TP, int]:
        """Return how many records wait in each lane."""
        return {} if self._open is None else {tp: runner.queued for tp, runner in self._open.runners.items()}

    def lags(self) -> Mapping[TP, int]:
        """Return how many records of each partition are not done, as of the last fetch."""
        return {} if self._open is None else self._open.lags()

    def recovering(self) -> int:
        """Return how many lanes are recovering."""
        return sum(not each.is_recovered for each in self._runners())

    def _runners(self) -> Iterable[LaneRunner]:
        return () if self._open is None else self._open.runners.values()

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set; log each failure in one line and restart after a pause.

        Raises:
            FatalError: a lane failed in a way that a restart would not fix.
        """
        name = self.spec.name

        async def attempt() -> None:
            if not self._has_failed or await self._wait_for_kafka(stop):
                await self._run_once(stop)

        async def report(error: Exception, pause_s: float) -> None:
            self._has_failed = True
            self._stuck_count = self._stuck_count + 1 if isinstance(error, StageStuckError) else 0
            self._metrics.count_restart(name)
            if isinstance(error, KafkaError):
                self._metrics.delivery_failures.labels(name).inc()
            log.error("stage %s failed: %s; restarts in %.0f s", name, describe_error(error), pause_s)
            log.debug("stage %s failed", name, exc_info=error)
            if self._stuck_count >= MAX_STUCK:
                end_process(f"stage {name} was stuck {MAX_STUCK} times in a row")

        await retry_until_stopped(
            attempt,
            on=Exception,
            stop=stop,
            clock=self.clock,
            backoff=Backoff(FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS),
            on_error=report,
            reset_after_s=STABLE_SECONDS,
        )

    def fail(self, error: BaseException) -> None:
        """Stop the stage with this error; `run` restarts it."""
        if self._failed is not None and not self._failed.done():
            self._failed.set_result(error)

    async def _wait_for_kafka(self, stop: asyncio.Event) -> bool:
        """Return once Kafka answers, so that the stage restarts at once and not after a pause; False if stopped."""
        with self.waits.on(Wait.KAFKA, f"Kafka at {','.join(self._kafka['bootstrap_servers'])}"):
            while not stop.is_set():
                if await find_outage(self._kafka) is None:
                    return True
                await pause(ASK_SECONDS, stop, self.clock)
        return False

    async def _run_once(self, stop: asyncio.Event) -> None:
        self._failed = asyncio.get_running_loop().create_future()
        app = make_app(self.spec, self._kafka, self._data, self._instance)
        lanes = OpenLanes(self.spec, app, self._kafka, self._metrics, self.clock, self.fail, self.waits)
        self._open = lanes
        app.transport = LaneTransport(app, lanes, self._kafka, self.clock, self.spec.fetch_pace)
        add_agent(app, self.spec, lanes.hand_over)
        watching = asyncio.ensure_future(self._start_and_watch(app, lanes))
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
            is_reachable = not stop.is_set() or await self._finish_and_commit(lanes)
            await lanes.close(set(lanes.runners), drop=True)
            seconds = STOP_SECONDS if is_reachable else UNREACHABLE_SECONDS
            await finishes_within(app.stop(), seconds, f"stage {self.spec.name} to stop")
            await close_abandoned(app)
            self.waits.clear()

    async def _start_and_watch(self, app: faust.App, lanes: OpenLanes) -> BaseException:
        """Start the app within a deadline; return why it crashed, or that it makes no progress."""
        await self._start(app)
        self.healthy = True
        self._metrics.stage_up.labels(self.spec.name).set(1)
        ends = [asyncio.ensure_future(self._find_stuck(lanes)), asyncio.ensure_future(_crash_of(app))]
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            return done.pop().result()
        finally:
            for each in ends:
                each.cancel()

    async def _start(self, app: faust.App) -> None:
        """Start the app.

        Raises:
            StageStuckError: it takes too long. Without this deadline, a start that lost its broker may wait for ever.
        """
        starting = asyncio.ensure_future(app.start())
        with self.waits.on(Wait.START, f"Kafka and the group {self.spec.group} to start"):
            try:
                done, _ = await asyncio.wait({starting}, timeout=self._start_seconds)
            finally:
                starting.cancel()  # this does not wait: the app may refuse to be cancelled
        if not done:
            seconds, self._start_seconds = self._start_seconds, min(2 * self._start_seconds, MAX_START_SECONDS)
            raise StageStuckError(f"it has not started within {seconds:.0f} s")
        self._start_seconds = START_SECONDS
        starting.result()

    async def _find_stuck(self, lanes: OpenLanes) -> StageStuckError:
        """Return once something makes no progress for 60 s although there are records and a broker."""
        watch = ProgressWatch()
        while True:
            await self.clock.sleep(LOOK_SECONDS)
            stuck = watch.look(lanes.progress_marks())
            if stuck and await find_outage(self._kafka) is not None:
                watch = ProgressWatch()  # once Kafka is back, everybody gets a minute
            elif stuck:
                return StageStuckError(f"no progress for {STUCK_SECONDS:.0f} s: {', '.join(stuck)}")

    async def _finish_and_commit(self, lanes: OpenLanes) -> bool:
        """Let every lane end and commit what is durable; return whether Kafka answered in time."""
        if not lanes.runners:
            return True
        done = all(await asyncio.gather(*(runner.finish() for runner in lanes.runners.values())))
        seconds = LAST_COMMIT_SECONDS if done else UNREACHABLE_SECONDS
        return await lanes.commit(seconds, "the last commit") and done


async def _crash_of(app: faust.App) -> BaseException:
    await app._crashed.wait()  # noqa: SLF001 - mode has no public way to wait for a crash
    return app.crash_reason or RuntimeError("the app crashed without a reason")
