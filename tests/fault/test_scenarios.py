"""Checks × scenarios: faults of workers, network and broker change nothing in the output.

Longer scenarios are in tests/fault/long (`make faults`), random ones in tests/fault/soak (`make soak`).
"""

from collections.abc import AsyncIterator, Awaitable, Mapping
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio

from tests.fault.scenarios import network_faults, worker_faults
from tests.fault.scenarios.catalog import ERASURES, FAILING, Place, Scenario, plays_of, year_of
from tests.fault.scenarios.checks import check_all
from tests.fault.scenarios.proxy import NO_RETRY
from tests.fault.scenarios.running_scenario import LOSSY_POLLS, play_year, running_year
from tests.servers.apache_kafka import ApacheKafka

PLOTS: Final = {
    "three workers are killed, and hang, again and again": Scenario(
        3,
        year_of(350),
        [worker_faults.killed, worker_faults.hung, worker_faults.killed_while_it_recovers, worker_faults.all_killed],
    ),
    "writes arrive late": Scenario(
        2,
        year_of(300),
        [network_faults.cut_off, *map(network_faults.arrives_late, ("journal", "customers")), worker_faults.all_killed],
        lines=True,
    ),
    "erasures arrive late": Scenario(
        2,
        ERASURES,
        [
            network_faults.arrives_late("customers", tombstone=True),
            network_faults.arrives_late("erasure-ledger"),
            worker_faults.all_killed,
        ],
        lines=True,
    ),
    "a delivery fails, for one topic after the other": Scenario(
        1, year_of(650), [network_faults.retriable_errors, *FAILING], lines=True
    ),
    "processes of single stages are killed, and hang": Scenario(
        2, year_of(200), [worker_faults.stages_killed, worker_faults.stage_hung, worker_faults.stages_killed]
    ),
    "workers come and go and are all restarted": Scenario(
        2, year_of(200), [worker_faults.joined_and_left, worker_faults.restarted_one_by_one]
    ),
    "polls lose and repeat records": Scenario(
        2, year_of(200), [worker_faults.killed, worker_faults.all_killed], program=LOSSY_POLLS
    ),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plays(
    request: pytest.FixtureRequest, kafka: ApacheKafka, scene_seed: int, place: Place
) -> AsyncIterator[Mapping[str, Awaitable[None]]]:
    """Run the selected scenarios."""
    async with plays_of(PLOTS, request, kafka, place, scene_seed) as running:
        yield running


@pytest.mark.timeout(400)
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", PLOTS)
async def test_the_output_is_the_same_when(plays: Mapping[str, Awaitable[None]], name: str) -> None:
    await plays[name]


@pytest.mark.timeout(150)
async def test_a_first_policy_that_cannot_be_written_is_written_later(
    kafka: ApacheKafka, prefix: str, tmp_path: Path, seed: int
) -> None:
    async with running_year(kafka, prefix, tmp_path, year_of(40)(seed), workers=0, lines=1) as scenario:
        (line,) = scenario.spare_lines
        line.refuse(scenario.site.topic("control"), NO_RETRY["TOPIC_AUTHORIZATION_FAILED"])
        worker = scenario.worker()
        await scenario.shared()
        assert line.refused[scenario.site.topic("control")] == 1
        assert worker.log.count("stage admit failed") == 1
        assert await network_faults.failures(worker, "admit") == 1
        await play_year(scenario, [])
        await check_all(scenario)
