"""The lane of a changelog partition: `project` shows its customers in Redis.

All records of a customer lie in one changelog partition, so the offset up to which the partition is shown, kept in Redis
itself and checked in the same transaction as every write, is all it takes for a write never to replace a newer one. A
Redis that was emptied has no such offset: it is filled from the beginning.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any, Final

from aiokafka import ConsumerRecord
from faust.types import TP
from redis.asyncio import Redis
from redis.exceptions import RedisError, WatchError

from agents.rules import Follower
from state.policy import Policy
from state.profile import Profile, decode_profile
from streams.metrics import Metrics
from streams.reading import read_range
from streams.redis_rows import customer_row
from streams.stage import Running
from streams.topics import Topics

log = logging.getLogger(__name__)

CHUNK: Final = 500
"""Customers in one transaction: Redis serves nobody else while it lasts."""
LONGEST_PAUSE_SECONDS: Final = 5.0


class Emptied(Exception):
    """Redis no longer knows how far this partition was shown: it was flushed or replaced."""


class ProjectLane:
    """Shows the customers of one changelog partition."""

    def __init__(self, tp: TP, stage: "ProjectStage", running: Running) -> None:
        """Takes the partition and the stage that it belongs to."""
        self.cursor = -1
        self._tp = tp
        self._stage = stage
        self._running = running
        self._shown = 0
        self._stopping = asyncio.Event()
        self._position_key = f"{stage.prefix}:project:{tp.partition}"

    async def recover(self) -> None:
        """Makes up for what Redis has missed before the offset at which the group goes on."""
        await self._stage.follower.wait(lambda: self._stage.follower.policy is not None)
        start = await self._running.start_of(self._tp)
        await self._persist(self._catch_up, start)
        self.cursor = start

    async def process(self, records: Sequence[ConsumerRecord]) -> None:
        """Writes the records, however long Redis is away, and moves the cursor."""
        if await self._persist(self._show, records):
            self.cursor = records[-1].offset + 1

    async def _persist(self, work: Any, argument: Any) -> bool:
        """Tries until Redis has taken it all; False if the lane was stopped before."""
        pause, since = 0.1, None
        while not self._stopping.is_set():
            try:
                await work(argument)
            except Emptied:
                log.warning("Redis was emptied: %s:%d is shown anew", self._tp.topic, self._tp.partition)
                self._shown = 0
                work, argument = self._refill(work, argument)
            except (RedisError, OSError) as error:
                if since is None:
                    since = time.monotonic()
                    log.warning("Redis is away (%s): look-ups are out of date until it is back", error)
                self._stage.metrics.redis_up.set(0)
                try:
                    await asyncio.wait_for(self._stopping.wait(), pause)
                except TimeoutError:
                    pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            else:
                self._stage.metrics.redis_up.set(1)
                if since is not None:
                    log.info("Redis is back after %.0f s: nothing was lost", time.monotonic() - since)
                return True
        return False

    def _refill(self, work: Any, argument: Any) -> tuple[Any, Any]:
        """First everything before, then what was at hand."""

        async def from_the_beginning(rest: Any) -> None:
            await self._catch_up(rest if isinstance(rest, int) else rest[0].offset)
            if not isinstance(rest, int):
                await self._show(rest)

        return (work, argument) if isinstance(argument, int) else (from_the_beginning, argument)

    async def _catch_up(self, start: int) -> None:
        """Shows what lies between the offset that Redis has and `start`."""
        shown = await self._stage.redis.get(self._position_key)
        self._shown = 0 if shown is None else int(shown)
        if self._shown < start:
            begin = self._shown or None
            async for batch in read_range(self._stage.kafka, self._tp.topic, self._tp.partition, begin, start):
                await self._show(batch)

    async def _show(self, records: Sequence[ConsumerRecord]) -> None:
        last: dict[bytes, ConsumerRecord] = {}
        for record in records:
            if record.offset >= self._shown:
                last.pop(record.key, None)
                last[record.key] = record  # in the order of the last offsets, so that a chunk ends where it says
        newest = list(last.values())
        for begin in range(0, len(newest), CHUNK):
            chunk = newest[begin : begin + CHUNK]
            is_last = begin + CHUNK >= len(newest)
            await self._write(chunk, (records if is_last else chunk)[-1].offset + 1)
            await asyncio.sleep(0)

    async def _write(self, records: Sequence[ConsumerRecord], shown: int) -> None:
        """One transaction: the rows, the sorted sets and the new offset, or nothing if another worker was faster."""
        prefix, policy = self._stage.prefix, self._stage.policy
        rows = [(record.key.decode(), record.value and decode_profile(record.value)) for record in records]
        async with self._stage.redis.pipeline(transaction=True) as pipe:
            await pipe.watch(self._position_key)
            before = await pipe.get(self._position_key)
            if before is None and self._shown > 0:
                raise Emptied
            if before is not None and int(before) >= shown:
                self._shown = int(before)
                return
            segments = await self._segments([customer_id for customer_id, _ in rows])
            pipe.multi()
            for (customer_id, profile), was in zip(rows, segments, strict=True):
                _show_customer(pipe, prefix, customer_id, profile, was, policy)
            pipe.set(self._position_key, shown)
            try:
                await pipe.execute()
            except WatchError:
                return await self._write(records, shown)
        self._shown = shown
        self._stage.metrics.projected.inc(len(rows))
        return None

    async def _segments(self, customer_ids: Sequence[str]) -> list[str | None]:
        """In which segments Redis has the customers now."""
        async with self._stage.redis.pipeline(transaction=False) as pipe:
            for customer_id in customer_ids:
                pipe.hget(f"{self._stage.prefix}:customer:{customer_id}", "segment")
            return list(await pipe.execute())

    def stop(self) -> None:
        """Ends the wait for a Redis that is away."""
        self._stopping.set()

    def close(self) -> None:
        """Nothing is kept of a partition but its place, which Redis has."""
        self._stage.metrics.forget_partition("project", self._tp.topic, self._tp.partition)


class ProjectStage:
    """The stage over the changelog of the table."""

    name = "project"

    def __init__(
        self, topics: Topics, kafka: dict[str, Any], metrics: Metrics, follower: Follower, redis: "Redis[str]"
    ) -> None:
        """Takes the topics, Redis and what is known of the policy."""
        self.group = f"{topics.prefix}.project"
        self.topics = (topics.customers,)
        self.prefix = topics.prefix
        self.kafka = kafka
        self.metrics = metrics
        self.follower = follower
        self.redis = redis

    @property
    def policy(self) -> Policy:
        """The policy, for its currency, which never changes under a prefix."""
        policy = self.follower.policy
        assert policy is not None  # noqa: S101 - `recover` has waited for it
        return policy

    def lane(self, tp: TP, running: Running) -> ProjectLane:
        """The lane of a changelog partition."""
        return ProjectLane(tp, self, running)


def _show_customer(
    pipe: Any, prefix: str, customer_id: str, profile: Profile | None, was: str | None, policy: Policy
) -> None:
    key = f"{prefix}:customer:{customer_id}"
    if was and (profile is None or was != profile.segment):
        pipe.zrem(f"{prefix}:segment:{was}", customer_id)
    if profile is None:
        pipe.delete(key)
        return
    pipe.hset(key, mapping=customer_row(profile, policy.currency, policy.digits))
    pipe.zadd(f"{prefix}:segment:{profile.segment}", {customer_id: profile.monetary})
