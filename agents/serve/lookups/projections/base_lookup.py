"""The customer base: its segments and cells in numbers, and the customers of each by monetary."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Final

from agents.project.base_totals import BaseTotals, GroupTotals, decode_totals, sum_of
from agents.project.projection_keys import ProjectionKeys
from agents.project.redis_link import pack
from agents.serve.lookups.answers import CellCount, Cells, CustomerPage, SegmentCount, Segments, Titles
from agents.serve.lookups.projections.customer_lists import CustomerLists
from agents.serve.lookups.projections.ranked_lists import ListPart
from agents.serve.lookups.projections.redis_reader import RedisReader
from agents.serve.lookups.refusals import unknown_name
from state.config.policy import CELLS, POTENTIAL_CELL, Policy, scores_of
from state.units.money import format_minor

_NO_DIGITS: Final = 2
"""Digits of sums before the first policy; they are all 0 then."""
_MANY_CELLS: Final = 30


class BaseLookup:
    """Reads the totals, and lists of the customers behind them."""

    def __init__(self, redis: RedisReader, keys: ProjectionKeys, lists: CustomerLists) -> None:
        self._redis = redis
        self._keys = keys
        self._lists = lists

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

    async def all_customers(self, part: ListPart) -> CustomerPage:
        """Return a part of all customers.

        Raises:
            LookupRefused: the cursor is none.
        """
        segments = (await self._totals()).segments
        keys = [self._keys.segment + name for name in sorted(segments)]
        return await self._lists.page(keys, sum_of(segments.values()), part)

    async def segment_customers(self, name: str, policy: Policy | None, part: ListPart) -> CustomerPage:
        """Return a part of the customers of a segment.

        Raises:
            LookupRefused: neither the policy nor any customer has the segment, or the cursor is none.
        """
        totals = await self._totals()
        names = dict.fromkeys([*(policy.segment_names if policy else ()), *sorted(totals.segments)])
        if name not in names:
            raise unknown_name("segment", name, names)
        group = totals.segments.get(name, GroupTotals())
        return await self._lists.page([self._keys.segment + name], group, part)

    async def cell_customers(self, wanted: Sequence[str], policy: Policy | None, part: ListPart) -> CustomerPage:
        """Return a part of the customers of one or several cells.

        Raises:
            LookupRefused: neither the policy nor any customer has one of the cells, or the cursor is none.
        """
        totals = await self._totals()
        cells = [each for each, _ in _policy_cells(policy)] if policy else []
        for cell in wanted:
            if cell not in cells and cell not in totals.cells:
                listed = [*cells[:_MANY_CELLS], "…"] if len(cells) > _MANY_CELLS else cells
                raise unknown_name("cell", cell, listed or sorted(totals.cells))
        present = [cell for cell in wanted if cell in totals.cells]
        group = sum_of(totals.cells[cell] for cell in present)
        return await self._lists.page([self._keys.cell + cell for cell in present], group, part)

    async def _totals(self) -> BaseTotals:
        (flat,) = await self._redis.read([pack("HGETALL", self._keys.totals)])
        base = BaseTotals({}, {})
        for text in flat[1::2]:
            base.merge(decode_totals(text))
        return base


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
