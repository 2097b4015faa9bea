"""Customers in Redis: a hash per customer and a sorted set per segment.

All records of a customer are in one partition of the changelog.
"""

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

MAX_CUSTOMERS: Final = 500
"""Customers per transaction."""


class CustomersProjection(RedisProjector):
    """Writes the customers of one changelog partition to Redis."""

    max_keys = MAX_CUSTOMERS

    def __init__(
        self,
        redis: Redis,
        kafka: dict[str, Any],
        prefix: str,
        topic: str,
        partition: int,
        find_policy: Callable[[str], Awaitable[Policy]],
    ) -> None:
        """Take the target and the source; `find_policy` returns a policy by its `name@version`, as profiles name it."""
        super().__init__(redis, kafka, topic, partition, f"{prefix}:project:{partition}")
        self._prefix = prefix
        self._find_policy = find_policy
        self._forecasts: dict[str, SegmentForecast] = {}

    def _is_projected(self, key: bytes) -> bool:
        return not is_chunk(key)

    async def _prepare(self, pipe: Any, records: Sequence[ConsumerRecord]) -> Callable[[], None]:
        rows = [(record.key.decode(), decode_profile(record.value) if record.value else None) for record in records]
        forecasts = self._forecasts
        for ref in {profile.policy for _, profile in rows if profile is not None} - forecasts.keys():
            forecasts[ref] = SegmentForecast(await self._find_policy(ref))
        segments = await self._segments([customer_id for customer_id, _ in rows])

        def queue_commands() -> None:
            for (customer_id, profile), old_segment in zip(rows, segments, strict=True):
                _write_customer(pipe, self._prefix, customer_id, profile, old_segment, forecasts)

        return queue_commands

    async def _segments(self, customer_ids: Sequence[str]) -> list[str | None]:
        """Return the segments in which Redis has the customers now."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for customer_id in customer_ids:
                pipe.hget(f"{self._prefix}:customer:{customer_id}", "segment")
            return list(await pipe.execute())


def _write_customer(
    pipe: Any,
    prefix: str,
    customer_id: str,
    profile: Profile | None,
    old_segment: str | None,
    forecasts: dict[str, SegmentForecast],
) -> None:
    key = f"{prefix}:customer:{customer_id}"
    if old_segment and (profile is None or old_segment != profile.segment):
        pipe.zrem(f"{prefix}:segment:{old_segment}", customer_id)
    if profile is None:
        pipe.delete(key)
        return
    pipe.hset(key, mapping=customer_row(profile, forecasts[profile.policy]))
    pipe.zadd(f"{prefix}:segment:{profile.segment}", {customer_id: profile.monetary})
