"""The figures of the page Now: the segments as they are, and who came and went today."""

import asyncio
from typing import NamedTuple

from agents.serve.lookups.answers import Flow, SegmentCount, Segments
from agents.serve.lookups.lookups import Lookups


class Tile(NamedTuple):
    """A segment on the page.

    Attributes:
        segment: its customers, of them reachable, and its shares.
        entered: customers who came into it today; `left` those who left it.
    """

    segment: SegmentCount
    entered: int
    left: int


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


async def read_figures(lookups: Lookups, today: str | None) -> NowFigures:
    """Read the figures, those of the day from the flows of that day."""
    if today is None:
        base, flows = await lookups.segments(), []
    else:
        base, moved = await asyncio.gather(lookups.segments(), lookups.flows(today, today))
        flows = moved.flows
    best = base.segments[0] if base.segments else None
    return NowFigures(base, tiles_of(base, flows), best if best is not None and best.customers else None, today)


def tiles_of(base: Segments, flows: list[Flow]) -> list[Tile]:
    """Return a tile for each segment, with those who came and went."""
    entered: dict[str, int] = {}
    left: dict[str, int] = {}
    for flow in flows:
        entered[flow.to_segment] = entered.get(flow.to_segment, 0) + flow.customers
        if flow.from_segment is not None:
            left[flow.from_segment] = left.get(flow.from_segment, 0) + flow.customers
    return [Tile(segment, entered.get(segment.name, 0), left.get(segment.name, 0)) for segment in base.segments]
