"""A shop that is open all the time: purchases at the clock's pace, while things happen to the service.

The edges of its policy are seconds, so that customers lapse all the time. What must come of it is told by the oracle
from the journal; that the journal's ticks were honest is checked against the source topic, whose records carry the time
at which the broker took them.
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
from tests.fault.proxy import Proxy
from tests.fault.running_scenario import PARTITIONS, SHORT_SESSION, RunningScenario, Wave
from tests.integration.comparison import assert_published, assert_redis, redis_shows_all, time_comes
from tests.integration.kafka_records import read
from tests.integration.test_wall_time import HOT_MS, POLICY
from tests.integration.workers import Site, until
from tests.oracle import Oracle, Result, moments, read_json
from tests.servers.apache_kafka import ApacheKafka
from tests.servers.redis_server import RedisServer
from tests.servers.topics import delete_topics, make_topic

LATENESS_MS: Final = 1_000
CUSTOMERS: Final = 40
PATIENCE_MS: Final = 300_000
"""How long what was sold may lie with the shop while the broker is away."""
PAUSE_S: Final = 0.02
"""Between purchases: each customer buys once in a second or so, and now and then not for long."""


@dataclass
class Shop(RunningScenario):
    """A shop and the workers that serve it."""

    source: str = "purchases"

    async def publish(self, wave: Wave) -> None:
        """The purchases come by themselves."""
        assert not wave

    async def work_on(self, wave: Wave) -> None:
        """Wait until the journal has come to now."""
        await self.publish(wave)
        await self.processed_all()

    async def processed_all(self) -> None:
        """Wait until time has come to what is now."""
        await time_comes(self.kafka.bootstrap, self.site.prefix, _now_ms(), PARTITIONS)

    async def sell(self) -> None:
        """Sell until cancelled; a purchase that is not taken yet is waited for, however long the broker is away."""
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
    """An open shop with so many workers, the first of them with lines of their own; it closes with the context."""
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
    """Hold everything that came of an open shop against the oracle and the clock.

    Raises:
        AssertionError: names what is not as it should be.
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
        if record.offset < done[record.partition]:  # the shop has sold on to the last moment
            journal[record.partition].append(record)
    sources = {(r.partition, r.offset): r for r in await read(kafka, ended.site.topic("purchases"))}
    expected = Result(prefix)
    for records in journal.values():
        told = _told_by(records, sources, prefix)
        expected.outputs += told.outputs
        expected.customers |= told.customers
    again = await assert_published(kafka, prefix, expected, PARTITIONS, repeats=True)
    changes = expected.changes
    lapses = [change for change in changes if change["cause"]["kind"] == "time"]
    assert lapses, "nobody lapsed: nothing was tried"
    _assert_nobody_lapsed_too_soon(lapses, list(sources.values()))
    ended.log(f"{len(changes)} changes, {len(lapses)} of them by time, {again} published again")
    restarted = ended.site.worker("--only", "project")
    await redis_shows_all(kafka, ended.redis.url, prefix)
    latest = max(moments.parse(change["effective_at"]) for change in changes)
    await assert_redis(ended.redis.url, prefix, expected, moments.text(max(latest, _now_ms())))
    await ended.stop(restarted)


def _told_by(records: list[Any], sources: dict[tuple[int, int], Any], prefix: str) -> Result:
    """What must come of a partition of the journal; no purchase may stand behind a tick that is later than it.

    The moment at which the broker took a purchase is what counts: a tick at T says that all that it had at T is there.
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


def _assert_nobody_lapsed_too_soon(lapses: list[dict[str, Any]], purchases: list[Any]) -> None:
    """A lapse is an edge after a purchase, and at its moment the broker had none that was later."""
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
    """Wait until so many more purchases were sold."""

    async def enough() -> bool:
        return len(await read(opened.kafka.bootstrap, opened.site.topic("purchases"))) >= wanted

    wanted = len(await read(opened.kafka.bootstrap, opened.site.topic("purchases"))) + count
    await until(enough, f"{count} more purchases", every_s=0.2)


async def closed_for_a_while(opened: RunningScenario, wave: Wave) -> None:
    """The service is stopped while the shop sells on, for longer than it takes to lapse."""
    await opened.work_on(wave)
    assert isinstance(opened, Shop)
    for worker in opened.workers:
        await opened.stop(worker)
    await sold(opened, int(1.5 * HOT_MS / 1000 * CUSTOMERS / 4))
    for worker in opened.site.workers:
        worker.start()
