"""Daily totals in Redis: for each day the part of every partition, and their sum."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from aiokafka import ConsumerRecord
from redis.asyncio import Redis

from agents.health.partition_totals import sum_partitions
from agents.project.redis_link import pack
from agents.project.redis_projector import Plan, RedisProjector

MAX_DAYS: Final = 20
"""Days per transaction; the parts of all partitions are read for each."""


class DailyProjection(RedisProjector):
    """Writes one partition's part of each day, and the day's sum over all partitions.

    The sum depends only on the parts, which are watched while it is computed: of two writers of a day, the later one
    includes the part of the earlier. A part that is written twice counts once.
    """

    max_keys = MAX_DAYS
    shares_transactions = False  # the sum of a day depends on the parts of other partitions

    def __init__(self, redis: Redis, kafka: dict[str, Any], prefix: str, topic: str, partition: int) -> None:
        super().__init__(redis, kafka, topic, partition, f"{prefix}:project-daily:{partition}")
        self._prefix = prefix

    def is_projected(self, key: bytes) -> bool:
        """Return whether the record is of a day."""
        return bool(key)

    async def plan(self, records: Sequence[ConsumerRecord]) -> Plan:
        """Return how to write the days: the parts of the other partitions are read for the sum."""
        days = {record.key.decode().partition(":")[0]: record.value for record in records if record.value is not None}
        keys = [f"{self._prefix}:daily-parts:{day}" for day in days]

        def writes(replies: Sequence[Any]) -> list[str]:
            commands: list[str] = []
            for (day, value), key, reply in zip(days.items(), keys, replies, strict=True):
                flat = iter(reply)
                parts = {int(number): part for number, part in zip(flat, flat, strict=True)} | {self._partition: value}
                total = sum_partitions(msgspec.json.decode(parts[number]) for number in sorted(parts))
                commands.append(pack("HSET", key, self._partition, value.decode()))
                commands.append(pack("SET", f"{self._prefix}:daily:{day}", msgspec.json.encode(total).decode()))
            return commands

        return Plan([pack("HGETALL", key) for key in keys], writes, keys)
