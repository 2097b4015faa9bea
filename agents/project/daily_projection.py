"""Daily totals in Redis: for each day the part of every partition, and their sum."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from aiokafka import ConsumerRecord
from redis.asyncio import Redis

from agents.health.partition_totals import sum_partitions
from agents.project.redis_projector import RedisProjector

MAX_DAYS: Final = 20
"""Days per transaction; the parts of all partitions are read for each."""


class DailyProjection(RedisProjector):
    """Writes one partition's part of each day, and the day's sum over all partitions.

    The sum depends only on the parts, which are watched while it is computed: of two writers of a day, the later one
    includes the part of the earlier. A part that is written twice counts once.
    """

    max_keys = MAX_DAYS

    def __init__(self, redis: Redis, kafka: dict[str, Any], prefix: str, topic: str, partition: int) -> None:
        super().__init__(redis, kafka, topic, partition, f"{prefix}:project-daily:{partition}")
        self._prefix = prefix

    def _is_projected(self, key: bytes) -> bool:
        return bool(key)

    async def _prepare(self, pipe: Any, records: Sequence[ConsumerRecord]) -> Callable[[], None]:
        days = {record.key.decode().partition(":")[0]: record.value for record in records if record.value is not None}
        if days:
            await pipe.watch(*map(self._parts_key, days))
        parts_by_day = dict(zip(days, await self._read_parts(days), strict=True))

        def queue_commands() -> None:
            for day, value in days.items():
                parts = {int(number): part for number, part in parts_by_day[day].items()} | {self._partition: value}
                pipe.hset(self._parts_key(day), str(self._partition), value)
                total = sum_partitions(msgspec.json.decode(parts[number]) for number in sorted(parts))
                pipe.set(f"{self._prefix}:daily:{day}", msgspec.json.encode(total))

        return queue_commands

    def _parts_key(self, day: str) -> str:
        return f"{self._prefix}:daily-parts:{day}"

    async def _read_parts(self, days: Sequence[str] | dict[str, bytes]) -> list[dict[str, str]]:
        """Return the parts that Redis has of each day, by partition."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for day in days:
                pipe.hgetall(self._parts_key(day))
            return list(await pipe.execute())
