"""How many customers moved in a period, each counted once however often they moved.

A flow's sorted set has each customer at their latest such move. Its customers in a period are those whose latest move
is in it, and those with an earlier move in it and the latest after it. Few moves are earlier ones; those are fetched.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from agents.project.projection_keys import NOBODY, ProjectionKeys, earlier_name, move_score
from agents.project.redis_link import pack
from agents.serve.lookups.answers import Flow
from agents.serve.lookups.projections.redis_reader import RedisReader

AT_ONCE: Final = 2_000
"""Commands, or members, that are asked for in one piece."""


KNOWN: Final = "!none"
"""In place of the segment before: any, of customers who were known before."""


class FlowName(NamedTuple):
    """A flow: the segments before and after, and the cause."""

    before: str
    after: str
    cause: str


class Period(NamedTuple):
    """Scores of moves: begin inclusive, end exclusive."""

    begin: int
    end: int

    @property
    def bounds(self) -> tuple[int, str]:
        """As Redis takes them."""
        return self.begin, f"({self.end}"

    def has(self, score: str | None) -> bool:
        """Return whether a reply to ZSCORE is within."""
        return score is not None and self.begin <= float(score) < self.end


def period_of(begin_ms: int, end_ms: int) -> Period:
    """Return the period from one moment, inclusive, to another, exclusive."""
    return Period(move_score(max(0, begin_ms), 0), move_score(max(0, end_ms), 0))


class FlowCounts:
    """Reads the sorted sets of flows."""

    def __init__(self, redis: RedisReader, keys: ProjectionKeys) -> None:
        self._redis = redis
        self._keys = keys

    async def names(self) -> tuple[list[FlowName], frozenset[str]]:
        """Return all flows, and the names of those that have earlier moves."""
        (names,) = await self._redis.read([pack("ZRANGE", self._keys.flows, 0, -1)])
        flows = [FlowName(*name.split(":")[1:]) for name in names if name.startswith("flow:")]
        return flows, frozenset(name for name in names if not name.startswith("flow:"))

    async def matching(self, before: str = "", after: str = "", cause: str = "") -> list[FlowName]:
        """Return the flows from and to these segments by this cause; an empty text stands for any.

        Args:
            before: one or several with commas between them; `KNOWN`: any.
            after: one.
            cause: one.
        """
        names, _ = await self.names()
        return [
            name
            for name in names
            if (name.before != NOBODY if before == KNOWN else not before or name.before in before.split(","))
            and after in ("", name.after)
            and cause in ("", name.cause)
        ]

    async def flows(self, period: Period, cause: str | None) -> list[Flow]:
        """Return who moved from where to where, most customers first."""
        chosen = await self.matching(cause=cause or "")
        counted = await self.count(chosen, period)
        groups: dict[tuple[str, str], list[FlowName]] = defaultdict(list)
        for name in chosen:
            if counted[name].changes:
                groups[name.before, name.after].append(name)
        flows = []
        for (before, after), members in groups.items():
            causes = {name.cause: await self._distinct([name], counted, period) for name in members}
            customers = (
                next(iter(causes.values())) if len(members) == 1 else await self._distinct(members, counted, period)
            )
            changes = sum(counted[name].changes for name in members)
            flows.append(Flow(None if before == NOBODY else before, after, customers, changes, causes))
        return sorted(flows, key=lambda flow: (-flow.customers, flow.from_segment or "", flow.to_segment))

    async def distinct(self, names: Sequence[FlowName], period: Period) -> int:
        """Return how many different customers moved in any of these flows."""
        return await self._distinct(names, await self.count(names, period), period)

    async def count(self, names: Sequence[FlowName], period: Period) -> "dict[FlowName, FlowCount]":
        """Count the moves of each flow."""
        begin, end = period.bounds
        commands = [
            pack("ZCOUNT", key, begin, end) for name in names for key in (self.key(name), self.earlier_key(name))
        ]
        counts = await self._read(commands)
        return {
            name: FlowCount(latest, earlier)
            for name, latest, earlier in zip(names, counts[::2], counts[1::2], strict=True)
        }

    async def members(self, name: FlowName, period: Period) -> set[str]:
        """Return the customers who moved in a flow in the period."""
        counted = (await self.count([name], period))[name]
        members = set(await self._members(name, period, counted.latest)) if counted.latest else set()
        if counted.earlier:
            members.update(customer_id for customer_id, _ in await self.earlier_members(name, period))
        return members

    async def earlier_members(self, name: FlowName, period: Period) -> list[tuple[str, int]]:
        """Return the customers of earlier moves in the period, with their scores; some repeatedly."""
        begin, end = period.bounds
        (flat,) = await self._redis.read([pack("ZRANGEBYSCORE", self.earlier_key(name), begin, end, "WITHSCORES")])
        members = zip(flat[::2], flat[1::2], strict=True)
        return [(member.rpartition(":")[0], int(float(score))) for member, score in members]

    async def scores(self, name: FlowName, ids: Sequence[str]) -> list[str | None]:
        """Return the score of each customer's latest move of a flow."""
        key = self.key(name)
        return await self._read([pack("ZSCORE", key, customer_id) for customer_id in ids])

    def key(self, name: FlowName) -> str:
        """Return the key of a flow."""
        return self._keys.flow(f"flow:{name.before}:{name.after}:{name.cause}")

    def earlier_key(self, name: FlowName) -> str:
        """Return the key of its earlier moves."""
        return self._keys.flow(earlier_name(f"flow:{name.before}:{name.after}:{name.cause}"))

    async def _distinct(self, names: Iterable[FlowName], counted: "dict[FlowName, FlowCount]", period: Period) -> int:
        """Return the customers of the largest flow, and those of the others who are not among them."""
        present = [name for name in names if counted[name].changes]
        if not present:
            return 0
        largest = max(present, key=lambda name: counted[name].latest)
        others: set[str] = set()
        for name in present:
            if name != largest and counted[name].latest:
                others.update(await self._members(name, period, counted[name].latest))
            if counted[name].earlier:
                others.update(customer_id for customer_id, _ in await self.earlier_members(name, period))
        scores = await self.scores(largest, list(others))
        return counted[largest].latest + sum(1 for score in scores if not period.has(score))

    async def _members(self, name: FlowName, period: Period, count: int) -> list[str]:
        key, members = self.key(name), list[str]()
        (first,) = await self._redis.read([pack("ZCOUNT", key, period.end, "+inf")])  # by rank: Redis finds it at once
        for rank in range(first, first + count, AT_ONCE):
            (part,) = await self._redis.read([pack("ZREVRANGE", key, rank, min(rank + AT_ONCE, first + count) - 1)])
            members += part
        return members

    async def _read(self, commands: Sequence[str]) -> list:  # type: ignore[type-arg]  # numbers or texts
        replies = []
        for begin in range(0, len(commands), AT_ONCE):
            replies += await self._redis.read(commands[begin : begin + AT_ONCE])
        return replies


class FlowCount(NamedTuple):
    """The moves of a flow in a period: the latest ones of customers, and earlier ones."""

    latest: int
    earlier: int

    @property
    def changes(self) -> int:
        """All moves."""
        return self.latest + self.earlier
