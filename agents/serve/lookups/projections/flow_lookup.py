"""Flows as look-ups answer them: their counts, how many can be reached, and who moved."""

from collections.abc import Sequence
from enum import Enum
from functools import partial
from typing import Final, NamedTuple

from agents.project.projection_keys import ProjectionKeys
from agents.serve.lookups.answers import Flow, FlowCustomer
from agents.serve.lookups.projections.customer_lists import CustomerLists
from agents.serve.lookups.projections.flow_counts import FlowCount, FlowCounts, FlowName
from agents.serve.lookups.projections.flow_people import FlowPeople
from agents.serve.lookups.projections.flow_reach import FlowReach, FlowReachCounts, ReachKey
from agents.serve.lookups.projections.ranked_lists import ListPart, Place, decode_cursor
from agents.serve.lookups.projections.redis_reader import RedisReader
from streams.clock import Clock

MAX_AT_ONCE: Final = 2_000
"""Moves whose customers are looked up for every answer, in about 20 ms; of more, a count of the last minute serves."""
MAX_COMPARED: Final = 20_000
"""Moves that are read at most to count different customers, besides those of the largest flow: about 50 ms."""
FRESH_SECONDS: Final = 1.0
"""How old a count of few customers may be."""


class Counting(Enum):
    """Which counts are wanted.

    `NONE`; `AT_HAND`: those that are cheap or known; `BEGUN`: the same, and the others are counted in the background;
    `ALL`.
    """

    NONE = "none"
    AT_HAND = "at hand"
    BEGUN = "begun"
    ALL = "all"


class FlowPart(NamedTuple):
    """A part of the customers of flows.

    Attributes:
        total: different customers of all of them; `reachable` those who can be reached. None while not counted.
        following: the place after which others follow; None after the last one.
    """

    total: int | None
    reachable: int | None
    customers: list[FlowCustomer]
    following: Place | None


class FlowLookup:
    """Reads flows."""

    def __init__(self, redis: RedisReader, keys: ProjectionKeys, lists: CustomerLists, clock: Clock) -> None:
        self._lists = lists
        self._counts = FlowCounts(redis, keys)
        self._people = FlowPeople(redis, self._counts)
        self._reach = FlowReachCounts(redis, keys, self._counts, clock)

    async def close(self) -> None:
        """End what is counted in the background."""
        await self._reach.close()

    async def flows(self, key: ReachKey) -> list[Flow]:
        """Return who moved from where to where, most customers first."""
        return await self._counts.flows(key.period, key.cause)

    async def reach(self, key: ReachKey, counting: Counting) -> FlowReach | None:
        """Return how many of the customers who moved can be reached now; None while that is not counted."""
        return await self._reach_of(key, counting, await self._chosen(key))

    async def customers(self, key: ReachKey, part: ListPart, counting: Counting) -> FlowPart:
        """Return a part of the customers who moved, the latest move first.

        Raises:
            LookupRefused: the cursor is none.
        """
        place = decode_cursor(part.cursor)
        chosen = await self._chosen(key)
        total, reachable = await self._totals(key, counting, chosen)
        return FlowPart(total, reachable, *await self._part(key, list(chosen), part, place))

    async def _chosen(self, key: ReachKey) -> dict[FlowName, FlowCount]:
        names = await self._counts.matching(key.before, key.after, key.cause)
        return await self._counts.count(names, key.period)

    async def _totals(
        self, key: ReachKey, counting: Counting, chosen: dict[FlowName, FlowCount]
    ) -> tuple[int | None, int | None]:
        if counting is Counting.NONE:
            return None, None
        reach = await self._reach_of(key, counting, chosen)
        if reach is not None:
            return reach.all
        compared = sum(each.changes for each in chosen.values()) - max(each.latest for each in chosen.values())
        return (await self._counts.distinct(list(chosen), key.period) if compared <= MAX_COMPARED else None), None

    async def _reach_of(self, key: ReachKey, counting: Counting, chosen: dict[FlowName, FlowCount]) -> FlowReach | None:
        if sum(each.changes for each in chosen.values()) <= MAX_AT_ONCE:
            return await self._reach.count(key, FRESH_SECONDS)
        if counting is Counting.ALL:
            return await self._reach.count(key)
        reach = self._reach.stored(key)
        if reach is None and counting is Counting.BEGUN:
            self._reach.begin(key)
        return reach

    async def _part(
        self, key: ReachKey, flows: Sequence[FlowName], part: ListPart, place: Place | None
    ) -> tuple[list[FlowCustomer], Place | None]:
        """Return the next customers, and the place after which others follow; None after the last one."""
        select = None if part.reachable is None else partial(self._lists.with_reach, is_reachable=part.reachable)
        moves, following = await self._people.page(flows, key.period, place, part.limit, select)
        customers = await self._lists.customers([move.customer_id for move in moves])
        found = [
            FlowCustomer(move.customer_id, move.before, move.flow.after, move.flow.cause, move.at, customer)
            for move, customer in zip(moves, customers, strict=True)
        ]
        return found, following
