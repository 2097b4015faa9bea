"""How long it takes from the publication of a purchase until a reader has the change that it caused."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Annotated, Any, Final

import orjson
import typer
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from bench.broker import PARTITIONS, SOURCE
from bench.console_output import JsonFile, print_progress, run_measurement
from bench.figures import Figure
from bench.purchase_publisher import DAY_MS, PurchasePublisher, purchase_value
from bench.testbed import Testbed, run_on_testbed
from bench.workers import all_running
from tests.integration.workers import until

CUSTOMERS: Final = 200_000
_PATIENCE_S: Final = 30.0
_LATE_S: Final = 0.05
"""How late a purchase may be published before the figures are those of a machine that cannot keep the pace."""


@dataclass(slots=True)
class LatencySamples:
    """When each purchase was published and seen again, by `time.perf_counter`, and whose it was.

    Attributes:
        published_at_s: by event id.
        pending_customers: customers whose first purchase was published and whose change was not yet read.
        purchase_read_s: seconds until a reader of the source topic had the purchase.
        change_read_s: seconds until a reader had the change.
        max_delay_s: how late a purchase was published at most.
    """

    published_at_s: dict[str, float] = field(default_factory=dict)
    pending_customers: set[str] = field(default_factory=set)
    purchase_read_s: list[float] = field(default_factory=list)
    change_read_s: list[float] = field(default_factory=list)
    max_delay_s: float = 0.0


def latency(
    rate: Annotated[int, typer.Option(min=1, help="Purchases a second.")] = 1000,
    seconds: Annotated[float, typer.Option(min=1, help="How long is measured.")] = 30.0,
    warm: Annotated[float, typer.Option(min=0, help="How long the same goes on before.")] = 10.0,
    json_file: JsonFile = None,
) -> None:
    """Measure the time from a purchase published to its change read, at a steady pace in wall mode."""
    asked = {"rate": rate, "seconds": seconds, "warm": warm}
    title = f"From purchase published to change read, {rate:,} purchases a second, one worker, wall mode"
    run_measurement(
        title, lambda: run_on_testbed("wall", print_progress, partial(_measure, rate, seconds, warm)), asked, json_file
    )


async def _measure(rate: int, seconds: float, warm: float, ground: Testbed) -> Sequence[Figure]:
    watch = LatencySamples()
    with ground.workers.running() as workers:
        alive = partial(all_running, workers)
        await workers[0].ready()
        async with PurchasePublisher(ground) as till:
            await till.publish_to_each_partition(int(time.time() * 1000) - DAY_MS)
            await till.wait_until_processed(alive)
        readers = [
            asyncio.create_task(_read_purchases(ground, watch)),
            asyncio.create_task(_read_changes(ground, watch)),
        ]
        try:
            ground.log(f"publishing {rate:,} purchases a second for {warm + seconds:.0f} s")
            await _publish(ground, watch, rate, seconds, warm)
            await until(partial(_all_told, watch, readers), "a change of every customer to be read", _PATIENCE_S)
        finally:
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)
    if watch.max_delay_s > _LATE_S:
        ground.log(
            f"a purchase was published {1000 * watch.max_delay_s:.0f} ms late: the machine does not keep the pace"
        )
    return [
        Figure("published to change read, median", _at(watch.change_read_s, 0.5), "ms", "15"),
        Figure("the same, 99 of 100", _at(watch.change_read_s, 0.99), "ms", "50"),
        Figure("the same, 999 of 1000", _at(watch.change_read_s, 0.999), "ms"),
        Figure("the same, greatest", _at(watch.change_read_s, 1.0), "ms"),
        Figure("changes measured", len(watch.change_read_s), ""),
        Figure("published to purchase read, median", _at(watch.purchase_read_s, 0.5), "ms"),
        Figure("the same, 99 of 100", _at(watch.purchase_read_s, 0.99), "ms"),
        Figure("purchases published late by at most", 1000 * watch.max_delay_s, "ms"),
    ]


async def _all_told(watch: LatencySamples, readers: list[asyncio.Task[None]]) -> bool:
    """Whether no customer waits for a change; a reader's failure is raised here."""
    for reader in readers:
        if reader.done():
            reader.result()
    return not watch.pending_customers


async def _publish(ground: Testbed, watch: LatencySamples, rate: int, seconds: float, warm: float) -> None:
    """Publish at a steady pace; what is published after the time to warm up is watched."""
    draw = Random(7)
    seen: set[str] = set()
    producer = AIOKafkaProducer(**ground.settings.kafka_client(), acks="all")
    await producer.start()
    try:
        began = time.perf_counter()
        for number in range(int(rate * (warm + seconds))):
            due = began + number / rate
            if (ahead := due - time.perf_counter()) > 0:
                await asyncio.sleep(ahead)
            if number >= rate * warm:
                watch.max_delay_s = max(watch.max_delay_s, time.perf_counter() - due)
            customer_id = f"c-{draw.randrange(CUSTOMERS):07d}"
            value = purchase_value(customer_id, int(time.time() * 1000), 1_000_000 + number)
            if number >= rate * warm:
                watch.published_at_s[f"e-{1_000_000 + number}"] = time.perf_counter()
            if customer_id not in seen:
                seen.add(customer_id)
                watch.pending_customers.add(customer_id)
            await producer.send(SOURCE, value, key=customer_id.encode())
        await producer.flush()
    finally:
        await producer.stop()


async def _read_purchases(ground: Testbed, watch: LatencySamples) -> None:
    async for value in _values(ground, SOURCE):
        published = watch.published_at_s.get(value["event_id"])
        if published is not None:
            watch.purchase_read_s.append(time.perf_counter() - published)


async def _read_changes(ground: Testbed, watch: LatencySamples) -> None:
    async for value in _values(ground, ground.topics.segment_changes):
        watch.pending_customers.discard(value["customer_id"])
        published = watch.published_at_s.get(value["cause"].get("event_id", ""))
        if published is not None:
            watch.change_read_s.append(time.perf_counter() - published)


async def _values(ground: Testbed, topic: str) -> AsyncIterator[dict[str, Any]]:
    """The JSON of a topic, as it comes."""
    consumer = AIOKafkaConsumer(**ground.settings.kafka_client(), enable_auto_commit=False, fetch_max_wait_ms=100)
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        async for record in consumer:
            yield orjson.loads(record.value)
    finally:
        await consumer.stop()


def _at(seconds: list[float], share: float) -> float | None:
    """The milliseconds within which this share of them lies."""
    if not seconds:
        return None
    in_order = sorted(seconds)
    return 1000 * in_order[min(len(in_order) - 1, int(share * len(in_order)))]
