"""Checks × scenes: whatever happens to workers or on the way to the broker, all is as if nothing had happened.

More of them, and longer ones, are in tests/fault/long (`make faults`), and random ones in tests/soak (`make soak`).
"""

from collections.abc import AsyncIterator, Awaitable, Mapping
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio

from tests.fault import faults, lines
from tests.fault.checks import hold
from tests.fault.plots import FAILING, LEAVERS, Place, Plot, plays_of, year_of
from tests.fault.proxy import NO_RETRY
from tests.fault.scene import CARELESS, live_through, scene
from tests.servers.apache_kafka import ApacheKafka

PLOTS: Final = {
    "three workers are killed, and hang, again and again": Plot(
        3, year_of(350), [faults.killed, faults.hung, faults.killed_while_it_recovers, faults.all_killed]
    ),
    "what was written arrives late": Plot(
        2,
        year_of(300),
        [lines.cut_off, *map(lines.arrives_late, ("journal", "customers")), faults.all_killed],
        lines=True,
    ),
    "erasures arrive late": Plot(
        2,
        LEAVERS,
        [lines.arrives_late("customers", tombstone=True), lines.arrives_late("erasure-ledger"), faults.all_killed],
        lines=True,
    ),
    "a delivery fails, to one topic after the other": Plot(
        1, year_of(650), [lines.errors_that_pass, *FAILING], lines=True
    ),
    "workers come and go and are all restarted": Plot(
        2, year_of(200), [faults.joined_and_left, faults.restarted_one_by_one]
    ),
    "polls take records for nobody and bring others again": Plot(
        2, year_of(200), [faults.killed, faults.all_killed], program=CARELESS
    ),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plays(
    request: pytest.FixtureRequest, kafka: ApacheKafka, scene_seed: int, place: Place
) -> AsyncIterator[Mapping[str, Awaitable[None]]]:
    """The scenes that are asked for, running."""
    async with plays_of(PLOTS, request, kafka, place, scene_seed) as running:
        yield running


@pytest.mark.timeout(400)
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", PLOTS)
async def test_all_is_as_if_nothing_had_happened_when(plays: Mapping[str, Awaitable[None]], name: str) -> None:
    await plays[name]


@pytest.mark.timeout(150)
async def test_when_the_first_policy_cannot_be_written_it_is_written_later(
    kafka: ApacheKafka, prefix: str, tmp_path: Path, seed: int
) -> None:
    async with scene(kafka, prefix, tmp_path, year_of(40)(seed), workers=0, lines=1) as lived:
        (line,) = lived.spare_lines
        line.refuse(lived.site.topic("control"), NO_RETRY["TOPIC_AUTHORIZATION_FAILED"])
        worker = lived.worker()
        await lived.shared()
        assert line.refused[lived.site.topic("control")] == 1
        assert worker.log.count("stage admit failed") == 1
        assert await lines.failures(worker, "admit") == 1
        await live_through(lived, [])
        await hold(lived)
