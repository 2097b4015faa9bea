"""Who moved in a period: the customers of one or several flows, the latest move first, each customer once."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple

from agents.project.projection_keys import NOBODY, SEQ_RANGE
from agents.project.redis_link import pack
from agents.serve.lookups.projections.customer_lists import MAX_LOOKED_AT
from agents.serve.lookups.projections.flow_counts import FlowCounts, FlowName, Period
from agents.serve.lookups.projections.ranked_lists import Place, ranks_after, read_places
from agents.serve.lookups.projections.redis_reader import RedisReader
from state.units.timestamps import format_ms

Select = Callable[[Sequence[str]], Awaitable[set[str]]]

SELECTED_AT_ONCE: Final = 1_000
"""Moves that are read in one piece where only some customers are wanted."""
LEAST_OF_A_FLOW: Final = 10
_AFTER_ALL: Final = ""
"""As the member of a place: before all members with that score."""


class CustomerMove(NamedTuple):
    """A customer's move: its score and the flow."""

    place: Place
    flow: FlowName

    @property
    def customer_id(self) -> str:
        """Who moved."""
        return self.place.member

    @property
    def before(self) -> str | None:
        """The segment before; None for a customer who was not known."""
        return None if self.flow.before == NOBODY else self.flow.before

    @property
    def at(self) -> str:
        """The moment."""
        return format_ms(int(self.place.score) // SEQ_RANGE)


class FlowPeople:
    """Merges the sorted sets of flows."""

    def __init__(self, redis: RedisReader, counts: FlowCounts) -> None:
        self._redis = redis
        self._counts = counts

    async def page(
        self, flows: Sequence[FlowName], period: Period, after: Place | None, limit: int, select: Select | None = None
    ) -> tuple[list[CustomerMove], Place | None]:
        """Return the next customers, and the place after which others follow; None after the last one.

        Args:
            flows: of which.
            period: of the moves.
            after: the place of the last customer before; None at the beginning.
            limit: of customers. Where few of many are selected, there may be fewer, and yet others follow.
            select: returns which of some customers are wanted; all of them without it.
        """
        earlier = await self._earlier(flows, period)
        found: list[CustomerMove] = []
        place = after or Place(float(period.end), _AFTER_ALL)
        listed: set[str] = set()
        chunk = limit if select is None else max(limit, SELECTED_AT_ONCE)
        looked_at = 0
        while True:
            moves, is_last = await self._next_moves(flows, earlier, period, place, chunk)
            looked_at += len(moves)
            wanted = moves
            if select is not None:
                chosen = await select(list({move.customer_id for move in moves}))
                wanted = [move for move in moves if move.customer_id in chosen]
            fresh = await self._first_mentions(wanted, flows, earlier, period)
            for move in wanted:
                if move in fresh and move.customer_id not in listed:
                    if len(found) == limit:
                        return found, found[-1].place
                    listed.add(move.customer_id)
                    found.append(move)
            if is_last:
                return found, None
            place = moves[-1].place
            if looked_at >= MAX_LOOKED_AT:
                return found, place

    async def _earlier(self, flows: Sequence[FlowName], period: Period) -> list[CustomerMove]:
        """Return the earlier moves of all flows; there are few."""
        counted = await self._counts.count(flows, period)
        moves = [
            CustomerMove(Place(float(score), customer_id), flow)
            for flow in flows
            if counted[flow].earlier
            for customer_id, score in await self._counts.earlier_members(flow, period)
        ]
        return sorted(moves, key=_order, reverse=True)

    async def _next_moves(
        self, flows: Sequence[FlowName], earlier: Sequence[CustomerMove], period: Period, place: Place, limit: int
    ) -> tuple[list[CustomerMove], bool]:
        """Return the moves after a place in order, as far as all flows are known, and whether these are the last."""
        keys = [self._counts.key(flow) for flow in flows]
        each = max(LEAST_OF_A_FLOW, 2 * limit // max(1, len(flows)))  # they have about so many of the next ones
        ranks = await ranks_after(self._redis, keys, place)
        replies = await self._redis.read(
            [pack("ZREVRANGE", key, rank, rank + each, "WITHSCORES") for key, rank in zip(keys, ranks, strict=True)]
        )
        moves = [move for move in earlier if move.place.order < place.order]
        known_to: tuple[float, bytes] | None = None
        for flow, flat in zip(flows, replies, strict=True):
            places = read_places(flat)
            within = [found for found in places if found.score >= period.begin]
            moves += [CustomerMove(found, flow) for found in within]
            if len(within) == each + 1:  # others follow
                last = within[-1].order
                known_to = last if known_to is None else max(known_to, last)
        moves.sort(key=_order, reverse=True)
        if known_to is None:
            return moves, True
        return [move for move in moves if move.place.order >= known_to], False

    async def _first_mentions(
        self,
        moves: Sequence[CustomerMove],
        flows: Sequence[FlowName],
        earlier: Sequence[CustomerMove],
        period: Period,
    ) -> set[CustomerMove]:
        """Return the moves that are their customer's latest of all these flows in the period."""
        ids = list({move.customer_id for move in moves})
        latest: dict[str, Place] = {}
        for move in earlier:
            latest.setdefault(move.customer_id, move.place)
        for flow in flows:
            for customer_id, score in zip(ids, await self._counts.scores(flow, ids), strict=True):
                if score is not None and period.has(score):
                    place = Place(float(score), customer_id)
                    latest[customer_id] = max(latest.get(customer_id, place), place)
        return {move for move in moves if latest.get(move.customer_id) == move.place}


def _order(move: CustomerMove) -> tuple[float, bytes]:
    return move.place.order
