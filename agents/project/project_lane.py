"""The lanes of `project`: each collects customers, days or changes for Redis, and waits while Redis is down."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any, Final

from aiokafka import ConsumerRecord
from faust.types import TP
from redis.asyncio import Redis

from agents.control.control_follower import ControlFollower
from agents.project.customers_projector import CustomersProjector
from agents.project.daily_projector import DailyProjector
from agents.project.flows_projector import FlowsProjector
from agents.project.projection_writer import TICK_SECONDS, ProjectedPartition, ProjectionWriter
from agents.project.redis_projector import RedisProjector
from state.config.policy import Policy
from streams.clock import Clock
from streams.engine.fetch_pace import FetchPace
from streams.engine.lane import StageContext, StatelessLane
from streams.kafka.topics import Topics
from streams.telemetry.metrics import Metrics
from streams.telemetry.waits import Wait

POLICY_WITHIN_SECONDS: Final = 10.0


class ProjectLane(StatelessLane):
    """Projects one partition: collects its records, and has all partitions written together at the next tick."""

    def __init__(self, tp: TP, stage: "ProjectStage", context: StageContext, projector: RedisProjector) -> None:
        self._tp = tp
        self._stage = stage
        self._context = context
        self._stopping = asyncio.Event()
        self.waiter = context.waits.waiter()
        self._partition = ProjectedPartition(projector, self.waiter)

    @property
    def cursor(self) -> int:  # type: ignore[override] # read-only
        """The offset below which Redis reflects the partition."""
        return self._partition.cursor

    @property
    def is_waiting_elsewhere(self) -> bool:
        """Whether Redis is down."""
        return self._stage.writer.is_waiting

    async def recover(self) -> None:
        """Write what Redis lacks below the committed offset of the group."""
        with self.waiter.on(Wait.POLICY, "the first policy"):
            await self._stage.follower.wait(lambda: self._stage.follower.rules.policy is not None)
        start = await self._context.committed_start(self._tp)
        await self._stage.writer.recover(self._partition, start, self._stopping)

    async def process(self, records: Sequence[ConsumerRecord]) -> None:
        """Collect the records, and write if the tick is due; the cursor moves when they are written."""
        self._partition.collected.add(records)
        if self.checkpoint_due_in() == 0:
            await self.checkpoint()

    def checkpoint_due_in(self) -> float | None:
        """Return the seconds until the next tick; None if there is nothing to write."""
        return self._stage.writer.due_in(self._partition)

    async def checkpoint(self) -> None:
        """Write what was collected; when the lane closes, only if Redis accepts it at once."""
        if self._stopping.is_set():
            await self._stage.writer.write_last(self._partition)
        else:
            await self._stage.writer.write(self._partition, self._stopping)

    def stop(self) -> None:
        """End the wait for a Redis that is down."""
        self._stopping.set()

    async def close(self) -> None:
        """Write nothing more, and remove the gauges of the partition."""
        await self._stage.writer.remove(self._partition)
        self._stage.metrics.forget_partition("project", self._tp.topic, self._tp.partition)


class ProjectStage:
    """The stage over the changelog of customers, the daily totals, and the segment changes."""

    name = "project"
    fetch_pace = FetchPace(TICK_SECONDS)

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
        self.topics = (topics.customers, topics.daily, topics.segment_changes)
        self._prefix = topics.prefix
        self._daily = topics.daily
        self._changes = topics.segment_changes
        self.metrics = metrics
        self.follower = follower
        self._kafka = kafka
        self._redis = redis
        self.writer = ProjectionWriter(redis, metrics, clock)

    def lane(self, tp: TP, context: StageContext) -> ProjectLane:
        """Return a new lane of a partition."""
        place = self._redis, self._kafka, self._prefix, tp.topic, tp.partition
        projector: RedisProjector
        if tp.topic == self._daily:
            projector = DailyProjector(*place)
        elif tp.topic == self._changes:
            projector = FlowsProjector(*place)
        else:
            projector = CustomersProjector(*place, self._find_policy)
        return ProjectLane(tp, self, context, projector)

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
