"""A worker killed with -9 at every step of writing: what was published and what is known is the oracle's.

Changes and messages may come twice, then with the same bytes; none is missing, none is another, and every customer's
`seq` has no gap. Deaths at any other moment are in test_scenes.py.
"""

import asyncio
import random
import signal
from typing import NamedTuple

import pytest

from tests.integration.comparison import assert_daily, assert_published, assert_redis, redis_shows_all
from tests.integration.kafka_records import publish
from tests.integration.retail_rules import STEPPE
from tests.integration.retail_year import Year, draw_year
from tests.integration.workers import RunningWorker, Site
from tests.oracle import Oracle, Result
from tests.servers.redis_server import RedisServer
from tests.servers.topics import make_topic

PARTITIONS = 4
STEPS = (
    "acked:rejected",
    "acked:journal",  # in some partitions only
    "acked:segment-changes",
    "acked:daily",  # told, but not noted that it is: it is told again
    "before:customers",  # told, but not remembered: it is told again
    "acked:erasure-ledger",  # forgotten, but still in the table
    "acked:customers",  # some partitions remember, others do not
    "before:progress",  # remembered, but the progress is older than the table
    "acked:progress",  # all done but the commit
    "before:commit",  # journaled, but not committed: it is journaled again; last, for by then all of a year may be read
)


class History(NamedTuple):
    """A published year, and what must come of it."""

    site: Site
    redis: str
    year: Year
    result: "asyncio.Task[Result]"

    async def finish(self) -> None:
        """End the history, and hold everything against the oracle."""
        await self.site.advance(self.year.ends_at)
        expected = await self.result
        again = await assert_published(self.site.kafka, self.site.prefix, expected, PARTITIONS, repeats=True)
        await assert_daily(self.site.kafka, self.site.prefix, expected, self.year.ends_at)
        await redis_shows_all(self.site.kafka, self.redis, self.site.prefix)
        await assert_redis(self.redis, self.site.prefix, expected, self.year.ends_at)
        print(f"{len(expected.outputs)} records, {again} of them published again")


async def history_of(site: Site, redis: RedisServer, seed: int, customers: int, source_partitions: int) -> History:
    """A year, whose `events` have so many partitions; if more than one, all of it is published before workers start."""
    year = draw_year(seed, STEPPE, customers)
    site.settings |= STEPPE.settings(site.directory) | {"TIME": "event", "REDIS": redis.url}
    site.settings["PARTITIONS"] = str(PARTITIONS)
    await make_topic(site.kafka, site.topic("events"), source_partitions)
    if source_partitions > 1:
        await publish(site.kafka, site.topic("events"), year.records)
    oracle = Oracle(site.prefix)
    return History(site, redis.url, year, asyncio.create_task(asyncio.to_thread(oracle.run, list(year.steps()))))


async def _died(worker: RunningWorker) -> None:
    assert await worker.wait_for_exit(within_s=90) == -signal.SIGKILL, worker.log


@pytest.mark.timeout(300)
async def test_a_worker_that_dies_at_each_step_of_writing_leaves_what_one_that_lives_would(
    site: Site, redis_server: RedisServer, seed: int
) -> None:
    rng = random.Random(seed)
    history = await history_of(site, redis_server, seed, customers=800, source_partitions=6)
    data = str(site.directory / "data")
    for step in STEPS:
        times = rng.randint(1, 3)
        print(f"dies {step}, at moment {times}")
        await _died(site.worker(program=("-m", "tests.fault.crashing_worker", step, str(times)), DATA=data))
    site.worker(DATA=data)
    await history.finish()
