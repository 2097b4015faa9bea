"""One stage of a worker with all that belongs to it: services, gauges, health, and log lines of its shutdown.

A stage runs in a process of its own, whether a supervisor has started it (`goldstream worker`) or a user
(`goldstream worker --only STAGE`).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from agents.admit.admit_lane import AdmitStage
from agents.admit.timekeeper import Timekeeper
from agents.control.control_follower import ControlFollower
from agents.segment.backlog_reporter import BacklogReporter
from agents.segment.segment_lane import SegmentStage
from agents.segment.standby import Standby
from agents.worker.preparation import Cluster, look_at_waits
from agents.worker.rules_watch import ConfiguredRules, watch_rules
from agents.worker.stage.gauges import Gauges
from agents.worker.stage.shutdown import log_shutdown
from streams.clock import Clock
from streams.engine.faust_app import StageSpec
from streams.engine.stage import Stage
from streams.errors import describe_error
from streams.kafka.broker import KafkaBroker
from streams.kafka.topics import Topics
from streams.retries import Backoff, retry_until_stopped
from streams.settings.settings import Settings
from streams.tables.warm_tables import WarmTables
from streams.telemetry.log_throttle import LogThrottle
from streams.telemetry.metrics import Metrics
from streams.telemetry.waits import WORKER, Waits

log = logging.getLogger(__name__)

RETRY_SECONDS: Final = 2.0


class StageWorker:
    """Runs one stage.

    Attributes:
        name: of the stage.
        waits: of the worker; those of the stage are its own.
    """

    def __init__(
        self, name: str, settings: Settings, metrics: Metrics, clock: Clock, watched_rules: ConfiguredRules | None
    ) -> None:
        """Take valid settings.

        Args:
            name: `admit`, `segment` or `project`.
            settings: the worker's.
            metrics: of this process.
            clock: the time.
            watched_rules: if this is the process of the worker that logs and exposes the active rules, those of the
                settings.
        """
        self.name = name
        self.waits = Waits(WORKER, metrics.waiting_seconds, clock)
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._watched_rules = watched_rules
        self._stage: Stage | None = None
        self._jobs: list[Coroutine[Any, Any, None]] = []

    async def run(self, cluster: Cluster, instance: str, stop: asyncio.Event) -> None:
        """Work until `stop` is set; `project` without Redis has nothing to do and returns.

        Args:
            cluster: what is prepared.
            instance: the worker's name in its groups.
            stop: ends it.

        Raises:
            FatalError: a fault that a restart does not fix.
        """
        if self.name == "project" and not self._settings.redis:
            return
        follower = self._follower(stop)
        self._stage = stage = self._build(cluster, instance, follower, stop)
        gauges = Gauges(self._metrics, [stage], self._settings.time == "wall", self._clock)
        self._jobs.append(self._keep_running("gauges", gauges.run, stop))
        self._jobs.append(look_at_waits([self.waits, stage.waits], self._clock))
        self._jobs.append(log_shutdown(stop, [stage], self._clock))
        jobs = [asyncio.create_task(job) for job in self._jobs]
        try:
            await stage.run(stop)
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)

    def _follower(self, stop: asyncio.Event) -> ControlFollower:
        """Return a follower of `control`, which runs only where something needs it: `segment` has the journal."""
        rules, is_admit = self._watched_rules, self.name == "admit"
        follower = ControlFollower(self._settings, reads_watermarks=is_admit, is_quiet=rules is None)
        if self.name != "segment" or rules is not None:
            self._jobs.append(self._keep_running("rules", follower.run, stop))
        if rules is not None:
            self._jobs.append(watch_rules(follower, rules, self._metrics, self.waits))
        return follower

    def _build(self, cluster: Cluster, instance: str, follower: ControlFollower, stop: asyncio.Event) -> Stage:
        settings, metrics, clock = self._settings, self._metrics, self._clock
        kafka, broker = settings.kafka_client(), KafkaBroker(settings)
        topics = Topics(settings.prefix, settings.sources)

        def stage_of(spec: StageSpec) -> Stage:
            metrics.add_stage(spec.name)
            return Stage(spec, kafka, metrics, settings.data, instance, clock)

        if self.name == "admit":
            for topic in topics.sources:
                metrics.add_source(topic)
            admit = AdmitStage(settings, broker, metrics, follower, cluster.partitions, clock)
            stage = stage_of(admit)
            self._jobs.append(self._keep_running("time", Timekeeper(admit, stage).run, stop))
            return stage
        if self.name == "segment":
            tables = WarmTables(clock, standby=settings.standby == "all")
            stage = stage_of(SegmentStage(topics, broker, metrics, cluster.source, tables, clock))
            if settings.time == "wall":
                self._jobs.append(self._keep_running("backlog", BacklogReporter(topics, stage, clock).run, stop))
            if settings.standby == "all":
                standby = Standby(stage, topics.customers, cluster.partitions, kafka, tables, metrics, clock)
                self._jobs.append(self._keep_running("standby", standby.run, stop))
            return stage
        from agents.project.project_lane import ProjectStage
        from agents.project.redis_connection import connect_redis

        return stage_of(ProjectStage(topics, kafka, metrics, follower, connect_redis(settings), clock))

    async def _keep_running(self, what: str, run: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
        """Run a service until the worker is stopped; restart it when it fails."""
        throttle = LogThrottle(self._clock)

        async def on_error(error: Exception, pause_s: float) -> None:
            if throttle.should_log():
                log.warning("%s failed: %s; trying again every %.0f s", what, describe_error(error), pause_s)

        await retry_until_stopped(
            run,
            on=Exception,  # a broker that is away must not end the worker
            stop=stop,
            clock=self._clock,
            backoff=Backoff(RETRY_SECONDS, RETRY_SECONDS),
            on_error=on_error,
        )

    def health(self) -> str | None:
        """Return what prevents the stage from working, or None."""
        stage = self._stage
        return None if stage is not None and stage.healthy else f"stages down: {self.name}"

    def readiness(self) -> str | None:
        """Return what the stage waits for: until it has recovered its partitions, or for too long; or None."""
        stage = self._stage
        is_ready = stage is not None and stage.ready
        problems = [self.health() or (None if is_ready else f"stages recovering: {self.name}"), self.waits.problem()]
        if stage is not None:
            problems.append(stage.waits.problem())
        return "; ".join(problem for problem in problems if problem) or None
