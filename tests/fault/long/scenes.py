"""Scenes that take longer, in the order of what they need: time, a broker that is away for long, every combination.

No `test_` in the name of the file: the ordinary run of the tests does not collect it, `make faults` names it.
"""

from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import Final

import pytest
import pytest_asyncio

from tests.fault import faults, lines
from tests.fault.plots import LEAVERS, Place, Plot, plays_of, year_of
from tests.fault.scene import Fault
from tests.fault.test_recovery import TAMPERS, recovered_from
from tests.fault.wall import hold, shop
from tests.servers.apache_kafka import ApacheKafka

LATE: Final = ("journal", "segment-changes", "offers", "customers", "progress", "source-times")

_PLOTS = {
    "three workers are killed at random": Plot(
        3, year_of(1500), [faults.killed, faults.all_killed, faults.killed_while_it_recovers, faults.hung] * 2
    ),
    "Redis goes away, hangs and is emptied": Plot(
        2, year_of(400), [faults.redis_emptied, faults.redis_gone, faults.redis_hung]
    ),
    "the broker is slow, cut off and away": Plot(3, year_of(600), [lines.slow, lines.cut_off, lines.away], lines=True),
    "the broker answers with errors that pass": Plot(2, year_of(600), [lines.errors_that_pass] * 3, lines=True),
} | {
    f"what is written to {topic} arrives late": Plot(
        3, year_of(500), [lines.arrives_late(topic), faults.all_killed], lines=True
    )
    for topic in LATE
}
PLOTS: Final = _PLOTS | {
    f"the table of {whose} is recovered: {name}": Plot(1, year, [recovered_from(tamper)])
    for name, tamper in TAMPERS.items()
    for whose, year in (("a year", year_of(250)), ("leavers", LEAVERS))
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plays(
    request: pytest.FixtureRequest, kafka: ApacheKafka, scene_seed: int, place: Place
) -> AsyncIterator[Mapping[str, Awaitable[None]]]:
    """The scenes that are asked for, running."""
    async with plays_of(PLOTS, request, kafka, place, scene_seed) as running:
        yield running


@pytest.mark.timeout(1800)
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", PLOTS)
async def test_all_is_as_if_nothing_had_happened_when(plays: Mapping[str, Awaitable[None]], name: str) -> None:
    await plays[name]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "gone", [lines.gone_at_the_start(60), lines.gone_for(60)], ids=["at the start", "in the middle"]
)
async def test_a_broker_that_is_gone_for_a_minute_costs_nothing(
    kafka: ApacheKafka, place: Place, scene_seed: int, gone: Fault
) -> None:
    await Plot(2, year_of(400), [gone, faults.killed]).play(kafka, place, scene_seed)


@pytest.mark.timeout(600)
async def test_nobody_in_an_open_shop_lapses_too_soon_when_the_broker_is_gone_for_a_minute(
    kafka: ApacheKafka, place: Place, scene_seed: int
) -> None:
    async with shop(kafka, *place(), scene_seed, workers=2) as opened:
        await opened.suffer([lines.gone_for(60), faults.killed])
        await hold(opened)
