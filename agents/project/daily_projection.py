"""The totals of each day as Redis shows them: what each partition tells of a day, and beside it the sum."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from aiokafka import ConsumerRecord
from redis.asyncio import Redis

from agents.health.partition_totals import sum_partitions
from agents.project.redis_projector import RedisProjector

DAYS_AT_ONCE: Final = 20
"""Of each, what all partitions tell is read again."""


class DailyProjection(RedisProjector):
    """Writes what one partition tells of the days, and the sums that come of it.

    The sum is a function of what the partitions' parts are when it is written: these are watched, so of two writers of
    one day the later has the part of the earlier in its sum. However often a part comes, it counts once.
    """

    at_once = DAYS_AT_ONCE

    def __init__(self, redis: Redis, kafka: dict[str, Any], prefix: str, topic: str, partition: int) -> None:
        """Takes where to read and to write."""
        super().__init__(redis, kafka, topic, partition, f"{prefix}:project-daily:{partition}")
        self._prefix = prefix

    def _is_shown(self, key: bytes) -> bool:
        return bool(key)

    async def _look(self, pipe: Any, records: Sequence[ConsumerRecord]) -> Callable[[], None]:
        days = {record.key.decode().partition(":")[0]: record.value for record in records if record.value is not None}
        if days:
            await pipe.watch(*map(self._parts_key, days))
        told = dict(zip(days, await self._parts(days), strict=True))

        def put() -> None:
            for day, value in days.items():
                parts = {int(number): part for number, part in told[day].items()} | {self._partition: value}
                pipe.hset(self._parts_key(day), str(self._partition), value)
                total = sum_partitions(msgspec.json.decode(parts[number]) for number in sorted(parts))
                pipe.set(f"{self._prefix}:daily:{day}", msgspec.json.encode(total))

        return put

    def _parts_key(self, day: str) -> str:
        return f"{self._prefix}:daily-parts:{day}"

    async def _parts(self, days: Sequence[str] | dict[str, bytes]) -> list[dict[str, str]]:
        """What each partition has told of the days so far."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for day in days:
                pipe.hgetall(self._parts_key(day))
            return list(await pipe.execute())
