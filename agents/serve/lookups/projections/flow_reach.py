"""How many different customers moved in several flows, and how many of them can be reached now.

For that everyone who moved is looked up, so it is counted only when somebody asks, once at a time, and a count of the
last minute is given again.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Mapping
from typing import Final, NamedTuple

from agents.project.projection_keys import NOBODY, ProjectionKeys
from agents.project.redis_link import pack
from agents.serve.lookups.projections.flow_counts import FlowCounts, Period
from agents.serve.lookups.projections.redis_reader import RedisReader
from agents.serve.lookups.refusals import RedisAway
from streams.clock import Clock

AT_ONCE: Final = 1_000
"""Customers who are looked up in one piece: so long other look-ups wait."""
FRESH_SECONDS: Final = 60.0
MAX_STORED: Final = 64
MAX_BY_SEGMENT: Final = 50_000
"""Customers who are counted by the segments before and after too: of more, it would take too much memory."""
MAX_WAITING: Final = 8
"""Counts that are begun in the background; one more is not begun."""

Pair = tuple[str, str]
"""The segments before and after."""


class ReachKey(NamedTuple):
    """What is counted: the moves of a period, those of one cause, or from or to one segment; empty for any."""

    period: Period
    before: str = ""
    after: str = ""
    cause: str = ""


class Moved(NamedTuple):
    """Different customers who moved, and those of them who can be reached now."""

    customers: int
    reachable: int


class FlowReach(NamedTuple):
    """Different customers who moved, and how many of them can be reached now.

    Attributes:
        all: of all these flows.
        pairs: reachable ones by the segments before and after.
        came: those who were not known before.
        causes: those who were known, by cause.
        before: by the segment before, `none` for those who were not known; `after` by the segment after. Both are empty
            where many moved.
    """

    all: Moved
    pairs: Mapping[Pair, int]
    came: Moved
    causes: Mapping[str, Moved]
    before: Mapping[str, Moved]
    after: Mapping[str, Moved]


class _Group:
    """Customers who moved, by id."""

    __slots__ = ("customers", "reachable")

    def __init__(self) -> None:
        self.customers: set[str] = set()
        self.reachable: set[str] = set()

    def add(self, customers: set[str], reachable: set[str]) -> None:
        self.customers |= customers
        self.reachable |= reachable

    def moved(self) -> Moved:
        return Moved(len(self.customers), len(self.reachable))


class FlowReachCounts:
    """Counts who can be reached."""

    def __init__(self, redis: RedisReader, keys: ProjectionKeys, flows: FlowCounts, clock: Clock) -> None:
        self._redis = redis
        self._keys = keys
        self._flows = flows
        self._clock = clock
        self._counting = asyncio.Lock()
        self._stored: dict[ReachKey, tuple[float, FlowReach]] = {}
        self._begun: dict[ReachKey, asyncio.Task[None]] = {}

    def stored(self, key: ReachKey, max_age_s: float = FRESH_SECONDS) -> FlowReach | None:
        """Return what was counted in the last seconds; None if nothing was."""
        counted_at_s, reach = self._stored.get(key, (0.0, None))
        is_fresh = reach is not None and self._clock.monotonic() - counted_at_s < max_age_s
        return reach if is_fresh else None

    def begin(self, key: ReachKey) -> None:
        """Count in the background, unless it is being counted."""
        if key not in self._begun and len(self._begun) < MAX_WAITING:
            task = asyncio.create_task(self._count_quietly(key), name="count of customers who moved")
            self._begun[key] = task
            task.add_done_callback(lambda _: self._begun.pop(key, None))

    async def close(self) -> None:
        """End what is counted in the background."""
        tasks = list(self._begun.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _count_quietly(self, key: ReachKey) -> None:
        with contextlib.suppress(RedisAway):  # the next request reports it
            await self.count(key)

    async def count(self, key: ReachKey, max_age_s: float = FRESH_SECONDS) -> FlowReach:
        """Count, unless it was counted in the last seconds."""
        async with self._counting:
            reach = self.stored(key, max_age_s)
            if reach is None:
                reach = await self._count(key)
                if len(self._stored) >= MAX_STORED:
                    self._stored.clear()
                self._stored[key] = self._clock.monotonic(), reach
            return reach

    async def _count(self, key: ReachKey) -> FlowReach:
        everybody, came = _Group(), _Group()
        causes, before, after = _groups(), _groups(), _groups()
        pairs: dict[Pair, set[str]] = {}
        for name in await self._flows.matching(key.before, key.after, key.cause):
            members = await self._flows.members(name, key.period)
            everybody.add(members, await self._reachable(members - everybody.customers))
            reachable = members & everybody.reachable
            pairs.setdefault((name.before, name.after), set()).update(reachable)
            (came if name.before == NOBODY else causes[name.cause]).add(members, reachable)
            before[name.before].add(members, reachable)
            after[name.after].add(members, reachable)
            if len(everybody.customers) > MAX_BY_SEGMENT:
                before.clear()
                after.clear()
        of_pairs = {pair: len(ids) for pair, ids in pairs.items()}
        return FlowReach(everybody.moved(), of_pairs, came.moved(), *map(_all_moved, (causes, before, after)))

    async def _reachable(self, ids: set[str]) -> set[str]:
        """Return those of the customers who can be reached."""
        listed, found = list(ids), set[str]()
        for begin in range(0, len(listed), AT_ONCE):
            part = listed[begin : begin + AT_ONCE]
            replies = await self._redis.read([pack("HGET", self._keys.customer + each, "reachable") for each in part])
            found.update(each for each, reply in zip(part, replies, strict=True) if reply == "1")
            await asyncio.sleep(0)
        return found


def _groups() -> defaultdict[str, _Group]:
    return defaultdict(_Group)


def _all_moved(groups: Mapping[str, _Group]) -> dict[str, Moved]:
    return {name: group.moved() for name, group in groups.items()}
