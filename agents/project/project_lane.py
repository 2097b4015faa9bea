"""The lanes of `project`: each projects a partition of customers or of days to Redis, and waits while Redis is down."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, cast

from aiokafka import ConsumerRecord
from faust.types import TP
from redis.asyncio import Redis
from redis.exceptions import RedisError

from agents.control.control_follower import ControlFollower
from agents.project.customers_projection import CustomersProjection
from agents.project.daily_projection import DailyProjection
from agents.project.redis_connection import describe_redis_error
from agents.project.redis_projector import RedisEmptied, RedisProjector
from state.config.policy import Policy
from state.records.events import UnknownFormatVersion
from streams.clock import Clock
from streams.engine.lane import StageContext, StatelessLane
from streams.errors import FatalError
from streams.kafka.topics import Topics
from streams.retries import Backoff, retry_until_stopped
from streams.telemetry.log_throttle import LogThrottle
from streams.telemetry.metrics import Metrics
from streams.telemetry.waits import Wait

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS: Final = 0.1
MAX_PAUSE_SECONDS: Final = 5.0
WATCH_SECONDS: Final = 5.0
POLICY_WITHIN_SECONDS: Final = 10.0


class ProjectLane(StatelessLane):
    """Projects one partition."""

    def __init__(self, tp: TP, stage: "ProjectStage", context: StageContext, projection: RedisProjector) -> None:
        self.cursor = -1
        self._tp = tp
        self._stage = stage
        self._context = context
        self.waiter = context.waits.waiter()
        self._stopping = asyncio.Event()
        self._writing = asyncio.Lock()
        self._watch: asyncio.Task[None] | None = None
        self._projection = projection

    async def recover(self) -> None:
        """Write what Redis lacks below the committed offset of the group."""
        with self.waiter.on(Wait.POLICY, "the first policy"):
            await self._stage.follower.wait(lambda: self._stage.follower.rules.policy is not None)
        start = await self._context.committed_start(self._tp)
        if await self._persist(lambda: self._projection.catch_up(start)):
            self.cursor = start
            self._watch = asyncio.create_task(self._watch_redis())

    async def _watch_redis(self) -> None:
        """Fill a Redis that was emptied while there was nothing to write; every five seconds."""
        while True:
            await self._stage.clock.sleep(WATCH_SECONDS)
            async with self._writing:
                await self._persist(lambda: self._projection.catch_up(self.cursor))

    async def process(self, records: Sequence[ConsumerRecord]) -> None:
        """Write the records and move the cursor; an emptied Redis is filled from the beginning first."""
        projection = self._projection
        written_before = projection.written_count

        async def write() -> None:
            if projection.position < records[0].offset:  # Redis was emptied, as this or a failed attempt has found
                await projection.catch_up(records[0].offset)
            await projection.write(records)

        async with self._writing:
            if not await self._persist(write):
                return
            self.cursor = records[-1].offset + 1
            if isinstance(projection, CustomersProjection):
                self._stage.metrics.projected.inc(projection.written_count - written_before)

    async def _persist(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Retry until Redis has accepted everything; return False if the lane was stopped before.

        Raises:
            FatalError: a record has a format version that this program does not know.
        """
        stage, down_since_s = self._stage, cast("float | None", None)

        async def write() -> bool:
            while not self._stopping.is_set():
                try:
                    await work()
                except RedisEmptied:
                    log.warning("Redis was emptied: %s:%d is written again", self._tp.topic, self._tp.partition)
                else:
                    return True
            return False

        async def on_error(error: Exception, pause_s: float) -> None:
            nonlocal down_since_s
            del pause_s
            self.waiter.steps += 1  # the lane waits for Redis, which a restart would not bring back
            if down_since_s is None:
                down_since_s = stage.clock.monotonic()
            stage.log_down(error)
            stage.metrics.redis_up.set(0)

        try:
            is_written = await retry_until_stopped(
                write,
                on=(RedisError, OSError),
                stop=self._stopping,
                clock=stage.clock,
                backoff=Backoff(FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS),
                on_error=on_error,
            )
        except UnknownFormatVersion as error:
            raise FatalError(f"{self._tp.topic}:{self._tp.partition}: {error}") from error
        if not is_written:
            return False
        stage.metrics.redis_up.set(1)
        if down_since_s is not None:
            stage.log_up(down_since_s)
        return True

    def stop(self) -> None:
        """End the wait for a Redis that is down."""
        self._stopping.set()

    async def close(self) -> None:
        """End the watch and remove the gauges of the partition."""
        if self._watch is not None:
            self._watch.cancel()
        self._stage.metrics.forget_partition("project", self._tp.topic, self._tp.partition)


class ProjectStage:
    """The stage over the changelog of customers and the daily totals."""

    name = "project"

    def __init__(
        self,
        topics: Topics,
        kafka: dict[str, Any],
        metrics: Metrics,
        follower: ControlFollower,
        redis: Redis,
        clock: Clock,
    ) -> None:
        self.group = f"{topics.prefix}.project"
        self.topics = (topics.customers, topics.daily)
        self._prefix = topics.prefix
        self._daily = topics.daily
        self.metrics = metrics
        self.follower = follower
        self._kafka = kafka
        self._redis = redis
        self.clock = clock
        self._throttle = LogThrottle(clock)

    def log_down(self, error: Exception) -> None:
        """Log why Redis cannot be written to, once a minute for all partitions."""
        if self._throttle.should_log():
            log.warning("Redis is down (%s): lookups are out of date until it is back", describe_redis_error(error))

    def log_up(self, down_since_s: float) -> None:
        """Log that Redis is written to again."""
        self._throttle.reset()
        log.info("Redis is back after %.0f s: nothing was lost", self.clock.monotonic() - down_since_s)

    def lane(self, tp: TP, context: StageContext) -> ProjectLane:
        """Return a new lane of a partition."""
        place = self._redis, self._kafka, self._prefix, tp.topic, tp.partition
        is_daily = tp.topic == self._daily
        projection = DailyProjection(*place) if is_daily else CustomersProjection(*place, self._find_policy)
        return ProjectLane(tp, self, context, projection)

    async def _find_policy(self, ref: str) -> Policy:
        """Return the policy that a customer was evaluated with.

        It is in `control` before any customer is evaluated with it. Should it be missing there, return the active one:
        it has the same currency and window, and the customer's next record corrects the forecast.
        """
        follower, rules = self.follower, self.follower.rules
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(follower.wait(lambda: ref in rules.policies), POLICY_WITHIN_SECONDS)
        policy = rules.policies.get(ref, rules.policy)
        assert policy is not None
        return policy
