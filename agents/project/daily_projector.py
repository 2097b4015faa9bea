"""Daily totals in Redis: for each day the part of every partition, their sum, and when each part was published."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from aiokafka import ConsumerRecord
from redis.asyncio import Redis

from agents.health.partition_totals import sum_partitions
from agents.project.projection_keys import ProjectionKeys
from agents.project.redis_link import pack
from agents.project.redis_projector import Plan, RedisProjector

MAX_DAYS: Final = 20
"""Days per transaction; the parts of all partitions are read for each."""


class DailyProjector(RedisProjector):
    """Writes one partition's part of each day, and the day's sum over all partitions.

    The sum depends only on the parts, which are watched while it is computed: of two writers of a day, the later one
    includes the part of the earlier. A part that is written twice counts once.
    """

    max_keys = MAX_DAYS
    shares_transactions = False  # the sum of a day depends on the parts of other partitions

    def __init__(self, redis: Redis, kafka: dict[str, Any], prefix: str, topic: str, partition: int) -> None:
        self._keys = ProjectionKeys(prefix)
        super().__init__(redis, kafka, topic, partition, self._keys.position("days", partition))

    def slot(self, record: ConsumerRecord) -> bytes | None:
        """Return the key, which names the day."""
        return record.key or None

    async def plan(self, records: Sequence[ConsumerRecord], end: int) -> Plan:  # noqa: ARG002 - only totals need it
        """Return how to write the days: the parts of the other partitions are read for the sum."""
        days = {record.key.decode().partition(":")[0]: record.value for record in records if record.value is not None}
        published = {record.key.decode().partition(":")[0]: record.timestamp for record in records}
        keys = [self._keys.day_parts + day for day in days]

        def writes(replies: Sequence[Any]) -> list[str]:
            commands = []
            if days:
                moments = (part for day in days for part in (day, published[day]))
                commands = [
                    pack("ZADD", self._keys.days, *(part for day in days for part in (0, day))),
                    pack("HSET", self._keys.days_published(self._partition), *moments),
                ]
            for (day, value), key, reply in zip(days.items(), keys, replies, strict=True):
                flat = iter(reply)
                parts = {int(number): part for number, part in zip(flat, flat, strict=True)} | {self._partition: value}
                total = sum_partitions(msgspec.json.decode(parts[number]) for number in sorted(parts))
                commands.append(pack("HSET", key, self._partition, value.decode()))
                commands.append(pack("SET", self._keys.day + day, msgspec.json.encode(total).decode()))
            return commands

        return Plan([pack("HGETALL", key) for key in keys], writes, keys)
