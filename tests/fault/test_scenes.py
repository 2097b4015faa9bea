"""Checks × scenes: whatever happens to workers, Redis or the way to the broker, all is as if nothing had happened."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import pytest
import pytest_asyncio

from tests.fault import faults, lines
from tests.fault.checks import hold
from tests.fault.leavers import draw_leavers
from tests.fault.proxy import NO_RETRY
from tests.fault.scene import Fault, live_through, scene
from tests.fault.side_by_side import asked_for, side_by_side
from tests.integration.retail_rules import STEPPE
from tests.integration.retail_year import Year, draw_year
from tests.servers.apache_kafka import ApacheKafka

FAILING: Final = [
    lines.fails(topic, stage) for stage, topics in lines.WRITTEN_BY.items() for topic in topics if topic != "control"
]


class Plot(NamedTuple):
    """What happens to how many workers in whose year; workers have lines of their own where one of these is hit."""

    workers: int
    year: Callable[[int], Year]
    faults: list[Fault]
    lines: bool = False


LEAVERS: Final = partial(draw_leavers, customers=60)


def _of(customers: int) -> Callable[[int], Year]:
    return lambda seed: draw_year(seed, STEPPE, customers)


PLOTS: Final = {
    "three workers are killed again and again": Plot(
        3, _of(500), [faults.killed, faults.killed_while_it_recovers, faults.all_killed, faults.killed]
    ),
    "of three workers one hangs past its session and one is killed": Plot(3, _of(400), [faults.hung, faults.killed]),
    "workers come and go and are all restarted": Plot(
        2, _of(400), [faults.joined_and_left, faults.restarted_one_by_one]
    ),
    "Redis goes away, hangs and is emptied": Plot(
        1, _of(300), [faults.redis_emptied, faults.redis_gone, faults.redis_hung]
    ),
    "the broker is slow, cut off and away": Plot(2, _of(400), [lines.slow, lines.cut_off, lines.away], lines=True),
    "what was written arrives late": Plot(
        2,
        _of(500),
        [*map(lines.arrives_late, ("journal", "segment-changes", "customers", "progress")), faults.all_killed],
        lines=True,
    ),
    "an erasure arrives late": Plot(
        2,
        partial(draw_leavers, customers=60),
        [lines.arrives_late("customers", tombstone=True), faults.all_killed],
        lines=True,
    ),
    "the word of an erasure arrives late": Plot(
        2, LEAVERS, [lines.arrives_late("erasure-ledger"), faults.all_killed], lines=True
    ),
    "the broker answers with errors that pass": Plot(1, _of(400), [lines.errors_that_pass] * 2, lines=True),
    "a delivery fails, to one topic after the other": Plot(2, _of(600), FAILING, lines=True),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plays(
    request: pytest.FixtureRequest, kafka: ApacheKafka, scene_seed: int, place: Callable[[], tuple[str, Path]]
) -> AsyncIterator[Mapping[str, Awaitable[None]]]:
    """The scenes that are asked for, running."""

    async def play(plot: Plot) -> None:
        many = plot.workers if plot.lines else 0
        async with scene(kafka, *place(), plot.year(scene_seed), workers=plot.workers, lines=many) as lived:
            await live_through(lived, plot.faults)
            await hold(lived)

    names = asked_for(request)
    async with side_by_side({name: partial(play, plot) for name, plot in PLOTS.items() if name in names}) as running:
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
    async with scene(kafka, prefix, tmp_path, draw_year(seed, STEPPE, 40), workers=0, lines=1) as lived:
        (line,) = lived.spare_lines
        line.refuse(lived.site.topic("control"), NO_RETRY["TOPIC_AUTHORIZATION_FAILED"])
        worker = lived.worker()
        await lived.shared()
        assert line.refused[lived.site.topic("control")] == 1
        assert worker.log.count("stage admit failed") == 1
        assert await lines.failures(worker, "admit") == 1
        await live_through(lived, [])
        await hold(lived)
