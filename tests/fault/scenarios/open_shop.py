"""A shop in wall mode: purchases arrive at the clock's pace while faults hit the workers.

The thresholds of its policy are seconds, so that customers lapse all the time. The oracle computes the expected output
from the journal. The journal's ticks are checked against the source topic, whose records carry the time at which the
broker appended them.
"""

import asyncio
import contextlib
import json
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aiokafka import AIOKafkaProducer

from state.records.events import CampaignsApplied, PolicyApplied, Tick, decode_record
from streams.tables.progress import PROGRESS_KEY, decode_progress
from tests.fault.scenarios.proxy import Proxy
from tests.fault.scenarios.running_scenario import PARTITIONS, SHORT_SESSION, RunningScenario, Wave
from tests.integration.modes.test_wall_time import HOT_MS, POLICY
from tests.oracle import Oracle, Result, moments, read_json
from tests.records.kafka_records import read
from tests.retail.comparison import assert_published, assert_redis, redis_shows_all, time_comes
from tests.running.workers import Site, until
from tests.servers.apache_kafka import ApacheKafka
from tests.servers.redis_server import RedisServer
from tests.servers.topics import delete_topics, make_topic

LATENESS_MS: Final = 1_000
CUSTOMERS: Final = 40
PATIENCE_MS: Final = 300_000
"""How long the shop retries to publish while the broker is away."""
PAUSE_S: Final = 0.02
"""Between purchases: each customer buys about once a second, and sometimes pauses."""


@dataclass
class Shop(RunningScenario):
    """A shop and the workers that serve it."""

    source: str = "purchases"

    async def publish(self, wave: Wave) -> None:
        """Do nothing: the purchases arrive by themselves."""
        assert not wave

    async def work_on(self, wave: Wave) -> None:
        """Wait until the watermark has reached the present."""
        await self.publish(wave)
        await self.processed_all()

    async def processed_all(self) -> None:
        """Wait until the watermark has reached the present."""
        await time_comes(self.kafka.bootstrap, self.site.prefix, _now_ms(), PARTITIONS)

    async def sell(self) -> None:
        """Publish purchases until cancelled; while the broker is away, wait for it."""
        async with AIOKafkaProducer(
            bootstrap_servers=self.kafka.bootstrap,
            enable_idempotence=True,
            max_batch_size=1 << 19,
            request_timeout_ms=PATIENCE_MS,
        ) as producer:
            rng, number = random.Random(self.rng.random()), 0
            away = dict.fromkeys(range(CUSTOMERS), 0)
            while True:
                customer, now = rng.randrange(CUSTOMERS), _now_ms()
                if now > away[customer]:
                    number += 1
                    away[customer] = now + rng.choice([0, 0, 0, 3_000, HOT_MS - 100, HOT_MS + 100, 7_000])
                    await producer.send(self.site.topic(self.source), *_purchase(f"c-{customer}", number, now))
                await asyncio.sleep(PAUSE_S)


def _now_ms() -> int:
    return int(time.time() * 1000)


def _purchase(customer: str, number: int, at_ms: int) -> tuple[bytes, bytes]:
    event = {"event_id": f"e{number}", "customer_id": customer, "occurred_at": moments.text(at_ms)}
    event |= {"order_id": f"o{number}", "amount": f"{number % 90 + 10}.00", "currency": "RUB"}
    return json.dumps(event).encode(), customer.encode()


@asynccontextmanager
async def shop(
    kafka: ApacheKafka,
    prefix: str,
    directory: Path,
    seed: int,
    *,
    workers: int,
    lines: int = 0,
    program: tuple[str, ...] = SHORT_SESSION,
) -> AsyncIterator[Shop]:
    """Open a shop with workers, of which the first `lines` have proxies; close it with the context."""
    await asyncio.to_thread(directory.mkdir, parents=True, exist_ok=True)
    await asyncio.to_thread((directory / "policy.toml").write_text, POLICY)
    redis = RedisServer(directory)
    site = Site(kafka.bootstrap, prefix, directory, {"POLICY": str(directory / "policy.toml"), "REDIS": redis.url})
    site.settings |= {"LATENESS": f"{LATENESS_MS}ms", "PARTITIONS": str(PARTITIONS)}
    async with AsyncExitStack() as stack:
        stack.push_async_callback(asyncio.to_thread, redis.stop)
        stack.push_async_callback(delete_topics, kafka.bootstrap, prefix)
        stack.push_async_callback(asyncio.to_thread, site.close)
        await asyncio.to_thread(redis.start)
        await make_topic(kafka.bootstrap, site.topic("purchases"), 2, {"message.timestamp.type": "LogAppendTime"})
        ways = [await stack.enter_async_context(Proxy(kafka.bootstrap)) for _ in range(lines)]
        opened = Shop(site, random.Random(seed), kafka, redis, program=program, spare_lines=ways)
        for _ in range(workers):
            opened.worker()
        await opened.shared()
        selling = asyncio.create_task(opened.sell())
        try:
            yield opened
        finally:
            selling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await selling


async def check_all(ended: Shop) -> None:
    """Check all output of an open shop against the oracle and the clock.

    Raises:
        AssertionError: names the first difference.
    """
    kafka, prefix = ended.kafka.bootstrap, ended.site.prefix
    await ended.processed_all()
    for worker in ended.workers:
        await ended.stop(worker)
    done = {
        record.partition: decode_progress(record.value).offset
        for record in await read(kafka, ended.site.topic("progress"))
        if record.key == PROGRESS_KEY
    }
    journal: dict[int, list[Any]] = defaultdict(list)
    for record in await read(kafka, ended.site.topic("journal")):
        if record.offset < done[record.partition]:  # the shop continues to publish until the end
            journal[record.partition].append(record)
    sources = {(r.partition, r.offset): r for r in await read(kafka, ended.site.topic("purchases"))}
    expected = Result(prefix)
    for records in journal.values():
        partition_result = _expected_from(records, sources, prefix)
        expected.outputs += partition_result.outputs
        expected.customers |= partition_result.customers
    again = await assert_published(kafka, prefix, expected, PARTITIONS, repeats=True)
    changes = expected.changes
    lapses = [change for change in changes if change["cause"]["kind"] == "time"]
    assert lapses, "no customer lapsed: nothing was tested"
    _assert_no_early_lapse(lapses, list(sources.values()))
    ended.log(f"{len(changes)} changes, {len(lapses)} of them by time, {again} published again")
    restarted = ended.site.worker("--only", "project")
    await redis_shows_all(kafka, ended.redis.url, prefix)
    latest = max(moments.parse(change["effective_at"]) for change in changes)
    await assert_redis(ended.redis.url, prefix, expected, moments.text(max(latest, _now_ms())))
    await ended.stop(restarted)


def _expected_from(records: list[Any], sources: dict[tuple[int, int], Any], prefix: str) -> Result:
    """Return the expected output of a journal partition; no purchase may follow a tick that is later than it.

    What counts is when the broker appended a purchase: all that it had at T precedes a tick at T.
    """
    steps: list[dict[str, Any]] = []
    highest: dict[tuple[str, int], int] = {}
    time_ms = 0
    for record in records:
        event = decode_record(record.value)
        if isinstance(event, Tick):
            if event.at > time_ms:
                time_ms = event.at
                steps.append({"type": "tick", "at": moments.text(event.at)})
            continue
        source = event.topic, event.partition
        if event.offset <= highest.get(source, -1):
            continue
        highest[source] = event.offset
        if isinstance(event, PolicyApplied | CampaignsApplied):
            steps.append({"type": event.kind, "text": event.text})
            continue
        published = sources[event.partition, event.offset]
        late_ms = time_ms - published.timestamp
        assert late_ms <= 0, f"time had come to {time_ms} before {published} was read, {late_ms} ms too soon"
        steps.append({"type": "purchase", **json.loads(published.value)})
    return Oracle(prefix).run(steps)


def _assert_no_early_lapse(lapses: list[dict[str, Any]], purchases: list[Any]) -> None:
    """A lapse is a threshold after a purchase, and at its moment the broker had no later one."""
    bought: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for record in purchases:
        event = read_json(record.value)
        bought[event["customer_id"]].append((moments.parse(event["occurred_at"]), record.timestamp))
    for lapse in lapses:
        at = moments.parse(lapse["effective_at"])
        last = at - (HOT_MS if lapse["to"] == "warm" else 2 * HOT_MS)
        own = bought[lapse["customer_id"]]
        assert any(occurred == last for occurred, _ in own), f"nothing was bought at {last}: {lapse}"
        later = [each for each in own if last < each[0] < at and each[1] < at]
        assert not later, f"bought again, and the broker had it, {later}: {lapse}"


async def sold(opened: Shop, count: int) -> None:
    """Wait until this many more purchases were published."""

    async def enough() -> bool:
        return len(await read(opened.kafka.bootstrap, opened.site.topic("purchases"))) >= wanted

    wanted = len(await read(opened.kafka.bootstrap, opened.site.topic("purchases"))) + count
    await until(enough, f"{count} more purchases", every_s=0.2)


async def closed_for_a_while(opened: RunningScenario, wave: Wave) -> None:
    """The workers are stopped while the shop continues to sell, for longer than it takes to lapse."""
    await opened.work_on(wave)
    assert isinstance(opened, Shop)
    for worker in opened.workers:
        await opened.stop(worker)
    await sold(opened, int(1.5 * HOT_MS / 1000 * CUSTOMERS / 4))
    for worker in opened.site.workers:
        worker.start()
