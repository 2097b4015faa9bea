"""Redis answers late, not at all, or half: changes are published as ever, and Redis catches up once it answers."""

import pytest

from tests.oracle import Oracle
from tests.records.kafka_records import publish
from tests.retail.comparison import assert_published, assert_redis, redis_shows_all
from tests.retail.rules import STEPPE
from tests.retail.year import draw_year
from tests.running.workers import Site, until
from tests.servers.redis_server import RedisServer
from tests.servers.slow_redis import SlowRedis
from tests.servers.topics import make_topic

PARTITIONS = 2
HALF_A_REPLY = 7


@pytest.mark.timeout(240)
@pytest.mark.parametrize("behaviour", ["answers after 50 ms", "never answers", "stops in the middle of a reply"])
async def test_changes_do_not_wait_for_redis_which_catches_up(
    site: Site, redis_server: RedisServer, seed: int, behaviour: str
) -> None:
    year = draw_year(seed, STEPPE, 200)
    first, second = year.waves(2)
    site.settings |= STEPPE.settings(site.directory) | {"TIME": "event", "PARTITIONS": str(PARTITIONS)}
    await make_topic(site.kafka, site.topic("events"))
    async with SlowRedis(redis_server) as redis:
        worker = site.worker(REDIS=redis.url)
        await worker.ready()
        await publish(site.kafka, site.topic("events"), first)
        await redis_shows_all(site.kafka, redis_server.url, site.prefix)
        joined = (await worker.metrics()).total("goldstream_rebalances_total", stage="project")

        hangs = behaviour != "answers after 50 ms"
        if hangs:
            redis.hang(HALF_A_REPLY if behaviour == "stops in the middle of a reply" else 0)
        else:
            redis.latency_s = 0.05
        await publish(site.kafka, site.topic("events"), second)
        await site.advance(year.ends_at)
        expected = Oracle(site.prefix).run(year.steps())
        await assert_published(site.kafka, site.prefix, expected, PARTITIONS)

        if hangs:

            async def is_noticed() -> bool:
                return (await worker.metrics()).total("goldstream_redis_up") == 0

            await until(is_noticed, "the worker to notice that Redis hangs")
            assert await worker.get("/health") == (200, "ok\n")
            assert worker.log.count("Redis is down (it cannot be reached (no answer within 10 s)") == 1, worker.log
            assert redis.swallowed
            redis.answer()
            await worker.wait_for_log("Redis is back")
        await redis_shows_all(site.kafka, redis_server.url, site.prefix)
        await assert_redis(redis_server.url, site.prefix, expected, year.ends_at)
        samples = await worker.metrics()
        assert samples.total("goldstream_redis_up") == 1
        assert samples.total("goldstream_stage_restarts_total") == 0, worker.log
        assert samples.total("goldstream_rebalances_total", stage="project") == joined, "it stayed in its group"
        assert await worker.stop() == 0
