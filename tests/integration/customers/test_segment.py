"""`goldstream segment`: who is in a segment, from Redis or from Kafka."""

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.records.kafka_records import Published, publish
from tests.running.terminal import answer_on_a_terminal
from tests.running.workers import Site, until
from tests.servers.redis_server import RedisServer

SALES = [("rich", "900.00"), ("poor", "5.00"), ("=cmd()", "70.50"), ("юля", "70.50")]


def _purchase(customer: str, amount: str) -> Published:
    sale = {"event_id": f"e-{customer}", "order_id": f"o-{customer}", "amount": amount, "currency": "RUB"}
    at = datetime.now(UTC) - timedelta(minutes=1)
    event = {**sale, "customer_id": customer, "occurred_at": at.isoformat()}
    return Published(json.dumps(event).encode(), customer.encode())


async def _json(site: Site, *arguments: str) -> dict[str, Any]:
    done = await site.command("segment", *arguments, "--json")
    assert (done.status, done.errors) == (0, "")
    found: dict[str, Any] = json.loads(done.out)
    return found


@pytest.mark.timeout(180)
async def test_a_segment_is_listed_by_monetary_alike_from_redis_and_kafka(
    site: Site, redis_server: RedisServer, tmp_path: Path
) -> None:
    nobody = await site.command("segment", "new")
    assert (nobody.status, "does not exist; run `goldstream topics create`" in nobody.errors) == (1, True)
    site.settings["REDIS"] = redis_server.url
    worker = site.worker()
    await worker.ready()
    await publish(site.kafka, site.topic("purchases"), [_purchase(*each) for each in SALES])
    redis = Redis.from_url(redis_server.url, decode_responses=True)

    async def are_projected() -> bool:
        return await redis.zcard(f"{site.prefix}:segment:new") == len(SALES)

    await until(are_projected, "four customers in Redis")

    by_redis = await _json(site, "new")
    by_kafka = await _json(replace(site, settings={}), "new")
    assert [each["customer_id"] for each in by_redis["customers"]] == ["rich", "юля", "=cmd()", "poor"]
    assert (by_redis["total"], by_redis["titles"]["ru"], by_redis["read_from"]) == (4, "Новый", "redis")
    assert by_kafka["read_from"] == "kafka"
    assert by_kafka["customers"] == by_redis["customers"]
    assert (await _json(site, "new", "--limit", "2"))["customers"] == by_redis["customers"][:2]
    assert (await _json(site, "golden"))["customers"] == []

    written = await site.command("segment", "new", "--csv", "-")
    rows = list(csv.DictReader(io.StringIO(written.out)))
    assert [(each["customer_id"], each["monetary"]) for each in rows[:3]] == [
        ("rich", "900.00"),
        ("юля", "70.50"),
        ("'=cmd()", "70.50"),
    ]
    to_file = await site.command("segment", "new", "--csv", "new.csv")
    assert (to_file.status, to_file.out) == (0, "")
    assert (tmp_path / "new.csv").read_text() == written.out

    text = await site.command("segment", "new", "--limit", "1", language="ru_RU.UTF-8")
    assert text.out.startswith("new (Новый): 4 customers, from Redis (times in UTC)\n")
    assert "… and 3 more" in text.out
    unknown = await site.command("segment", "gold")
    assert unknown.status == 1
    assert "segment 'gold' is not in retail-27@1; did you mean golden? valid values: golden (" in unknown.errors

    away = await site.command("segment", "new", "--limit", "1", REDIS="redis://127.0.0.1:1/0")
    assert away.status == 0
    assert "reading from Kafka instead: Redis at redis://127.0.0.1:1/0: it cannot be reached" in away.errors
    assert ": 4 customers, from Kafka" in away.out

    unasked = await site.command("rebuild-redis")
    assert (unasked.status, "repeat the command with --yes" in unasked.errors) == (2, True)
    no = answer_on_a_terminal(["n"], "rebuild-redis", folder=tmp_path, environment=site.environment())
    assert (no.status, f"Delete all keys {site.prefix}:* in Redis" in no.text) == (1, True)
    assert await redis.zcard(f"{site.prefix}:segment:new") == len(SALES)
    assert await worker.stop() == 0
    await redis.delete(*[key async for key in redis.scan_iter(match=f"{site.prefix}:*")])
    assert (await site.command("rebuild-redis")).status == 0, "nothing to delete, nothing to ask"
    assert await redis.zcard(f"{site.prefix}:segment:new") == len(SALES)
    await redis.aclose()
