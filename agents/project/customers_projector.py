"""Customers in Redis: a hash per customer, a sorted set per segment and cell, and the totals of both.

All records of a customer are in one partition of the changelog.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from aiokafka import ConsumerRecord
from redis.asyncio import Redis

from agents.project.base_totals import BaseTotals, Counted, begin_or_continue, decode_counted, decode_totals
from agents.project.customer_row import customer_row
from agents.project.projection_keys import ProjectionKeys
from agents.project.redis_link import pack, pack_argument
from agents.project.redis_projector import Plan, RedisProjector
from state.config.policy import Policy
from state.customer.profile import Profile, decode_profile
from state.customer.segment_forecast import SegmentForecast
from streams.tables.customers_table import is_chunk

MAX_CUSTOMERS: Final = 500
"""Customers per transaction."""


class CustomersProjector(RedisProjector):
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
        self._keys = ProjectionKeys(prefix)
        super().__init__(redis, kafka, topic, partition, self._keys.position("customers", partition))
        self._find_policy = find_policy
        self._forecasts: dict[str, SegmentForecast] = {}

    def slot(self, record: ConsumerRecord) -> bytes | None:
        """Return the key of a profile."""
        return None if is_chunk(record.key) else record.key

    async def plan(self, records: Sequence[ConsumerRecord], end: int) -> Plan:
        """Return how to write the customers: what Redis has counted of each decides what else must change."""
        rows = [(record.key.decode(), decode_profile(record.value) if record.value else None) for record in records]
        forecasts = self._forecasts
        for ref in {profile.policy for _, profile in rows if profile is not None} - forecasts.keys():
            forecasts[ref] = SegmentForecast(await self._find_policy(ref))
        begin, customers = self._keys.customer, []
        for customer_id, profile in rows:
            row = None if profile is None else customer_row(profile, forecasts[profile.policy])
            customers.append((customer_id, profile, row))
        return Plan(
            [
                pack("GET", self.position_key),
                pack("HGET", self._keys.totals, self._partition),
                *(_HMGET + pack_argument(begin + customer_id) + _COUNTED for customer_id, _ in rows),
            ],
            lambda replies: self._commands(customers, end, *replies),
        )

    def reset(self, replies: Sequence[Any]) -> list[str]:
        """Return the commands that make every customer be counted again, in a new generation."""
        totals = BaseTotals({}, {}, decode_totals(replies[1]).generation + 1)
        return [pack("HSET", self._keys.totals, self._partition, totals.encode())]

    def _commands(
        self,
        customers: Sequence[tuple[str, Profile | None, dict[str, str | int] | None]],
        end: int,
        position: str | None,
        totals_text: str | None,
        *stored: Sequence[str | None],
    ) -> list[str]:
        """Return a command per customer, at most two per segment and cell (who leaves, who is in it), and the totals.

        What an earlier version has written of a customer is their segment alone.

        Raises:
            TotalsInconsistent: the totals do not contain what the hashes say.
        """
        totals = begin_or_continue(totals_text, None if position is None else int(position))
        left: dict[str, list[str]] = {}
        present: dict[str, list[str]] = {}
        segments, cells, begin = self._keys.segment, self._keys.cell, self._keys.customer
        commands: list[str] = []
        for (customer_id, profile, row), (counted_text, old_segment) in zip(customers, stored, strict=True):
            if counted_text is not None:
                before = decode_counted(counted_text)
                if before.generation == totals.generation:
                    totals.remove(before)
                if profile is None or before.cell != profile.cell:
                    left.setdefault(cells + before.cell, []).append(customer_id)
            if old_segment is not None and (profile is None or old_segment != profile.segment):
                left.setdefault(segments + old_segment, []).append(customer_id)
            if profile is None or row is None:
                commands.append(pack("DEL", begin + customer_id))
                continue
            segment, cell, monetary = profile.segment, profile.cell, profile.monetary
            counted = Counted(totals.generation, cell, int(row["reachable"]), monetary, segment)
            totals.add(counted)
            row["counted"] = counted.encode()
            commands.append(pack_hash(begin + customer_id, row))
            member = pack_argument(str(monetary)) + pack_argument(customer_id)
            present.setdefault(segments + segment, []).append(member)
            present.setdefault(cells + cell, []).append(member)
        totals.end = end
        commands += [pack("ZREM", key, *members) for key, members in left.items()]
        commands += [
            f"*{2 + 2 * len(members)}\r\n{_ZADD}{pack_argument(key)}{''.join(members)}"
            for key, members in present.items()
        ]
        return [*commands, pack("HSET", self._keys.totals, self._partition, totals.encode())]


def pack_hash(key: str, row: Mapping[str, str | int]) -> str:
    """Return a packed HSET; `pack_argument` is inlined, since most of what `project` packs is packed here."""
    parts = [f"*{2 + 2 * len(row)}\r\n{_HSET}{pack_argument(key)}"]
    for name, value in row.items():
        text = value if value.__class__ is str else str(value)
        size = len(text) if text.isascii() else len(text.encode())
        parts.append(f"{_packed_name(name)}${size}\r\n{text}\r\n")
    return "".join(parts)


_HMGET: Final = "*4\r\n" + pack_argument("HMGET")
_COUNTED: Final = pack_argument("counted") + pack_argument("segment")
_HSET: Final = pack_argument("HSET")
_ZADD: Final = pack_argument("ZADD")
_packed_name: Final = cache(pack_argument)
