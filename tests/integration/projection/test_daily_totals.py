"""Daily totals in Redis and in `goldstream health`, on real servers: each part counts once, repeats do not."""

import asyncio
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from aiokafka import ConsumerRecord
from redis.asyncio import Redis

from agents.project.daily_projector import DailyProjector
from agents.project.redis_connection import connect_redis
from streams.defaults import policy_text
from streams.settings.settings import Settings
from tests.records.kafka_records import Published, publish, read
from tests.running.workers import RunningWorker, Site, until
from tests.servers.redis_server import RedisServer

if TYPE_CHECKING:
    from state.records.day_summary import AnonymousTotals, DaySummary

PARTITIONS: Final = 2
DAYS: Final = [f"2026-05-{day:02}" for day in range(1, 31)]


def _published_day(day: str, partition: int, orders: int, net: str) -> Published:
    """Return a partition's totals of a day, of which no test looks at what is 0."""
    nothing: AnonymousTotals = {
        "orders": 0,
        "gross": "0.00",
        "discounts": "0.00",
        "refund_count": 0,
        "refunds": "0.00",
        "net": "0.00",
    }
    value: DaySummary = {
        "day": day,
        "timezone": "UTC",
        "currency": "RUB",
        "new": {"signup": {}, "order": 0, "other": 0},
        "erased": 0,
        "orders": orders,
        "gross": net,
        "discounts": "0.00",
        "refund_count": 0,
        "refunds": "0.00",
        "net": net,
        "anonymous": nothing,
        "first": {"orders": 0, "gross": "0.00"},
        "repeat": {"orders": 0, "gross": "0.00"},
        "by_segment_before": {},
        "buyers": 0,
        "changes": {"new": {f"segment-{partition}": orders}},
        "lapses": 0,
        "returns": 0,
        "messages": {},
        "steps": {},
        "customers": 10,
        "segments": {"golden": {"customers": 1, "orders": orders, "net": net}},
        "reachable": 0,
        "silenced": 0,
    }
    return Published(json.dumps(value).encode(), f"{day}:{partition}".encode(), partition)


async def _days(redis: RedisServer, prefix: str) -> dict[str, Any]:
    async with Redis.from_url(redis.url, decode_responses=True) as client:
        keys = [key async for key in client.scan_iter(f"{prefix}:daily:*", count=1000)]
        return {key.rpartition(":")[2]: json.loads(await client.get(key) or "null") for key in keys}


async def _shows(redis: RedisServer, prefix: str, sums: dict[str, tuple[int, str]]) -> dict[str, Any]:
    """Wait until Redis has these orders and this net on these days; return everything it has."""

    async def shown() -> dict[str, Any] | None:
        days = await _days(redis, prefix)
        is_so = {day: (total["orders"], total["net"]) for day, total in days.items()} == sums
        return days if is_so else None

    days = await until(shown, f"Redis to show {sums}")
    assert days is not None
    return days


async def _begin(site: Site, redis: RedisServer) -> RunningWorker:
    """Start only the stage `project` with an active policy, which no lane of this test writes."""
    site.settings |= {"PARTITIONS": str(PARTITIONS), "REDIS": redis.url}
    nothing = await site.command("health")
    assert (nothing.status, nothing.out) == (1, "")
    assert nothing.errors.startswith(f"goldstream: topic {site.topic('daily')} does not exist; start a worker")
    await site.create_topics()
    nothing = await site.command("health")
    assert (nothing.status, nothing.out) == (0, f"{site.prefix} has no day yet; publish purchases\n")
    empty = await site.command("health", "--json", "--from", "2026-05-01")
    assert (empty.status, json.loads(empty.out)["days"]) == (0, [])
    file = site.directory / "policy.toml"
    file.write_text(policy_text())
    assert (await site.command("policy", "apply", str(file), "--yes")).status == 0
    return site.worker("--only", "project")


async def test_a_day_is_the_sum_of_the_last_records_of_its_partitions(site: Site, redis_server: RedisServer) -> None:
    topic = site.topic("daily")
    worker = await _begin(site, redis_server)
    first = [_published_day(day, partition, 1, "0.10") for day in DAYS for partition in range(PARTITIONS)]
    await publish(site.kafka, topic, [*first, *first[:7]])
    sums = dict.fromkeys(DAYS, (2, "0.20"))
    days = await _shows(redis_server, site.prefix, sums)
    assert days[DAYS[0]]["changes"] == {"new": {"segment-0": 1, "segment-1": 1}}

    await publish(site.kafka, topic, [_published_day(DAYS[3], 1, 9, "-5.00")])  # a late refund
    sums[DAYS[3]] = (10, "-4.90")
    days = await _shows(redis_server, site.prefix, sums)

    redis_server.flush()
    assert await _shows(redis_server, site.prefix, sums) == days
    assert await worker.stop() == 0

    records = [record for record in await read(site.kafka, topic) if record.partition == 1]
    async with Redis.from_url(redis_server.url, decode_responses=True) as redis:
        late = DailyProjector(redis, {"bootstrap_servers": site.kafka}, site.prefix, topic, 1)
        await late.write(records[: len(DAYS)])
        assert await _days(redis_server, site.prefix) == days, "a late write of an older worker replaces nothing newer"
        await redis.set(f"{site.prefix}:daily:{DAYS[0]}", '{"orders":77}')

    rebuilt = await site.command("rebuild-redis", "--yes")
    assert rebuilt.status == 0, rebuilt.errors
    assert await _days(redis_server, site.prefix) == days

    result = await site.command("health", "--json", "--days", "28", REDIS="redis://127.0.0.1:1")
    assert result.status == 0, result.errors
    shown = json.loads(result.out)["days"]
    assert [{name: value for name, value in day.items() if name != "figures"} for day in shown] == [
        days[day] for day in DAYS[2:]
    ]
    assert (shown[1]["figures"]["average_check"], shown[1]["figures"]["golden_share"]) == ("-0.49", 0.1)
    drawn = await site.command("health")
    assert (drawn.status, drawn.errors) == (0, "")
    assert "net revenue               ███▁██████" in drawn.out


async def test_two_partitions_written_at_once_both_count(redis_server: RedisServer, prefix: str) -> None:
    days = [f"{day}-{number}" for day in DAYS for number in range(10)]

    def records(partition: int) -> Iterable[ConsumerRecord]:
        for offset, day in enumerate(days):
            result = _published_day(day, partition, 1, "0.10")
            yield ConsumerRecord("daily", partition, offset, 0, 0, result.key, result.value, None, 0, 0, ())

    async with connect_redis(Settings(redis=redis_server.url)) as redis:
        await asyncio.gather(
            *(DailyProjector(redis, {}, prefix, "daily", number).write([*records(number)]) for number in range(4))
        )

    assert {day: total["orders"] for day, total in (await _days(redis_server, prefix)).items()} == dict.fromkeys(
        days, 4
    )
