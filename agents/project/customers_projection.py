"""Customers as Redis shows them: rows and sorted sets. All records of a customer lie in one changelog partition."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from aiokafka import ConsumerRecord
from redis.asyncio import Redis

from agents.project.customer_row import customer_row
from agents.project.redis_projector import RedisProjector
from state.config.policy import Policy
from state.customer.profile import Profile, decode_profile
from state.customer.segment_forecast import SegmentForecast
from streams.tables.customers_table import is_chunk

CUSTOMERS_AT_ONCE: Final = 500


class CustomersProjection(RedisProjector):
    """Writes the customers of one changelog partition to Redis."""

    at_once = CUSTOMERS_AT_ONCE

    def __init__(
        self,
        redis: Redis,
        kafka: dict[str, Any],
        prefix: str,
        topic: str,
        partition: int,
        policy: Callable[[str], Awaitable[Policy]],
    ) -> None:
        """Takes where to read and to write, and what gives a policy by its name and version, as profiles have it."""
        super().__init__(redis, kafka, topic, partition, f"{prefix}:project:{partition}")
        self._prefix = prefix
        self._policy = policy
        self._prospects: dict[str, SegmentForecast] = {}

    def _is_shown(self, key: bytes) -> bool:
        return not is_chunk(key)

    async def _look(self, pipe: Any, records: Sequence[ConsumerRecord]) -> Callable[[], None]:
        rows = [(record.key.decode(), decode_profile(record.value) if record.value else None) for record in records]
        prospects = self._prospects
        for ref in {profile.policy for _, profile in rows if profile is not None} - prospects.keys():
            prospects[ref] = SegmentForecast(await self._policy(ref))
        segments = await self._segments([customer_id for customer_id, _ in rows])

        def put() -> None:
            for (customer_id, profile), was in zip(rows, segments, strict=True):
                _show_customer(pipe, self._prefix, customer_id, profile, was, prospects)

        return put

    async def _segments(self, customer_ids: Sequence[str]) -> list[str | None]:
        """In which segments Redis has the customers now."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for customer_id in customer_ids:
                pipe.hget(f"{self._prefix}:customer:{customer_id}", "segment")
            return list(await pipe.execute())


def _show_customer(
    pipe: Any,
    prefix: str,
    customer_id: str,
    profile: Profile | None,
    was: str | None,
    prospects: dict[str, SegmentForecast],
) -> None:
    key = f"{prefix}:customer:{customer_id}"
    if was and (profile is None or was != profile.segment):
        pipe.zrem(f"{prefix}:segment:{was}", customer_id)
    if profile is None:
        pipe.delete(key)
        return
    pipe.hset(key, mapping=customer_row(profile, prospects[profile.policy]))
    pipe.zadd(f"{prefix}:segment:{profile.segment}", {customer_id: profile.monetary})
