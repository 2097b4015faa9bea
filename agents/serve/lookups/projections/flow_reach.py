"""How many of the customers who moved can be reached now, each looked up in their hash.

That takes a command for each customer, so it is counted only when somebody asks, once at a time, and a count of the
last minute is given again.
"""

import asyncio
from collections.abc import Mapping
from typing import Final, NamedTuple

from agents.project.projection_keys import ProjectionKeys
from agents.project.redis_link import pack
from agents.serve.lookups.projections.flow_counts import FlowCounts, FlowName, Period
from agents.serve.lookups.projections.redis_reader import RedisReader
from streams.clock import Clock

AT_ONCE: Final = 1_000
"""Customers who are looked up in one piece: so long other look-ups wait."""
FRESH_SECONDS: Final = 60.0
MAX_STORED: Final = 64

Pair = tuple[str, str]
"""The segments before and after."""


class ReachKey(NamedTuple):
    """What is counted: the moves of a period, those of one cause, or from or to one segment; empty for any."""

    period: Period
    before: str = ""
    after: str = ""
    cause: str = ""


class FlowReach(NamedTuple):
    """Customers who moved and can be reached.

    Attributes:
        customers: different ones of all these flows.
        pairs: different ones by the segments before and after; `causes` by these and the cause.
    """

    customers: int
    pairs: Mapping[Pair, int]
    causes: Mapping[FlowName, int]


class FlowReachCounts:
    """Counts who can be reached."""

    def __init__(self, redis: RedisReader, keys: ProjectionKeys, flows: FlowCounts, clock: Clock) -> None:
        self._redis = redis
        self._keys = keys
        self._flows = flows
        self._clock = clock
        self._counting = asyncio.Lock()
        self._stored: dict[ReachKey, tuple[float, FlowReach]] = {}

    def stored(self, key: ReachKey) -> FlowReach | None:
        """Return what was counted in the last minute; None if nothing was."""
        counted_at_s, reach = self._stored.get(key, (0.0, None))
        is_fresh = reach is not None and self._clock.monotonic() - counted_at_s < FRESH_SECONDS
        return reach if is_fresh else None

    async def count(self, key: ReachKey) -> FlowReach:
        """Count, unless it was counted in the last minute."""
        async with self._counting:
            reach = self.stored(key)
            if reach is None:
                reach = await self._count(key)
                if len(self._stored) >= MAX_STORED:
                    self._stored.clear()
                self._stored[key] = self._clock.monotonic(), reach
            return reach

    async def _count(self, key: ReachKey) -> FlowReach:
        everybody: set[str] = set()
        pairs: dict[Pair, set[str]] = {}
        causes: dict[FlowName, int] = {}
        for name in await self._flows.matching(key.before, key.after, key.cause):
            reachable = await self._reachable(await self._flows.members(name, key.period))
            everybody |= reachable
            pairs.setdefault((name.before, name.after), set()).update(reachable)
            causes[name] = len(reachable)
        return FlowReach(len(everybody), {pair: len(ids) for pair, ids in pairs.items()}, causes)

    async def _reachable(self, ids: set[str]) -> set[str]:
        """Return those of the customers who can be reached."""
        listed, found = list(ids), set[str]()
        for begin in range(0, len(listed), AT_ONCE):
            part = listed[begin : begin + AT_ONCE]
            replies = await self._redis.read([pack("HGET", self._keys.customer + each, "reachable") for each in part])
            found.update(each for each, reply in zip(part, replies, strict=True) if reply == "1")
            await asyncio.sleep(0)
        return found
