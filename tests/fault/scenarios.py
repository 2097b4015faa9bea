"""Plots: how many workers, in whose year, and what happens to them; each is played in a scene and then judged."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.fault import network_faults
from tests.fault.checks import check_all
from tests.fault.concurrent_scenarios import asked_for, side_by_side
from tests.fault.erasure_history import draw_erasure_history
from tests.fault.running_scenario import SHORT_SESSION, Fault, play_year, running_year
from tests.integration.retail_rules import STEPPE
from tests.integration.retail_year import Year, draw_year
from tests.servers.apache_kafka import ApacheKafka

Place = Callable[[], tuple[str, Path]]


class Scenario(NamedTuple):
    """What happens to how many workers in whose year; with `lines`, each has a way to the broker of its own.

    Attributes:
        program: what the workers run.
    """

    workers: int
    year: Callable[[int], Year]
    faults: list[Fault]
    lines: bool = False
    program: tuple[str, ...] = SHORT_SESSION

    async def play(self, kafka: ApacheKafka, place: Place, seed: int) -> None:
        """Live through it, and apply every check.

        Raises:
            AssertionError: names the checks that failed.
        """
        many = self.workers if self.lines else 0
        year, program = self.year(seed), self.program
        async with running_year(kafka, *place(), year, workers=self.workers, lines=many, program=program) as lived:
            await play_year(lived, self.faults)
            await check_all(lived)


@asynccontextmanager
async def plays_of(
    plots: Mapping[str, Scenario], request: pytest.FixtureRequest, kafka: ApacheKafka, place: Place, seed: int
) -> AsyncIterator[Mapping[str, Awaitable[None]]]:
    """Those of a module's plots that the selected tests ask for, being played."""
    names = asked_for(request)
    plays = {name: partial(plot.play, kafka, place, seed) for name, plot in plots.items() if name in names}
    async with side_by_side(plays) as running:
        yield running


def year_of(customers: int) -> Callable[[int], Year]:
    """A retailer's year with so many customers."""
    return lambda seed: draw_year(seed, STEPPE, customers)


ERASURES: Final = partial(draw_erasure_history, customers=60)
"""A year of customers who are erased and come back."""

FAILING: Final[list[Fault]] = [
    network_faults.fails(topic, stage)
    for stage, topics in network_faults.WRITTEN_BY.items()
    for topic in topics
    if topic != "control"
]
"""A failed delivery to every topic that is written in a year, one after the other."""
