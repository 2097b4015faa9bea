"""Measure the time from the publication of a purchase until a reader has the change that it caused."""

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
_CHANGES_TIMEOUT_S: Final = 30.0
_MAX_DELAY_S: Final = 0.05
"""How late a purchase may be published; above that, the machine cannot keep the rate, which is reported."""


@dataclass(slots=True)
class LatencySamples:
    """The samples of a run, by `time.perf_counter`.

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
    rate: Annotated[int, typer.Option(min=1, help="Purchases per second.")] = 1000,
    seconds: Annotated[float, typer.Option(min=1, help="Duration of the measurement, in seconds.")] = 30.0,
    warm: Annotated[float, typer.Option(min=0, help="Duration of the warm-up before it, in seconds.")] = 10.0,
    json_file: JsonFile = None,
) -> None:
    """Measure the time from a purchase published to its change read, at a steady rate in wall mode."""
    options = {"rate": rate, "seconds": seconds, "warm": warm}
    title = f"From purchase published to change read, {rate:,} purchases per second, one worker, wall mode"
    run_measurement(
        title,
        lambda: run_on_testbed("wall", print_progress, partial(_measure, rate, seconds, warm)),
        options,
        json_file,
    )


async def _measure(rate: int, seconds: float, warm: float, testbed: Testbed) -> Sequence[Figure]:
    samples = LatencySamples()
    with testbed.workers.running() as workers:
        alive = partial(all_running, workers)
        await workers[0].ready()
        async with PurchasePublisher(testbed) as publisher:
            await publisher.publish_to_each_partition(int(time.time() * 1000) - DAY_MS)
            await publisher.wait_until_processed(alive)
        readers = [
            asyncio.create_task(_read_purchases(testbed, samples)),
            asyncio.create_task(_read_changes(testbed, samples)),
        ]
        try:
            testbed.log(f"publishing {rate:,} purchases per second for {warm + seconds:.0f} s")
            await _publish(testbed, samples, rate, seconds, warm)
            await until(
                partial(_all_changed, samples, readers), "a change of every customer to be read", _CHANGES_TIMEOUT_S
            )
        finally:
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)
    if samples.max_delay_s > _MAX_DELAY_S:
        testbed.log(
            f"a purchase was published {1000 * samples.max_delay_s:.0f} ms late: this machine cannot keep the rate"
        )
    return [
        Figure("published to change read, median", _quantile_ms(samples.change_read_s, 0.5), "ms", "15"),
        Figure("the same, 99th percentile", _quantile_ms(samples.change_read_s, 0.99), "ms", "50"),
        Figure("the same, 99.9th percentile", _quantile_ms(samples.change_read_s, 0.999), "ms"),
        Figure("the same, maximum", _quantile_ms(samples.change_read_s, 1.0), "ms"),
        Figure("changes measured", len(samples.change_read_s), ""),
        Figure("published to purchase read, median", _quantile_ms(samples.purchase_read_s, 0.5), "ms"),
        Figure("the same, 99th percentile", _quantile_ms(samples.purchase_read_s, 0.99), "ms"),
        Figure("purchases published late, maximum", 1000 * samples.max_delay_s, "ms"),
    ]


async def _all_changed(samples: LatencySamples, readers: list[asyncio.Task[None]]) -> bool:
    """Return whether every customer has their change; raises the error of a failed reader."""
    for reader in readers:
        if reader.done():
            reader.result()
    return not samples.pending_customers


async def _publish(testbed: Testbed, samples: LatencySamples, rate: int, seconds: float, warm: float) -> None:
    """Publish at a steady rate; purchases after the warm-up are measured."""
    draw = Random(7)
    seen: set[str] = set()
    producer = AIOKafkaProducer(**testbed.settings.kafka_client(), acks="all")
    await producer.start()
    try:
        started_s = time.perf_counter()
        for number in range(int(rate * (warm + seconds))):
            due = started_s + number / rate
            if (early_s := due - time.perf_counter()) > 0:
                await asyncio.sleep(early_s)
            if number >= rate * warm:
                samples.max_delay_s = max(samples.max_delay_s, time.perf_counter() - due)
            customer_id = f"c-{draw.randrange(CUSTOMERS):07d}"
            value = purchase_value(customer_id, int(time.time() * 1000), 1_000_000 + number)
            if number >= rate * warm:
                samples.published_at_s[f"e-{1_000_000 + number}"] = time.perf_counter()
            if customer_id not in seen:
                seen.add(customer_id)
                samples.pending_customers.add(customer_id)
            await producer.send(SOURCE, value, key=customer_id.encode())
        await producer.flush()
    finally:
        await producer.stop()


async def _read_purchases(testbed: Testbed, samples: LatencySamples) -> None:
    async for value in _values(testbed, SOURCE):
        published = samples.published_at_s.get(value["event_id"])
        if published is not None:
            samples.purchase_read_s.append(time.perf_counter() - published)


async def _read_changes(testbed: Testbed, samples: LatencySamples) -> None:
    async for value in _values(testbed, testbed.topics.segment_changes):
        samples.pending_customers.discard(value["customer_id"])
        published = samples.published_at_s.get(value["cause"].get("event_id", ""))
        if published is not None:
            samples.change_read_s.append(time.perf_counter() - published)


async def _values(testbed: Testbed, topic: str) -> AsyncIterator[dict[str, Any]]:
    """Yield the values of a topic as they arrive, decoded from JSON."""
    consumer = AIOKafkaConsumer(**testbed.settings.kafka_client(), enable_auto_commit=False, fetch_max_wait_ms=100)
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        async for record in consumer:
            yield orjson.loads(record.value)
    finally:
        await consumer.stop()


def _quantile_ms(seconds: list[float], share: float) -> float | None:
    """Return the milliseconds within which this share of the samples lies; None without samples."""
    if not seconds:
        return None
    ordered = sorted(seconds)
    return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]
