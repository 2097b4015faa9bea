"""Lists of customers by monetary, highest first: of one sorted set, or of several that are merged as they are read."""

from collections.abc import Sequence
from heapq import merge
from itertools import islice
from typing import Final

from agents.project.base_totals import GroupTotals
from agents.project.projection_keys import ProjectionKeys
from agents.project.redis_link import pack
from agents.serve.lookups.answers import Customer, CustomerPage
from agents.serve.lookups.projections.customer_hash import customer_answer
from agents.serve.lookups.projections.ranked_lists import ListPart, Place, decode_cursor, ranks_after, read_places
from agents.serve.lookups.projections.redis_reader import RedisReader

MAX_LOOKED_AT: Final = 20_000
"""Customers that one answer looks at to find those who can be reached: about 0.2 s."""
MAX_CHUNK: Final = 1_000
"""Customers who are looked at in one piece: so long other look-ups wait."""


class CustomerLists:
    """Reads sorted sets of customers, and their hashes."""

    def __init__(self, redis: RedisReader, keys: ProjectionKeys) -> None:
        self._redis = redis
        self._keys = keys

    async def customers(self, ids: Sequence[str]) -> list[Customer | None]:
        """Return customers by id; None for those that are not known."""
        replies = await self._redis.read([pack("HGETALL", self._keys.customer + customer_id) for customer_id in ids])
        return [customer_answer(customer_id, flat) for customer_id, flat in zip(ids, replies, strict=True)]

    async def page(self, keys: Sequence[str], totals: GroupTotals, part: ListPart) -> CustomerPage:
        """Return a part of the customers in sorted sets, of which each customer is in one; `totals` are those of all.

        Raises:
            LookupRefused: the cursor is none.
        """
        place, limit = decode_cursor(part.cursor), part.limit
        wanted = _wanted(totals, part)
        found: list[Place] = []
        looked_at, is_last = 0, wanted == 0
        while not is_last and len(found) < limit and looked_at < MAX_LOOKED_AT:
            places, is_last = await self._next(keys, place, _chunk(limit - len(found), totals.customers, wanted))
            looked_at += len(places)
            fitting = await self._fitting(places, part)
            fresh = fitting[: limit - len(found)]
            found += fresh
            place = places[-1] if places else place
            if len(fresh) < len(fitting):
                place, is_last = fresh[-1], False
            elif part.reachable is not None and part.cursor is None and len(found) == wanted:
                is_last = True
        customers = await self.customers([each.member for each in found])
        return CustomerPage(
            totals.customers,
            totals.reachable,
            [each for each in customers if each is not None],
            None if is_last or place is None else place.encode(),
        )

    async def _next(self, keys: Sequence[str], after: Place | None, count: int) -> tuple[list[Place], bool]:
        """Return the next members of all sets together, and whether these are the last."""
        ranks = [0] * len(keys) if after is None else await ranks_after(self._redis, keys, after)
        replies = await self._redis.read(
            [pack("ZREVRANGE", key, rank, rank + count, "WITHSCORES") for key, rank in zip(keys, ranks, strict=True)]
        )
        merged = merge(*map(read_places, replies), key=lambda place: place.order, reverse=True)
        places = list(islice(merged, count + 1))
        unique: dict[str, Place] = {}
        for place in places[:count]:
            unique.setdefault(place.member, place)  # one who moved in between may be in two sets
        return list(unique.values()), len(places) <= count

    async def _fitting(self, places: list[Place], part: ListPart) -> list[Place]:
        """Return those of the customers who are asked for."""
        if part.reachable is None:
            return places
        wanted = await self.with_reach([place.member for place in places], is_reachable=part.reachable)
        return [place for place in places if place.member in wanted]

    async def with_reach(self, ids: Sequence[str], *, is_reachable: bool) -> set[str]:
        """Return those of the customers who can be reached, or those who cannot."""
        flag = "1" if is_reachable else "0"
        replies = await self._redis.read([pack("HGET", self._keys.customer + each, "reachable") for each in ids])
        return {each for each, reply in zip(ids, replies, strict=True) if reply == flag}


def _wanted(totals: GroupTotals, part: ListPart) -> int:
    """Return how many customers the whole list has."""
    if part.reachable is None:
        return totals.customers
    return totals.reachable if part.reachable else totals.customers - totals.reachable


def _chunk(missing: int, customers: int, wanted: int) -> int:
    """Return how many customers to look at to find those that are missing, if they are spread evenly."""
    return max(missing, min(MAX_CHUNK, missing * customers // max(1, wanted)))
