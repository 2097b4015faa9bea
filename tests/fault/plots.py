"""Plots: how many workers, in whose year, and what happens to them; each is played in a scene and then judged."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from tests.fault import lines
from tests.fault.checks import hold
from tests.fault.leavers import draw_leavers
from tests.fault.scene import Fault, live_through, scene
from tests.integration.retail_rules import STEPPE
from tests.integration.retail_year import Year, draw_year
from tests.servers.apache_kafka import ApacheKafka

Place = Callable[[], tuple[str, Path]]


class Plot(NamedTuple):
    """What happens to how many workers in whose year; with `lines`, each has a way to the broker of its own."""

    workers: int
    year: Callable[[int], Year]
    faults: list[Fault]
    lines: bool = False

    async def play(self, kafka: ApacheKafka, place: Place, seed: int) -> None:
        """Live through it, and apply every check.

        Raises:
            AssertionError: names the checks that failed.
        """
        many = self.workers if self.lines else 0
        async with scene(kafka, *place(), self.year(seed), workers=self.workers, lines=many) as lived:
            await live_through(lived, self.faults)
            await hold(lived)


def year_of(customers: int) -> Callable[[int], Year]:
    """A retailer's year with so many customers."""
    return lambda seed: draw_year(seed, STEPPE, customers)


LEAVERS: Final = partial(draw_leavers, customers=60)
"""A year of customers who are erased and come back."""

FAILING: Final[list[Fault]] = [
    lines.fails(topic, stage) for stage, topics in lines.WRITTEN_BY.items() for topic in topics if topic != "control"
]
"""A failed delivery to every topic that is written in a year, one after the other."""
