"""Customers in Redis: a hash per customer and a sorted set per segment.

All records of a customer are in one partition of the changelog.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from aiokafka import ConsumerRecord
from redis.asyncio import Redis

from agents.project.customer_row import customer_row
from agents.project.redis_link import pack, pack_argument
from agents.project.redis_projector import Plan, RedisProjector
from state.config.policy import Policy
from state.customer.profile import Profile, decode_profile
from state.customer.segment_forecast import SegmentForecast
from streams.tables.customers_table import is_chunk

MAX_CUSTOMERS: Final = 500
"""Customers per transaction."""


class CustomersProjection(RedisProjector):
    """Projects the customers of one changelog partition."""

    max_keys = MAX_CUSTOMERS
    shares_transactions = True

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

    def is_projected(self, key: bytes) -> bool:
        """Return whether it is the key of a profile."""
        return not is_chunk(key)

    async def plan(self, records: Sequence[ConsumerRecord]) -> Plan:
        """Return how to write the customers: the segment that Redis has of each decides what else must change."""
        rows = [(record.key.decode(), decode_profile(record.value) if record.value else None) for record in records]
        forecasts = self._forecasts
        for ref in {profile.policy for _, profile in rows if profile is not None} - forecasts.keys():
            forecasts[ref] = SegmentForecast(await self._find_policy(ref))
        begin = f"{self._prefix}:customer:"
        hashes = [
            pack("DEL", begin + customer_id)
            if profile is None
            else pack_hash(begin + customer_id, customer_row(profile, forecasts[profile.policy]))
            for customer_id, profile in rows
        ]
        return Plan(
            [_HGET + pack_argument(begin + customer_id) + _SEGMENT for customer_id, _ in rows],
            lambda old_segments: hashes + self._segment_commands(rows, old_segments),
        )

    def _segment_commands(
        self, rows: Sequence[tuple[str, Profile | None]], old_segments: Sequence[str | None]
    ) -> list[str]:
        """Return at most two commands for each segment: who leaves it, and who is in it now."""
        begin = f"{self._prefix}:segment:"
        left: dict[str, list[str]] = {}
        present: dict[str, list[str | int]] = {}
        for (customer_id, profile), old in zip(rows, old_segments, strict=True):
            if old is not None and (profile is None or old != profile.segment):
                left.setdefault(old, []).append(customer_id)
            if profile is not None:
                present.setdefault(profile.segment, []).extend((profile.monetary, customer_id))
        commands = [pack("ZREM", begin + segment, *ids) for segment, ids in left.items()]
        return commands + [pack("ZADD", begin + segment, *scores) for segment, scores in present.items()]


def pack_hash(key: str, row: Mapping[str, str | int]) -> str:
    """Return a packed HSET."""
    fields = [
        _packed_name(name) + pack_argument(value if isinstance(value, str) else str(value))
        for name, value in row.items()
    ]
    return f"*{2 + 2 * len(row)}\r\n{_HSET}{pack_argument(key)}{''.join(fields)}"


_HGET: Final = "*3\r\n" + pack_argument("HGET")
_SEGMENT: Final = pack_argument("segment")
_HSET: Final = pack_argument("HSET")
_packed_name: Final = cache(pack_argument)
