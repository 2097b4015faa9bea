"""The customer base: its segments and cells in numbers, and the customers of each by monetary."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, Final

import msgspec

from agents.project.base_totals import BaseTotals, GroupTotals, decode_totals
from agents.project.projection_keys import ProjectionKeys
from agents.project.redis_link import pack
from agents.serve.lookups.answers import (
    CellCount,
    Cells,
    Customer,
    CustomerPage,
    NextDown,
    NextUp,
    SegmentCount,
    Segments,
    Titles,
)
from agents.serve.lookups.projections.ranked_lists import decode_cursor, ranks_after, read_places
from agents.serve.lookups.projections.redis_reader import RedisReader
from agents.serve.lookups.refusals import unknown_name
from state.config.policy import CELLS, POTENTIAL_CELL, Policy, scores_of
from state.units.money import format_minor

_NO_DIGITS: Final = 2
"""Digits of sums before the first policy; they are all 0 then."""
_MANY_CELLS: Final = 30


class BaseLookup:
    """Reads the totals, the sorted sets, and the hashes of customers."""

    def __init__(self, redis: RedisReader, keys: ProjectionKeys) -> None:
        self._redis = redis
        self._keys = keys

    async def customers(self, ids: Sequence[str]) -> list[Customer | None]:
        """Return customers by id; None for those that are not known."""
        replies = await self._redis.read([pack("HGETALL", self._keys.customer + customer_id) for customer_id in ids])
        return [customer_answer(customer_id, flat) for customer_id, flat in zip(ids, replies, strict=True)]

    async def segments(self, policy: Policy | None) -> Segments:
        """Return the segments of the policy, in its order, then those that only customers of an earlier one have."""
        totals = await self._totals()
        titles = {each.name: Titles(each.title_en, each.title_ru) for each in policy.segments} if policy else {}
        base = _Base(totals.segments, policy)
        names = dict.fromkeys([*(policy.segment_names if policy else ()), *sorted(totals.segments)])
        return Segments(
            policy.ref if policy else None,
            policy.currency if policy else None,
            *base.sums(),
            [SegmentCount(name, titles.get(name, _UNTITLED), *base.figures(name)) for name in names],
        )

    async def cells(self, policy: Policy | None) -> Cells:
        """Return the cells of the policy, best first, then those that only customers of an earlier one have."""
        totals = await self._totals()
        segments = dict(_policy_cells(policy)) if policy else {}
        base = _Base(totals.cells, policy)
        others = sorted((each for each in totals.cells if each not in segments), key=scores_of, reverse=True)
        return Cells(
            policy.ref if policy else None,
            policy.currency if policy else None,
            *base.sums(),
            [_cell_count(cell, segments.get(cell, []), base.figures(cell)) for cell in [*segments, *others]],
        )

    async def segment_customers(self, name: str, policy: Policy | None, limit: int, cursor: str | None) -> CustomerPage:
        """Return a part of the customers of a segment.

        Raises:
            LookupRefused: neither the policy nor any customer has the segment, or the cursor is none.
        """
        totals = await self._totals()
        names = dict.fromkeys([*(policy.segment_names if policy else ()), *sorted(totals.segments)])
        if name not in names:
            raise unknown_name("segment", name, names)
        return await self._page(self._keys.segment + name, totals.segments.get(name), limit, cursor)

    async def cell_customers(self, cell: str, policy: Policy | None, limit: int, cursor: str | None) -> CustomerPage:
        """Return a part of the customers of a cell.

        Raises:
            LookupRefused: neither the policy nor any customer has the cell, or the cursor is none.
        """
        totals = await self._totals()
        cells = [each for each, _ in _policy_cells(policy)] if policy else []
        if cell not in cells and cell not in totals.cells:
            listed = [*cells[:_MANY_CELLS], "…"] if len(cells) > _MANY_CELLS else cells
            raise unknown_name("cell", cell, listed or sorted(totals.cells))
        return await self._page(self._keys.cell + cell, totals.cells.get(cell), limit, cursor)

    async def _totals(self) -> BaseTotals:
        (flat,) = await self._redis.read([pack("HGETALL", self._keys.totals)])
        base = BaseTotals({}, {})
        for text in flat[1::2]:
            base.merge(decode_totals(text))
        return base

    async def _page(self, key: str, totals: GroupTotals | None, limit: int, cursor: str | None) -> CustomerPage:
        place = decode_cursor(cursor)
        begin = 0 if place is None else (await ranks_after(self._redis, [key], place))[0]
        flat: Sequence[Any]
        flat, total = await self._redis.read(
            [pack("ZREVRANGE", key, begin, begin + limit - 1, "WITHSCORES"), pack("ZCARD", key)]
        )
        places = read_places(flat)
        found = await self.customers([each.member for each in places])
        return CustomerPage(
            total,
            totals.reachable if totals else 0,
            [each for each in found if each is not None],
            places[-1].encode() if places and begin + len(places) < total else None,
        )


class _Base:
    """Figures of groups, with their shares of the whole."""

    def __init__(self, groups: dict[str, GroupTotals], policy: Policy | None) -> None:
        self._groups = groups
        self._digits = policy.digits if policy else _NO_DIGITS
        self._customers = sum(each.customers for each in groups.values())
        self._revenue = sum(each.revenue for each in groups.values())

    def sums(self) -> tuple[int, int, str]:
        """Return the customers, the reachable ones, and the revenue of all."""
        reachable = sum(each.reachable for each in self._groups.values())
        return self._customers, reachable, format_minor(self._revenue, self._digits)

    def figures(self, name: str) -> tuple[int, int, str, float, float]:
        """Return customers, reachable ones, revenue, share of the customers, and share of the revenue of a group."""
        group = self._groups.get(name) or GroupTotals()
        return (
            group.customers,
            group.reachable,
            format_minor(group.revenue, self._digits),
            _share(group.customers, self._customers),
            _share(group.revenue, self._revenue),
        )


def _cell_count(cell: str, segments: list[str], figures: tuple[int, int, str, float, float]) -> CellCount:
    r, f, m = scores_of(cell)
    return CellCount(cell, r, f, m, segments, *figures)


def _share(part: int, whole: int) -> float:
    """Return part divided by whole, to six digits; 0 if the whole is not positive."""
    return round(part / whole, 6) if whole > 0 else 0.0


def _policy_cells(policy: Policy) -> Iterator[tuple[str, list[str]]]:
    """Yield the cells of a policy, best first, each with the segments that it can have."""
    measures = (policy.recency_edges_ms, policy.frequency_edges, policy.monetary_edges_minor)
    for r, f, m in product(*(range(len(edges) + 1, 0, -1) for edges in measures)):
        yield CELLS[r][f][m], [name for _, name in policy.table[r][f][m]]
    yield POTENTIAL_CELL, [policy.segment_names[-1]]


_UNTITLED: Final = Titles(None, None)


def customer_answer(customer_id: str, flat: Sequence[str]) -> Customer | None:
    """Return a customer from the reply to HGETALL; None if there is no such hash."""
    if not flat:
        return None
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    get = fields.get
    next_down, next_up, gap, overdue = get("next_down"), get("next_up"), get("order_gap_days"), get("overdue")
    return Customer(
        customer_id=customer_id,
        segment=fields["segment"],
        cell=fields["cell"],
        seq=int(fields["seq"]),
        since=fields["since"],
        last_order_at=get("last_order_at") or None,
        first_order_at=get("first_order_at") or None,
        frequency=int(fields["frequency"]),
        monetary=fields["monetary"],
        currency=fields["currency"],
        average_check=fields["average_check"],
        lifetime_value=fields["lifetime_value"],
        lifetime_orders=int(fields["lifetime_orders"]),
        policy=fields["policy"],
        as_of=fields["as_of"],
        next_down=msgspec.json.decode(next_down, type=NextDown) if next_down else None,
        next_up=msgspec.json.decode(next_up, type=NextUp) if next_up else None,
        discount_seeker=get("discount_seeker") == "1",
        difficult=get("difficult") == "1",
        favourite_store=get("favourite_store") or None,
        favourite_channel=get("favourite_channel") or None,
        referrals=int(get("referrals") or 0),
        order_gap_days=float(gap) if gap else None,
        overdue=float(overdue) if overdue else None,
        reachable=get("reachable") == "1",
        channels=(get("channels") or "").split(),
    )
