"""A retailer's year through `events`: the output equals the oracle's, which sees only the input."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from redis.asyncio import Redis

from agents.demo.embedded.broker import Embedded
from tests.oracle import Oracle, Result
from tests.records.kafka_records import publish, read
from tests.retail.comparison import assert_daily, assert_published, assert_redis, redis_contents, redis_shows_all
from tests.retail.rules import GULF, STEPPE
from tests.retail.year import Year, draw_year
from tests.running.workers import Samples, Site, until
from tests.servers.redis_server import RedisServer
from tests.servers.topics import make_topic

PARTITIONS = 4
DROPPED = {
    "excess": "excess_refund",
    "order_never_came": "refund_without_order",
    "unknown_customer": "contact_of_unknown",
    "unknown_message": "contact_of_unknown_message",
    "referral_of_unknown": "referral_of_unknown",
    "cost_without_rate": "cost_without_rate",
    "erased": "after_erasure",
    "no_rate": "refund_without_rate",
}
"""What the oracle calls the reasons that the metrics name."""


@pytest.mark.timeout(300)
async def test_a_years_outputs_counters_and_redis_equal_the_oracle(
    site: Site, redis_server: RedisServer, seed: int
) -> None:
    await _live_a_year(site, redis_server.url, draw_year(seed, STEPPE, 2000), source_partitions=3)


@pytest.mark.timeout(200)
async def test_a_year_on_the_embedded_broker_equals_the_oracle(
    embedded: Embedded, prefix: str, tmp_path: Path, seed: int
) -> None:
    site = Site(embedded.kafka, prefix, tmp_path, {}, ("-m", "agents.demo.embedded.worker"))
    try:
        await _live_a_year(site, embedded.redis, draw_year(seed, GULF, 250), source_partitions=1)
    finally:
        site.close()


async def _live_a_year(site: Site, redis: str, year: Year, source_partitions: int) -> None:
    site.settings |= year.rules.settings(site.directory) | {"TIME": "event", "REDIS": redis}
    site.settings["PARTITIONS"] = str(PARTITIONS)
    await make_topic(site.kafka, site.topic("events"), source_partitions)
    await publish(site.kafka, site.topic("events"), year.records)
    result = asyncio.create_task(asyncio.to_thread(Oracle(site.prefix).run, list(year.steps())))

    worker = site.worker()
    await worker.ready()
    await site.advance(year.ends_at)
    expected = await result

    await assert_published(site.kafka, site.prefix, expected, PARTITIONS)
    await assert_daily(site.kafka, site.prefix, expected, year.ends_at)
    await redis_shows_all(site.kafka, redis, site.prefix)
    await assert_redis(redis, site.prefix, expected, year.ends_at)
    await _assert_rejected(site, year)
    _assert_counted(await worker.metrics(), site, year, expected)
    customers = Counter((facts.segment,) for facts in expected.customers.values())

    async def gauged() -> bool:
        return (await worker.metrics()).by("goldstream_customers", "segment") == customers

    await until(gauged, "the gauge of customers, which looks once a second")
    assert await worker.stop() == 0

    before = await redis_contents(redis, site.prefix)
    async with Redis.from_url(redis) as client:
        await client.flushall()
    rebuilt = await site.command("rebuild-redis", "--yes")
    assert rebuilt.status == 0, rebuilt.errors
    assert await redis_contents(redis, site.prefix) == before


async def _assert_rejected(site: Site, year: Year) -> None:
    """Check that rejected records are in `rejected` unchanged."""
    rejected = await read(site.kafka, site.topic("rejected"))
    assert Counter((record.key, record.value) for record in rejected) == Counter(
        (each.key, each.value) for each in year.wrong
    )


def _assert_counted(samples: Samples, site: Site, year: Year, expected: Result) -> None:
    """Check that the counters add up to the records and equal the oracle's."""
    events = site.topic("events")
    assert samples.by("goldstream_records_total", "topic", "outcome") == {
        (events, "admitted"): len(year.events) - year.anonymous,
        (events, "anonymous"): year.anonymous,
        (events, "rejected"): len(year.wrong),
    }
    assert samples.total("goldstream_rejected_total") == len(year.wrong)
    assert samples.by("goldstream_duplicates_total", "type") == {(k,): n for k, n in expected.duplicates.items()}
    dropped = {(DROPPED[reason],): count for reason, count in expected.dropped.items()}
    assert samples.by("goldstream_dropped_total", "reason") == dropped
    assert samples.total("goldstream_fenced_total") == 0
    changes = Counter((each["from"] or "none", each["to"], each["cause"]["kind"]) for each in expected.changes)
    assert samples.by("goldstream_segment_changes_total", "from_segment", "to_segment", "cause") == changes
    messages = Counter((each["campaign"], "sent") for each in expected.messages)
    messages += Counter((each["campaign"], each["reason"]) for each in expected.suppressions)
    assert samples.by("goldstream_messages_total", "campaign", "outcome") == messages
