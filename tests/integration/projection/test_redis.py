"""Redis goes away, returns empty, hangs or is restored from a backup: nothing stops, and the projection catches up."""

import asyncio
import random
from collections.abc import Sequence

import pytest
from redis.asyncio import Redis

from agents.project.customers_projector import CustomersProjector
from agents.project.redis_connection import connect_redis
from state.config.policy import Policy
from state.config.policy_reader import parse_policy
from streams.settings.settings import Settings
from tests.oracle import Oracle
from tests.records.kafka_records import Ends, Published, publish, read
from tests.retail.comparison import assert_published, assert_redis, redis_contents, redis_shows_all, time_comes
from tests.retail.rules import STEPPE
from tests.retail.year import Year, draw_year
from tests.running.workers import RunningWorker, Site, until
from tests.servers.redis_server import RedisServer
from tests.servers.topics import make_topic

PARTITIONS = 2


async def _begin(site: Site, redis: RedisServer) -> RunningWorker:
    site.settings |= STEPPE.settings(site.directory) | {"TIME": "event", "REDIS": redis.url}
    site.settings["PARTITIONS"] = str(PARTITIONS)
    await make_topic(site.kafka, site.topic("events"))
    return site.worker()


async def _publish_part(site: Site, wave: Sequence[Published]) -> None:
    """Publish a part of the year and wait for changes."""
    async with Ends(site.kafka) as ends:
        before = await ends.of(site.topic("segment-changes"))
        await publish(site.kafka, site.topic("events"), wave)

        async def come() -> bool:
            return await ends.of(site.topic("segment-changes")) > before

        await until(come, "changes to be published")


async def _shown_some(site: Site, count: int, lived: "asyncio.Task[None]") -> None:
    """Wait until this many more states are in the changelog, or everything is processed."""
    async with Ends(site.kafka) as ends:
        wanted = await ends.of(site.topic("customers")) + count

        async def under_way() -> bool:
            return lived.done() or await ends.of(site.topic("customers")) >= wanted

        await until(under_way, "the wave to be under way", every_s=0.005)


async def _check_all(site: Site, redis: RedisServer, year: Year, worker: RunningWorker) -> None:
    """Check that nothing stopped, and that Kafka and Redis equal the oracle."""
    await site.advance(year.ends_at)
    expected = Oracle(site.prefix).run(year.steps())
    await assert_published(site.kafka, site.prefix, expected, PARTITIONS)
    await redis_shows_all(site.kafka, redis.url, site.prefix)
    await assert_redis(redis.url, site.prefix, expected, year.ends_at)
    samples = await worker.metrics()
    assert samples.total("goldstream_stage_restarts_total") == 0, worker.log
    assert samples.total("goldstream_redis_up") == 1


@pytest.mark.timeout(240)
async def test_redis_catches_up_after_it_was_away(site: Site, redis_server: RedisServer, seed: int) -> None:
    year = draw_year(seed, STEPPE, 200)
    first, second, third = year.waves(3)
    redis_server.stop()
    try:
        worker = await _begin(site, redis_server)
        await _publish_part(site, first)
        await worker.wait_for_log("Redis is down")
        assert await worker.get("/health") == (200, "ok\n")
        await asyncio.to_thread(redis_server.start)
        await worker.wait_for_log("Redis is back")
        await redis_shows_all(site.kafka, redis_server.url, site.prefix)

        redis_server.stop()
        await _publish_part(site, second)

        async def missed() -> bool:
            return (await worker.metrics()).total("goldstream_redis_up") == 0

        await until(missed, "the worker to miss Redis")
    finally:
        await asyncio.to_thread(redis_server.start)
    await redis_shows_all(site.kafka, redis_server.url, site.prefix)
    with redis_server.frozen():
        await _publish_part(site, third)
    await _check_all(site, redis_server, year, worker)
    assert await worker.stop() == 0


@pytest.mark.timeout(240)
async def test_a_flushed_or_restored_redis_is_filled_again(site: Site, redis_server: RedisServer, seed: int) -> None:
    rng = random.Random(seed)
    year = draw_year(seed, STEPPE, 400)
    first, *others = year.waves(6)
    worker = await _begin(site, redis_server)
    await _publish_part(site, first)
    await time_comes(site.kafka, site.prefix, year.latest(first), PARTITIONS)
    await redis_shows_all(site.kafka, redis_server.url, site.prefix)

    async with Redis.from_url(redis_server.url) as redis:
        before = await redis_contents(redis_server.url, site.prefix)
        copy = {key: await redis.dump(key) async for key in redis.scan_iter(f"{site.prefix}:*")}
        redis_server.flush()
        await redis_shows_all(site.kafka, redis_server.url, site.prefix)
        assert await redis_contents(redis_server.url, site.prefix) == before

        for number, wave in enumerate(others):
            lived = asyncio.create_task(_publish_part(site, wave))
            await _shown_some(site, rng.randint(1, 200), lived)
            redis_server.flush()
            if number % 2:
                for key, value in copy.items():
                    await redis.restore(key, 0, value or b"", replace=True)
            await lived
    await _check_all(site, redis_server, year, worker)
    assert await worker.stop() == 0


async def test_a_late_write_replaces_nothing_newer_even_after_an_erasure(
    site: Site, redis_server: RedisServer, seed: int
) -> None:
    year = draw_year(seed, STEPPE, 150)
    worker = await _begin(site, redis_server)
    await worker.ready()
    await publish(site.kafka, site.topic("events"), year.records)
    await site.advance(year.ends_at)
    await redis_shows_all(site.kafka, redis_server.url, site.prefix)
    assert await worker.stop() == 0

    records = [record for record in await read(site.kafka, site.topic("customers")) if record.partition == 0]
    assert any(record.value is None for record in records), "somebody was erased"
    newest = await redis_contents(redis_server.url, site.prefix)

    async def policy(_ref: str) -> Policy:
        return parse_policy(STEPPE.policy)

    async with connect_redis(Settings(redis=redis_server.url)) as redis:
        late = CustomersProjector(
            redis, {"bootstrap_servers": site.kafka}, site.prefix, site.topic("customers"), 0, policy
        )
        for end in (1, len(records) // 2, len(records)):
            await late.write(records[:end])
            assert await redis_contents(redis_server.url, site.prefix) == newest
            late.position = 0
