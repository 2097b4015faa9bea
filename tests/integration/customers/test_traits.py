"""Traits in Redis and in the customer's story; referrals across partitions and replays."""

import dataclasses
import json
from typing import Any, Final

import pytest
from redis.asyncio import Redis

from streams.kafka.writing.publisher import partition_of
from tests.oracle import moments
from tests.records.kafka_records import Published, publish
from tests.retail.comparison import redis_shows_all
from tests.running.workers import RunningWorker, Site, until
from tests.servers.redis_server import RedisServer
from tests.servers.topics import make_topic

DAY_MS: Final = 86_400_000
BEGIN_MS: Final = moments.parse("2026-01-01T09:30:00Z")
PARTITIONS: Final = 4
LONG: Final = 300
"""Orders of a history that the table keeps in chunks, which `project` does not read."""
FRIENDS: Final = tuple(f"friend-{number}" for number in range(8))


def event(customer_id: str, number: int, at_ms: int, kind: str, **fields: object) -> Published:
    head = {"type": kind, "event_id": f"{customer_id}/{number}", "customer_id": customer_id}
    return Published(json.dumps(head | {"occurred_at": moments.text(at_ms), **fields}).encode(), customer_id.encode())


def history() -> list[Published]:
    """Ann has referred eight friends, one of whom is erased later; long ago she bought 300 times, once a minute."""
    events = [event("ann", 0, BEGIN_MS, "signup", referred_by="ann")]
    events += [event(each, 0, BEGIN_MS + 1, "signup", referred_by="ann") for each in FRIENDS]
    events.append(event(FRIENDS[0], 0, BEGIN_MS + 1, "signup", referred_by="ann"))  # a retry
    events.append(event("bob", 0, BEGIN_MS + 2, "signup", referred_by="nobody"))
    for customer_id, orders, step_ms in (("ann", 3, 10 * DAY_MS), ("long", LONG, 60_000)):
        for number in range(1, orders + 1):
            bought = {"order_id": f"o-{number}", "amount": "100.00", "discount": "900.00", "currency": "RUB"}
            bought |= {"store_id": "s-1" if number % 3 else "s-2", "channel": "web"}
            events.append(event(customer_id, number, BEGIN_MS + number * step_ms, "purchase", **bought))
    refunded = {"refund_id": "r", "order_id": "o-1", "amount": "1.00", "currency": "RUB"}
    events.append(event("ann", 9, BEGIN_MS + 31 * DAY_MS, "refund", **refunded))
    events.append(event(FRIENDS[1], 1, BEGIN_MS + 31 * DAY_MS, "erasure"))
    return events


ANN: Final = {
    "next_down": json.dumps({"at": moments.text(BEGIN_MS + 90 * DAY_MS), "to": "at_risk"}, separators=(",", ":")),
    "next_up": '{"to":"loyal","orders":2}',
    "discount_seeker": "1",
    "difficult": "1",
    "favourite_store": "s-1",
    "favourite_channel": "web",
    "referrals": "8",
    "order_gap_days": "10",
    "overdue": "0.10",
}


async def row(site: Site, redis: RedisServer, customer_id: str) -> dict[str, str]:
    await redis_shows_all(site.kafka, redis.url, site.prefix)
    async with Redis.from_url(redis.url, decode_responses=True) as client:
        found = await client.hgetall(f"{site.prefix}:customer:{customer_id}")
        return {str(name): str(value) for name, value in found.items()}


async def traits(site: Site, customer_id: str) -> dict[str, Any]:
    ended = await site.command("customer", "--json", customer_id)
    assert ended.status == 0, ended.errors
    told: dict[str, Any] = json.loads(ended.out)["traits"]
    return told


async def begin(site: Site) -> RunningWorker:
    worker = site.worker()
    await worker.ready()
    return worker


@pytest.mark.timeout(240)
async def test_referrals_and_traits_are_shown_also_after_a_replay(site: Site, redis_server: RedisServer) -> None:
    site.settings |= {"TIME": "event", "REDIS": redis_server.url, "PARTITIONS": str(PARTITIONS)}
    assert len({partition_of(each.encode(), PARTITIONS) for each in FRIENDS}) > 1, "some cross partitions"
    await make_topic(site.kafka, site.topic("events"))
    await publish(site.kafka, site.topic("events"), history())
    worker = await begin(site)
    until_ms = BEGIN_MS + 31 * DAY_MS
    await site.advance(moments.text(until_ms))

    ann, long = await row(site, redis_server, "ann"), await row(site, redis_server, "long")
    assert {name: ann[name] for name in ANN} == ANN
    told = await traits(site, "ann")
    assert told["next_down"] == json.loads(ann["next_down"])
    assert (told["referrals"], told["discount_seeker"], told["overdue"]) == (8, True, "0.10")
    exact = await traits(site, "long")
    assert json.loads(long["next_down"]) == exact["next_down"]
    assert (exact["order_gap_days"], long["order_gap_days"]) == ("0", "0")
    assert long["favourite_store"] == "s-1"
    samples = await worker.metrics()
    assert samples.total("goldstream_dropped_total", reason="referral_of_unknown") == 1
    assert samples.total("goldstream_duplicates_total", type="referral") == 1
    assert samples.total("goldstream_records_total") == len(history()), "one outcome each"
    assert await worker.stop() == 0

    (directory := site.directory / "there").mkdir()
    there = dataclasses.replace(
        site,
        prefix=f"{site.prefix}-3",
        directory=directory,
        settings=site.settings | {"SOURCES": site.prefix},
        workers=site.workers,
    )
    ended = await site.command("replay", "--into", there.prefix, "--partitions", "3")
    assert ended.status == 0, ended.errors
    there.settings["PARTITIONS"] = "3"
    again = await begin(there)
    await there.advance(moments.text(until_ms))
    assert {name: (await row(there, redis_server, "ann"))[name] for name in ANN} == ANN

    more = [event("friend-9", 0, until_ms, "signup", referred_by="ann"), history()[2]]
    await publish(site.kafka, site.topic("events"), more)

    async def counted() -> bool:
        return (await row(there, redis_server, "ann"))["referrals"] == "9"

    await until(counted, "the ninth friend to count")

    async def repeated() -> bool:
        return (await again.metrics()).total("goldstream_duplicates_total", type="referral") == 2  # one in the history

    await until(repeated, "the retry of a friend who was erased to be known")
    assert await again.stop() == 0
