"""The figures of the page Now: the segments as they are, and who came and went today."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from agents.serve.lookups.answers import Flow, SegmentCount, Segments
from agents.serve.lookups.lookups import FlowsAsked, Lookups
from agents.serve.lookups.projections.flow_lookup import Counting
from agents.serve.lookups.projections.flow_reach import MAX_BY_SEGMENT, FlowReach, Moved


class Tile(NamedTuple):
    """A segment on the page.

    Attributes:
        segment: its customers, of them reachable, and its shares.
        entered: customers who came into it today; `left` those who left it.
    """

    segment: SegmentCount
    entered: "MovedToday"
    left: "MovedToday"


class MovedToday(NamedTuple):
    """Customers who moved today, and how many of them can be reached; None while so many are counted."""

    customers: int
    reachable: int | None


class NowFigures(NamedTuple):
    """What the page shows, by the names that its templates use.

    Attributes:
        golden: the best segment of the policy, if anybody is in it: the page's first sentence tells its shares.
        today: the day of `entered` and `left`; None before the first tick.
    """

    base: Segments
    tiles: list[Tile]
    golden: SegmentCount | None
    today: str | None


async def read_figures(lookups: Lookups, today: str | None, *, is_live: bool = False) -> NowFigures:
    """Read the figures, those of the day from the flows of that day.

    On a day with many moves, who of them can be reached is counted in the background while a page is live.
    """
    if today is None:
        base, flows, reach = await lookups.segments(), [], None
    else:
        base, moved = await asyncio.gather(lookups.segments(), lookups.flows(today, today))
        flows = moved.flows
        is_begun = is_live and sum(flow.changes for flow in flows) <= MAX_BY_SEGMENT
        reach = await lookups.flow_reach(FlowsAsked(today, today), Counting.BEGUN if is_begun else Counting.AT_HAND)
    best = base.segments[0] if base.segments else None
    golden = best if best is not None and best.customers else None
    return NowFigures(base, tiles_of(base, flows, reach), golden, today)


def tiles_of(base: Segments, flows: list[Flow], reach: FlowReach | None) -> list[Tile]:
    """Return a tile for each segment, with those who came and went: different customers, or moves of very many."""
    entered: Counter[str] = Counter()
    left: Counter[str] = Counter()
    for flow in flows:
        entered[flow.to_segment] += flow.customers
        if flow.from_segment is not None:
            left[flow.from_segment] += flow.customers
    known_after, known_before = ({}, {}) if reach is None else (reach.after, reach.before)

    def moved(name: str, known: Mapping[str, Moved], counted: Counter[str]) -> MovedToday:
        return MovedToday(*known[name]) if name in known else MovedToday(counted[name], None)

    return [
        Tile(segment, moved(segment.name, known_after, entered), moved(segment.name, known_before, left))
        for segment in base.segments
    ]
