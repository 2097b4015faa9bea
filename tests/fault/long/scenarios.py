"""Longer scenarios.

The file has no `test_` in its name, so that the ordinary run does not collect it; `make faults` names it.
"""

from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import Final

import pytest
import pytest_asyncio

from tests.fault.scenarios import network_faults, worker_faults
from tests.fault.scenarios.catalog import ERASURES, Place, Scenario, plays_of, year_of
from tests.fault.scenarios.open_shop import check_all, shop
from tests.fault.scenarios.running_scenario import Fault
from tests.fault.test_recovery import TAMPERS, recovered_from
from tests.servers.apache_kafka import ApacheKafka

LATE: Final = ("journal", "segment-changes", "offers", "customers", "progress", "source-times")

_PLOTS = {
    "three workers are killed at random": Scenario(
        3,
        year_of(1500),
        [worker_faults.killed, worker_faults.all_killed, worker_faults.killed_while_it_recovers, worker_faults.hung]
        * 2,
    ),
    "Redis goes away, hangs and is emptied": Scenario(
        2, year_of(400), [worker_faults.redis_emptied, worker_faults.redis_gone, worker_faults.redis_hung]
    ),
    "the broker is slow, cut off and away": Scenario(
        3, year_of(600), [network_faults.slow, network_faults.cut_off, network_faults.away], lines=True
    ),
    "the broker answers with errors that pass": Scenario(
        2, year_of(600), [network_faults.retriable_errors] * 3, lines=True
    ),
} | {
    f"what is written to {topic} arrives late": Scenario(
        3, year_of(500), [network_faults.arrives_late(topic), worker_faults.all_killed], lines=True
    )
    for topic in LATE
}
PLOTS: Final = _PLOTS | {
    f"the table of {whose} is recovered: {name}": Scenario(1, year, [recovered_from(tamper)])
    for name, tamper in TAMPERS.items()
    for whose, year in (("a year", year_of(250)), ("leavers", ERASURES))
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plays(
    request: pytest.FixtureRequest, kafka: ApacheKafka, scene_seed: int, place: Place
) -> AsyncIterator[Mapping[str, Awaitable[None]]]:
    """Run the selected scenarios."""
    async with plays_of(PLOTS, request, kafka, place, scene_seed) as running:
        yield running


@pytest.mark.timeout(1800)
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", PLOTS)
async def test_the_output_is_the_same_when(plays: Mapping[str, Awaitable[None]], name: str) -> None:
    await plays[name]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "gone", [network_faults.gone_at_the_start(60), network_faults.gone_for(60)], ids=["at the start", "in the middle"]
)
async def test_a_broker_away_for_a_minute_changes_nothing(
    kafka: ApacheKafka, place: Place, scene_seed: int, gone: Fault
) -> None:
    await Scenario(2, year_of(400), [gone, worker_faults.killed]).play(kafka, place, scene_seed)


@pytest.mark.timeout(600)
async def test_no_customer_lapses_early_when_the_broker_is_away_for_a_minute(
    kafka: ApacheKafka, place: Place, scene_seed: int
) -> None:
    async with shop(kafka, *place(), scene_seed, workers=2) as opened:
        await opened.play([network_faults.gone_for(60), worker_faults.killed])
        await check_all(opened)
