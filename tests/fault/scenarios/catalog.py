"""Scenarios: how many workers, which history, and which faults; each is played and then checked."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.fault.scenarios import network_faults
from tests.fault.scenarios.checks import check_all
from tests.fault.scenarios.concurrent_scenarios import run_concurrently, selected_names
from tests.fault.scenarios.erasure_history import draw_erasure_history
from tests.fault.scenarios.running_scenario import SHORT_SESSION, Fault, play_year, running_year
from tests.retail.rules import STEPPE
from tests.retail.year import Year, draw_year
from tests.servers.apache_kafka import ApacheKafka

Place = Callable[[], tuple[str, Path]]


class Scenario(NamedTuple):
    """Faults that hit a number of workers during a history; with `lines`, each worker has a proxy of its own.

    Attributes:
        program: the arguments of Python that start a worker.
    """

    workers: int
    year: Callable[[int], Year]
    faults: list[Fault]
    lines: bool = False
    program: tuple[str, ...] = SHORT_SESSION

    async def play(self, kafka: ApacheKafka, place: Place, seed: int) -> None:
        """Play it, and apply every check.

        Raises:
            AssertionError: names the checks that failed.
        """
        many = self.workers if self.lines else 0
        year, program = self.year(seed), self.program
        async with running_year(kafka, *place(), year, workers=self.workers, lines=many, program=program) as scenario:
            await play_year(scenario, self.faults)
            await check_all(scenario)


@asynccontextmanager
async def plays_of(
    plots: Mapping[str, Scenario], request: pytest.FixtureRequest, kafka: ApacheKafka, place: Place, seed: int
) -> AsyncIterator[Mapping[str, Awaitable[None]]]:
    """Play those scenarios of a module whose tests were selected."""
    names = selected_names(request)
    plays = {name: partial(plot.play, kafka, place, seed) for name, plot in plots.items() if name in names}
    async with run_concurrently(plays) as running:
        yield running


def year_of(customers: int) -> Callable[[int], Year]:
    """Return a function that draws a retailer's year with this many customers."""
    return lambda seed: draw_year(seed, STEPPE, customers)


ERASURES: Final = partial(draw_erasure_history, customers=60)
"""A year of customers who are erased and return."""

FAILING: Final[list[Fault]] = [
    network_faults.fails(topic, stage)
    for stage, topics in network_faults.WRITTEN_BY.items()
    for topic in topics
    if topic != "control"
]
"""A failed delivery to each topic that a year writes, one after the other."""
