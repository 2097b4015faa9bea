"""A worker is killed with SIGKILL at every step of the write order: output and state equal the oracle's.

Changes and messages may be published twice with the same bytes; none is missing or different, and `seq` has no gap.
Kills at other moments are in test_scenarios.py.
"""

import asyncio
import random
import signal
from typing import NamedTuple

import pytest

from tests.oracle import Oracle, Result
from tests.records.kafka_records import publish
from tests.retail.comparison import assert_daily, assert_published, assert_redis, redis_shows_all
from tests.retail.rules import STEPPE
from tests.retail.year import Year, draw_year
from tests.running.workers import RunningWorker, Site
from tests.servers.redis_server import RedisServer
from tests.servers.topics import make_topic

PARTITIONS = 4
STEPS = (
    "acked:rejected",
    "acked:journal",  # in some partitions only
    "acked:segment-changes",
    "acked:daily",  # published, but not marked so: published again
    "before:customers",  # published, but not in the table: published again
    "acked:erasure-ledger",  # in the ledger, but still in the table
    "acked:customers",  # written for some partitions only
    "before:progress",  # in the table, but the progress is older
    "acked:progress",  # everything but the commit
    "before:commit",  # journaled, not committed: journaled again; last, since all of a year may be read by then
)


class History(NamedTuple):
    """A published year and its expected output."""

    site: Site
    redis: str
    year: Year
    result: "asyncio.Task[Result]"

    async def finish(self) -> None:
        """End the history, and check everything against the oracle."""
        await self.site.advance(self.year.ends_at)
        expected = await self.result
        again = await assert_published(self.site.kafka, self.site.prefix, expected, PARTITIONS, repeats=True)
        await assert_daily(self.site.kafka, self.site.prefix, expected, self.year.ends_at)
        await redis_shows_all(self.site.kafka, self.redis, self.site.prefix)
        await assert_redis(self.redis, self.site.prefix, expected, self.year.ends_at)
        print(f"{len(expected.outputs)} records, {again} of them published again")


async def history_of(site: Site, redis: RedisServer, seed: int, customers: int, source_partitions: int) -> History:
    """Return a year; if `events` has several partitions, all of it is published before workers start."""
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
async def test_a_kill_at_each_step_of_the_write_order_changes_nothing(
    site: Site, redis_server: RedisServer, seed: int
) -> None:
    rng = random.Random(seed)
    history = await history_of(site, redis_server, seed, customers=800, source_partitions=6)
    data = str(site.directory / "data")
    for step in STEPS:
        times = 1 if step == "before:commit" else rng.randint(1, 3)  # by the first commit, all of the year may be read
        print(f"dies {step}, at moment {times}")
        await _died(site.worker(program=("-m", "tests.fault.workers.crashing_worker", step, str(times)), DATA=data))
    site.worker(DATA=data)
    await history.finish()
