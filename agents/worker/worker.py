"""The worker: the stages in the order of the data flow, in one process and one event loop.

sources ─► admit ─► journal ─► segment ═ customers ─► segment-changes, offers, reactivations, suppressions
             ▲                     │
control ─► time and rules      changelog ─► project ─► Redis
"""

import asyncio
import gc
import logging
import os
import signal
from collections.abc import Awaitable, Callable
from math import inf
from typing import Any, Final, TypeVar

import uvloop
from aiokafka.errors import KafkaConnectionError, KafkaError

from agents.admit.admit_lane import AdmitStage
from agents.admit.timekeeper import Timekeeper
from agents.control.control_follower import ControlFollower
from agents.replay.replay_gate import wait_for_replay_end
from agents.segment.backlog_reporter import BacklogReporter
from agents.segment.segment_lane import SegmentStage
from agents.segment.standby import Standby
from agents.worker.gauges import Gauges
from agents.worker.http_server import serve_http
from agents.worker.shutdown import log_shutdown
from streams.clock import SYSTEM_CLOCK, Clock
from streams.engine.group_instance_id import claim_instance_id
from streams.engine.stage import Stage
from streams.errors import FatalError, describe_error
from streams.kafka.broker import KafkaBroker
from streams.kafka.connection_diagnosis import diagnose_connection
from streams.kafka.topics import Topics, ready_topics
from streams.retries import Backoff, OnError, retry_until_stopped
from streams.settings.rules_files import configured_campaigns, configured_policy
from streams.settings.settings import Settings
from streams.tables.warm_tables import WarmTables
from streams.telemetry.log_throttle import LogThrottle
from streams.telemetry.metrics import Metrics, worker_registry
from streams.telemetry.waits import LOOK_SECONDS, WORKER, Wait, Waiting, Waits

log = logging.getLogger(__name__)

Result = TypeVar("Result")

RETRY_SECONDS: Final = 2.0
LEAVE_SECONDS: Final = 1.0


class Worker:
    """A worker with one or all stages.

    Attributes:
        port: of the HTTP server, once `run` has started it.
        stop: set it to end `run`.
    """

    def __init__(self, settings: Settings, clock: Clock, only: str | None = None) -> None:
        """Take valid settings; `only` is `admit`, `segment`, `project` or None for all."""
        self.settings = settings
        self.port = 0
        self.stop = asyncio.Event()
        self.stages: list[Stage] = []
        self._clock = clock
        self.metrics = Metrics(worker_registry())
        self._only = only
        self._waits = Waits(WORKER, self.metrics.waiting_seconds, clock)
        self._waiting_for: str | None = "Kafka"
        self._topics = Topics(settings.prefix, settings.sources)
        self._policy = configured_policy(settings)
        self._campaigns = configured_campaigns(settings, self._policy)

    async def run(self) -> None:
        """Work until `stop` is set.

        Raises:
            TopicsError: a topic cannot be created, or has another number of partitions or cleanup policy.
            FatalError: the HTTP address is taken, or Kafka refuses this worker.
        """
        settings = self.settings
        gc.set_threshold(100_000, 50, 100)  # with CPython's defaults, collections take up to 40 % of a lane's time
        http, self.port = await serve_http(settings.http_address, self.metrics.registry, self._health, self._readiness)
        log.info(
            "goldstream worker: stages %s, Kafka %s, Redis %s, prefix %s, time %s, policy %s, campaigns %s, http %s:%d",
            self._only or "all", settings.kafka, settings.redis_masked, settings.prefix, settings.time,
            self._policy.ref, self._campaigns.ref, settings.http_address[0], self.port,
        )  # fmt: skip
        looking = asyncio.create_task(self._look_at_waits())
        try:
            with self._waits.on(Wait.KAFKA, f"Kafka at {settings.kafka}") as waiting:
                partitions = await self._wait_for_topics(waiting)
            source = None
            if partitions is not None:
                self._waiting_for = "the end of a replay"
                with self._waits.on(Wait.REPLAY, "the end of a replay"):
                    source = await wait_for_replay_end(settings, self.stop)
            if partitions is not None and source is not None:
                await self._work(partitions, source)
        finally:
            looking.cancel()
            await http.cleanup()
        log.info("goldstream worker: stopped")

    async def _look_at_waits(self) -> None:
        """Report once a second what the worker and its stages wait for."""
        while True:
            for waits in self._all_waits():
                waits.look()
            await self._clock.sleep(LOOK_SECONDS)

    def _all_waits(self) -> list[Waits]:
        return [self._waits, *(stage.waits for stage in self.stages)]

    async def _wait_for_topics(self, waiting: Waiting) -> int | None:
        """Return the number of journal partitions once Kafka answers; None if the worker is stopped before.

        A reason why it does not is logged at once, and becomes the detail of `waiting`, which is logged every minute.

        Raises:
            FatalError: Kafka refuses the connection for a reason that trying again does not fix.
        """
        throttle = LogThrottle(self._clock, inf)

        async def on_error(error: Exception, pause_s: float) -> None:
            del pause_s
            diagnosis = await diagnose_connection(self.settings)
            if diagnosis is not None and diagnosis.is_permanent:
                raise FatalError(diagnosis.message) from error
            reason = diagnosis.message if diagnosis else _describe_unreachable(error)
            waiting.detail = f"Kafka at {self.settings.kafka} ({reason})"
            if throttle.should_log(reason):
                log.warning("waiting for Kafka at %s: %s", self.settings.kafka, reason)

        return await self._retry(lambda: ready_topics(self.settings), (KafkaError, OSError), on_error)

    async def _work(self, partitions: int, source: str) -> None:
        """Build the stages and run them until the worker is stopped; `source` is the prefix in `ce_source`."""
        settings, topics, metrics = self.settings, self._topics, self.metrics
        kafka, broker = settings.kafka_client(), KafkaBroker(settings)
        follower = ControlFollower(settings)
        with claim_instance_id(settings.data) as instance:
            jobs: list[Any] = [self._keep_running("rules", follower.run)]
            if self._runs("admit"):
                for topic in topics.sources:
                    metrics.add_source(topic)
                admit = AdmitStage(settings, broker, metrics, follower, partitions, self._clock)
                stage = self._add(Stage(admit, kafka, metrics, settings.data, instance, self._clock))
                jobs.append(self._keep_running("time", Timekeeper(admit, stage).run))
            if self._runs("segment"):
                tables = WarmTables(self._clock, standby=settings.standby == "all")
                segment = SegmentStage(topics, broker, metrics, source, tables, self._clock)
                stage = self._add(Stage(segment, kafka, metrics, settings.data, instance, self._clock))
                if settings.time == "wall":
                    jobs.append(self._keep_running("backlog", BacklogReporter(topics, stage, self._clock).run))
                if settings.standby == "all":
                    standby = Standby(stage, topics.customers, partitions, kafka, tables, metrics, self._clock)
                    jobs.append(self._keep_running("standby", standby.run))
            if self._runs("project") and settings.redis:
                from agents.project.project_lane import ProjectStage
                from agents.project.redis_connection import connect_redis

                project = ProjectStage(topics, kafka, metrics, follower, connect_redis(settings), self._clock)
                self._add(Stage(project, kafka, metrics, settings.data, instance, self._clock))
            self._waiting_for = None
            jobs.append(
                self._keep_running("gauges", Gauges(metrics, self.stages, settings.time == "wall", self._clock).run)
            )
            jobs.append(self._watch_rules(follower))
            jobs.append(log_shutdown(self.stop, self.stages, self._clock))
            running = [asyncio.create_task(stage.run(self.stop)) for stage in self.stages]
            tasks = [*running, *map(asyncio.create_task, jobs)]
            try:
                await asyncio.gather(*running)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    def _runs(self, name: str) -> bool:
        return self._only in (None, name)

    def _add(self, stage: Stage) -> Stage:
        self.metrics.add_stage(stage.spec.name)
        self.stages.append(stage)
        return stage

    async def _keep_running(self, what: str, run: Any) -> None:
        """Run a service until the worker is stopped; restart it when it fails."""
        throttle = LogThrottle(self._clock)

        async def on_error(error: Exception, pause_s: float) -> None:
            if throttle.should_log():
                log.warning("%s failed: %s; trying again every %.0f s", what, describe_error(error), pause_s)

        await self._retry(run, Exception, on_error)  # a broker that is away must not end the worker

    async def _retry(
        self,
        attempt: Callable[[], Awaitable[Result]],
        on: type[Exception] | tuple[type[Exception], ...],
        on_error: OnError,
    ) -> Result | None:
        backoff = Backoff(RETRY_SECONDS, RETRY_SECONDS)
        return await retry_until_stopped(
            attempt, on=on, stop=self.stop, clock=self._clock, backoff=backoff, on_error=on_error
        )

    async def _watch_rules(self, follower: ControlFollower) -> None:
        """Log each change of the active rules, and expose them in `goldstream_build_info`."""
        with self._waits.on(Wait.READING, f"records of {self._topics.control}"):
            await follower.caught_up.wait()
        with self._waits.on(Wait.POLICY, "the first policy and campaigns"):
            await follower.wait(lambda: follower.rules.policy is not None and follower.rules.campaigns is not None)
        self._log_overridden_files(follower)
        active = _active_refs(follower)
        while True:
            self.metrics.set_build(version(), active["policy"], active["campaigns"])
            await follower.wait(lambda active=active: _active_refs(follower) != active)  # type: ignore[misc]
            before, active = active, _active_refs(follower)
            for kind, ref in active.items():
                if ref != before[kind]:
                    log.info("%s %s is active, in place of %s", kind, ref, before[kind])

    def _log_overridden_files(self, follower: ControlFollower) -> None:
        """Warn where the rules in `control`, which apply, are not those of the settings."""
        policy, campaigns = follower.rules.policy, follower.rules.campaigns
        if policy is not None and policy.text != self._policy.text:
            log.warning("active is policy %s of the topic control, not the configured %s", policy.ref, self._policy.ref)
        if campaigns is not None and campaigns.text != self._campaigns.text:
            log.warning("active are campaigns %s of the topic control, not %s", campaigns.ref, self._campaigns.ref)

    def _health(self) -> str | None:
        """Return what prevents the worker from working, or None."""
        down = [stage.spec.name for stage in self.stages if not stage.healthy]
        if self._waiting_for:
            return f"waiting for {self._waiting_for}"
        return f"stages down: {', '.join(down)}" if down else None

    def _readiness(self) -> str | None:
        """Return what the worker waits for: until it has recovered its partitions, or for too long; or None."""
        recovering = [stage.spec.name for stage in self.stages if not stage.ready]
        state = self._health() or (f"stages recovering: {', '.join(recovering)}" if recovering else None)
        problems = [state, *(waits.problem() for waits in self._all_waits())]
        return "; ".join(problem for problem in problems if problem) or None


def _active_refs(follower: ControlFollower) -> dict[str, str]:
    """Return `name@version` of the active policy and campaigns, empty where there are none."""
    rules = {"policy": follower.rules.policy, "campaigns": follower.rules.campaigns}
    return {kind: file.ref if file else "" for kind, file in rules.items()}


def _describe_unreachable(error: Exception) -> str:
    if isinstance(error, KafkaConnectionError):
        return "connection refused; start Kafka, or correct GOLDSTREAM_KAFKA"
    return describe_error(error)


def version() -> str:
    """Return the installed version of goldstream."""
    from importlib.metadata import version as installed

    return installed("goldstream")


def run_worker(settings: Settings, only: str | None = None) -> int:
    """Run a worker, or one of its stages, until SIGTERM or SIGINT, and return the exit status."""
    if not settings.uses_tls:  # with TLS, a worker on uvloop stalls as it starts: deploy/decisions/0052
        # as the policy and not by `uvloop.run`, since Faust's consumer thread has a loop of its own
        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    return asyncio.run(_run_worker(settings, only))


async def _run_worker(settings: Settings, only: str | None) -> int:
    worker = Worker(settings, SYSTEM_CLOCK, only)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.stop.set)
    status = 0
    try:
        await worker.run()
    except FatalError as error:
        log.error("%s", error)  # noqa: TRY400 - one line; a traceback would not help an operator
        status = 1
    await _leave(status)
    return status


async def _leave(status: int) -> None:
    """Exit by force if tasks would keep the process: what had to be written is written by now, or never will be.

    With Kafka away, Faust's supervisors restart their agents when these are cancelled, and `asyncio.run` would wait for
    them forever.
    """
    current = asyncio.current_task()
    for task in asyncio.all_tasks() - {current}:
        task.cancel()
    remaining = asyncio.all_tasks() - {current}
    if remaining:
        await asyncio.wait(remaining, timeout=LEAVE_SECONDS)
    if asyncio.all_tasks() - {current}:
        logging.shutdown()
        os._exit(status)
