"""Warm tables: after a rebalance or a dead worker only what was written since is read, not the whole changelog."""

import asyncio
from collections import Counter

import pytest

from tests.integration.replay.replay_history import PARTITIONS, make_events, set_up_year
from tests.oracle import Oracle
from tests.records.kafka_records import publish, read
from tests.retail.comparison import assert_published, assert_redis, redis_shows_all, time_comes
from tests.running.workers import RunningWorker, Site, until
from tests.servers.redis_server import RedisServer

HASTY = ("-m", "tests.fault.workers.short_session_worker")
"""A worker that is given up after seconds: how long the others wait for its partitions is not what is tried here."""
FEW = 10
"""Records of a tail: the fences of those who had the partition, and hardly anything else; often none at all."""


async def recovered(worker: RunningWorker) -> dict[str, float]:
    """Return how many records the recovery of each of a worker's partitions read; empty while it is not ready."""
    if (await worker.get("/ready"))[0] != 200:
        return {}
    read_by = (await worker.metrics()).values("goldstream_recovery_records", "partition")
    return {partition: count for (partition,), count in read_by.items()}


@pytest.mark.timeout(300)
async def test_a_rebalance_and_a_standby_read_only_what_was_written_since(
    site: Site, redis_server: RedisServer, seed: int
) -> None:
    year = set_up_year(site, 600, seed)
    site.settings["REDIS"] = redis_server.url
    expected = asyncio.create_task(asyncio.to_thread(Oracle(site.prefix).run, list(year.steps())))
    await make_events(site, partitions=1)
    first = site.worker(program=HASTY)
    await first.ready()
    waves = year.waves(3)
    await publish(site.kafka, site.topic("events"), waves[0])
    await time_comes(site.kafka, site.prefix, year.latest(waves[0]), PARTITIONS)

    second = site.worker(program=HASTY, STANDBY="all")

    async def shared() -> bool:
        has, others = await recovered(first), await recovered(second)
        return len(has) == len(others) == PARTITIONS // 2 and not has.keys() & others.keys()

    await until(shared, "two workers to share the partitions", within_s=120, every_s=0.2)
    changelog = Counter(str(record.partition) for record in await read(site.kafka, site.topic("customers")))
    stayed = await recovered(first)
    assert max(stayed.values()) <= FEW, f"what stayed was read again: {stayed} of {changelog}"
    assert min(changelog.values()) > 10 * FEW, f"the history is too short to tell: {changelog}"

    await publish(site.kafka, site.topic("events"), waves[1])
    await time_comes(site.kafka, site.prefix, year.latest(waves[1]), PARTITIONS)

    async def warm() -> bool:
        lags = (await second.metrics()).values("goldstream_standby_lag_records", "partition")
        return lags == {(partition,): 0.0 for partition in stayed}

    await until(warm, f"the standby to have read the changelog of {sorted(stayed)}", every_s=0.2)
    changelog = Counter(str(record.partition) for record in await read(site.kafka, site.topic("customers")))
    first.kill()
    await publish(site.kafka, site.topic("events"), waves[2])

    async def taken_over() -> dict[str, float]:
        has = await recovered(second)
        return has if len(has) == PARTITIONS else {}

    has = await until(taken_over, "the standby to have all partitions", within_s=120, every_s=0.2)
    seconds = (await second.metrics()).by("goldstream_recovery_seconds", "partition")
    print(f"recovered {has} of {changelog} in {seconds}")
    assert max(has.values()) <= FEW, f"read {has} of {changelog}"

    await site.advance(year.ends_at)
    await assert_published(site.kafka, site.prefix, await expected, PARTITIONS, repeats=True)
    await redis_shows_all(site.kafka, redis_server.url, site.prefix)
    await assert_redis(redis_server.url, site.prefix, await expected, year.ends_at)
    assert await second.stop() == 0
