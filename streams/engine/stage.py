"""A stage: one Faust app, hence one consumer group, with a lane for each assigned partition.

Each lane works on its own: it recovers, processes batches, and moves its cursor once everything that they produced is
acknowledged; Faust commits the cursors. An error in a lane stops the whole stage: the state in memory is dropped,
nothing more is committed, and the stage restarts from what was written. The other stages of the process go on.
"""

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import faust
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from faust.types import TP

from streams.clock import Clock
from streams.engine.faust_app import StageSpec, add_agent, check_faust_is_compiled, make_app
from streams.engine.faust_driver import LaneTransport
from streams.engine.lane import Lane
from streams.engine.open_lanes import OpenLanes, finishes_within
from streams.errors import describe_error
from streams.retries import Backoff, retry_until_stopped
from streams.telemetry.metrics import Metrics

log = logging.getLogger(__name__)

LAST_COMMIT_SECONDS: Final = 5.0
STOP_SECONDS: Final = 8.0
UNREACHABLE_SECONDS: Final = 1.0
"""The limit for every step of a shutdown that follows one in which Kafka did not answer."""
FIRST_PAUSE_SECONDS: Final = 1.0
MAX_PAUSE_SECONDS: Final = 10.0
STABLE_SECONDS: Final = 60.0
"""A stage that ran this long before it failed restarts after the first pause."""


class Stage:
    """Runs a stage until it is stopped, and restarts it when it fails.

    Attributes:
        spec: what it runs.
        clock: the time.
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
        self.healthy = False
        self._kafka = kafka
        self._metrics = metrics
        self._data = data
        self._instance = instance
        self._failed: asyncio.Future[BaseException] | None = None
        self._open: OpenLanes | None = None  # of the app that runs, or of the last one

    @property
    def ready(self) -> bool:
        """Whether it has its partitions and has recovered them."""
        return self.healthy and not self.recovering()

    @property
    def assigned(self) -> set[TP]:
        """The partitions that it has now."""
        return set(self.lanes())

    @property
    def producer(self) -> AIOKafkaProducer:
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
        return 0 if self._open is None else sum(not each.is_recovered for each in self._open.runners.values())

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set; log each failure in one line and restart after a pause.

        Raises:
            FatalError: a lane failed in a way that a restart would not fix.
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

    def fail(self, error: BaseException) -> None:
        """Stop the stage with this error; `run` restarts it."""
        if self._failed is not None and not self._failed.done():
            self._failed.set_result(error)

    async def _run_once(self, stop: asyncio.Event) -> None:
        self._failed = asyncio.get_running_loop().create_future()
        app = make_app(self.spec, self._kafka, self._data, self._instance)
        lanes = self._open = OpenLanes(self.spec, app, self._kafka, self._metrics, self.clock, self.fail)
        app.transport = LaneTransport(app, lanes, self._kafka)
        add_agent(app, self.spec, lanes.hand_over)
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
            is_reachable = not stop.is_set() or await self._finish_and_commit(lanes)
            await lanes.close(set(lanes.runners), drop=True)
            seconds = STOP_SECONDS if is_reachable else UNREACHABLE_SECONDS
            await finishes_within(app.stop(), seconds, f"stage {self.spec.name} to stop")

    async def _start_and_watch(self, app: faust.App) -> BaseException:
        await app.start()
        self.healthy = True
        self._metrics.stage_up.labels(self.spec.name).set(1)
        await app._crashed.wait()  # noqa: SLF001 - mode has no public way to wait for a crash
        return app.crash_reason or RuntimeError("the app crashed without a reason")

    async def _finish_and_commit(self, lanes: OpenLanes) -> bool:
        """Let every lane end and commit what is durable; return whether Kafka answered in time."""
        if not lanes.runners:
            return True
        done = all(await asyncio.gather(*(runner.finish() for runner in lanes.runners.values())))
        seconds = LAST_COMMIT_SECONDS if done else UNREACHABLE_SECONDS
        return await lanes.commit(seconds, "the last commit") and done
