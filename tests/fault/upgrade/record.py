"""Write an installation of this version to a file: `python -m tests.fault.upgrade.record OUT.json.xz`.

Do so before a format changes, and commit the file: test_upgrade_from.py reads all of them. The history is a part of a
retailer's year, with refunds, campaigns under way, silenced customers, dead channels, an erasure, and one
customer whose orders are in chunks.
"""

import asyncio
import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import typer
from redis.asyncio import Redis

from tests.fault.upgrade.installation import (
    OUTPUTS,
    PREFIX,
    Installation,
    StoredRecord,
    list_topics,
    read_offsets,
    read_redis,
    topic,
)
from tests.oracle import moments
from tests.records.kafka_records import Published, publish, read
from tests.retail.rules import STEPPE
from tests.retail.year import DAY_MS, draw_year
from tests.running.workers import Site
from tests.servers.apache_kafka import ApacheKafka
from tests.servers.redis_server import RedisServer
from tests.servers.topics import make_topic

SEED: Final = 11
CUSTOMERS: Final = 60
ORDERS_OF_TILL: Final = 700
"""Orders of one customer: more than are stored in one record."""
SUNSET: Final = """
[[campaign]]
name = "last-call"
topic = "offers"
to = ["gone", "cooling"]
channels = ["email", "sms", "push"]
requires_consent = false
attempts = [{ after_days = 0, template = "last-call" }]
silence_after_days = 10
"""
"""A campaign that silences."""
BOUNCES: Final = 12
"""Customers whose last message bounces for good: those who declare nothing later."""
REDIS_SETTLES_S: Final = 3.0
"""After the end of the history: `project` writes what is left at once, and nothing is published then."""


async def record(site: Site, redis: Redis) -> Installation:
    """Run the installation, stop it, continue it, and return all of it."""
    settings = {"TIME": "event", "PARTITIONS": "2"}
    rules = replace(STEPPE, campaigns=STEPPE.campaigns + SUNSET)
    site.settings |= rules.settings(site.directory) | settings
    year = draw_year(SEED, rules, CUSTOMERS)
    await make_topic(site.kafka, topic("events"))
    first, second = year.waves(2)
    stop_ms = year.latest(first)
    till = list(_till(moments.parse(json.loads(first[0].value or b"")["occurred_at"]) + 10 * DAY_MS))
    first = _in_order([*first, *(each for each in till if _moment(each) <= stop_ms)])
    second = _in_order([*second, *(each for each in till if _moment(each) > stop_ms)])
    await _live(site, first, moments.text(stop_ms))
    await _live(site, list(_bounces(await _read_topics(site.kafka), second, stop_ms)), moments.text(stop_ms))
    topics, offsets = await _read_topics(site.kafka), await read_offsets(site.kafka)
    redis_at_stop = await read_redis(redis)
    await _live(site, second, year.ends_at)
    later = await _read_topics(site.kafka)
    return Installation(
        files={"POLICY": rules.policy, "CAMPAIGNS": rules.campaigns},
        settings=settings,
        topics=topics,
        offsets=offsets,
        redis=redis_at_stop,
        next_events=[(each.key, each.value) for each in second],
        advance_to=year.ends_at,
        next_outputs={
            name: [rows[len(before) :] for rows, before in zip(later[name], topics[name], strict=True)]
            for name in OUTPUTS
        },
        next_redis=await read_redis(redis),
    )


async def _live(site: Site, events: list[Published], until: str) -> None:
    await publish(site.kafka, topic("events"), events)
    worker = site.worker()
    await worker.ready()
    await site.advance(until)
    await asyncio.sleep(REDIS_SETTLES_S)
    assert await worker.stop() == 0


async def _read_topics(kafka: str) -> dict[str, list[list[StoredRecord]]]:
    found: dict[str, list[list[StoredRecord]]] = {}
    for name, partitions in await list_topics(kafka):
        rows: list[list[StoredRecord]] = [[] for _ in range(partitions)]
        for each in await read(kafka, topic(name)):
            assert each.offset == len(rows[each.partition]), f"{name} has a gap: compaction or transactions"
            rows[each.partition].append(StoredRecord(each.key, each.value, list(each.headers), each.timestamp))
        found[name] = rows
    return found


def _bounces(
    topics: Mapping[str, list[list[StoredRecord]]], later: Iterable[Published], at_ms: int
) -> Iterator[Published]:
    """Yield permanent bounces of the last messages of some customers who sign up or consent no more."""
    declare = {each.key for each in later if re.search(rb'"(signup|consent)"', each.value or b"")}
    sent = [record for name in ("offers", "reactivations") for rows in topics[name] for record in rows]
    last = {record.key: json.loads(record.value or b"") for record in sent if record.key not in declare}
    for key, message in sorted(last.items(), key=lambda each: each[1]["due_at"])[-BOUNCES:]:
        fields = {"type": "contact", "kind": "bounced", "permanent": True, "event_id": f"b-{message['message_id']}"}
        fields |= {name: message[name] for name in ("customer_id", "message_id")}
        yield Published(json.dumps(fields | {"occurred_at": moments.text(at_ms)}).encode(), key)


def _till(begin_ms: int) -> Iterator[Published]:
    """Yield the orders and refunds of a till's own card."""
    for number in range(ORDERS_OF_TILL):
        at_ms = begin_ms + number * 9 * 3_600_000
        head = {"customer_id": "till", "currency": STEPPE.currency}
        order = {
            "type": "purchase",
            "event_id": f"t-{number}",
            "order_id": f"t-{number}",
            "amount": f"{100 + number}.00",
        }
        yield _event(head | order, at_ms)
        if number % 50 == 7:
            refund = {"type": "refund", "event_id": f"r-{number}", "refund_id": f"r-{number}", "amount": "40.00"}
            yield _event(head | refund | {"order_id": f"t-{number - 3}"}, at_ms + 1000)


def _event(fields: dict[str, str], at_ms: int) -> Published:
    return Published(json.dumps(fields | {"occurred_at": moments.text(at_ms)}).encode(), b"till")


def _moment(record: Published) -> int:
    return moments.parse(json.loads(record.value or b"")["occurred_at"])


def _in_order(records: list[Published]) -> list[Published]:
    """Return the records in the order of time, but each customer's in the order they had: late ones stay late."""
    placed, latest_ms = list[tuple[int, int, Published]](), dict[bytes | None, int]()
    for number, each in enumerate(records):
        try:
            moment_ms = _moment(each)
        except (ValueError, KeyError):
            moment_ms = 0
        latest_ms[each.key] = max(latest_ms.get(each.key, 0), moment_ms)
        placed.append((latest_ms[each.key], number, each))
    return [each for _, _, each in sorted(placed, key=lambda entry: entry[:2])]


def main(path: Path) -> None:
    """Start the servers, record, and write the file."""
    with tempfile.TemporaryDirectory() as directory:
        folders = [Path(directory, name) for name in ("kafka", "redis", "site")]
        for folder in folders:
            folder.mkdir()
        kafka, server = ApacheKafka(folders[0]), RedisServer(folders[1])
        kafka.start()
        server.start()
        site = Site(kafka.bootstrap, PREFIX, folders[2], {"REDIS": server.url})
        try:
            asyncio.run(_run(site, server.url)).write(path)
        finally:
            site.close()
            server.stop()
            kafka.stop()
    print(f"{path}: {path.stat().st_size:,} bytes")


async def _run(site: Site, redis_url: str) -> Installation:
    redis = Redis.from_url(redis_url)
    try:
        return await record(site, redis)
    finally:
        await redis.aclose()


if __name__ == "__main__":
    typer.run(main)
