"""Measure the cost of an event of a customer with very many orders, beside one of a customer with a single order."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count, islice
from typing import Annotated, Final

import typer

from bench.console_output import JsonFile, print_progress, run_measurement
from bench.figures import Figure
from bench.testbed.broker import PARTITIONS, BenchFailed
from bench.testbed.purchase_publisher import DAY_MS, PurchasePublisher
from bench.testbed.testbed import Testbed, run_on_testbed
from bench.testbed.topic_follower import read_all
from bench.testbed.workers import all_running, processor_seconds_of
from streams.kafka.writing.publisher import partition_of
from tests.running.workers import RunningWorker

_BEGIN_MS: Final = 1_735_689_600_000  # 2025-01-01
_WINDOW_MS: Final = 365 * DAY_MS
_BIG: Final = "c-big"
_PACE_S: Final = 0.02


def big_customer(
    orders: Annotated[int, typer.Option(min=2, help="Orders of the big customer in the window.")] = 100_000,
    events: Annotated[int, typer.Option(min=100, help="Purchases measured at full speed, of each kind.")] = 20_000,
    paced: Annotated[int, typer.Option(min=10, help="Purchases measured one at a time, of each kind.")] = 500,
    json_file: JsonFile = None,
) -> None:
    """Measure an event of a customer with very many orders beside one of a customer with one order."""
    options = {"orders": orders, "events": events, "paced": paced}
    title = f"A customer with {orders:,} orders in the window, beside customers with one"
    run_measurement(
        title,
        lambda: run_on_testbed("event", print_progress, partial(_measure, orders, events, paced)),
        options,
        json_file,
    )


async def _measure(orders: int, events: int, paced: int, testbed: Testbed) -> Sequence[Figure]:
    small = list(islice(_neighbours(), events + paced))  # all in one partition, so that one lane handles both
    moment = _BEGIN_MS
    with testbed.workers.running() as workers:
        await workers[0].ready()
        async with PurchasePublisher(testbed) as publisher:

            async def publish(customers: Sequence[str], step_ms: int, pace_s: float = 0.0) -> float:
                nonlocal moment
                cost = await _cost(publisher, workers, customers, moment, step_ms, pace_s)
                moment += len(customers) * step_ms
                return cost

            await publisher.publish_to_each_partition(moment)
            step_ms = _WINDOW_MS // orders  # once the window is full, each new order pushes one out
            testbed.log(f"{orders:,} orders of one customer")
            await publish([_BIG] * orders, step_ms)
            testbed.log(f"measuring {events:,} more at full speed, and {paced:,} one at a time")
            big_us = await publish([_BIG] * events, step_ms)
            big_paced_us = await publish([_BIG] * paced, step_ms, _PACE_S)
            # Only now; otherwise they would fall due while the big customer is measured.
            testbed.log(f"{len(small):,} customers with one order each")
            await publish(small, 1)
            testbed.log(f"measuring {events:,} more orders of these at full speed, and {paced:,} one at a time")
            small_us = await publish(small[:events], 1)
            small_paced_us = await publish(small[events:], 1, _PACE_S)
        admitted = (await workers[0].metrics()).total("goldstream_records_total", outcome="admitted")
        if admitted != publisher.published_count:
            message = f"{admitted:,.0f} purchases were admitted, {publisher.published_count:,} were published"
            raise BenchFailed(message)
    sizes = [len(record.value or b"") async for record in read_all(testbed.settings, testbed.topics.customers)]
    return [
        Figure("a customer with one order, at full speed", small_us, "µs CPU per event"),
        Figure(f"a customer with {orders:,}, at full speed", big_us, "µs CPU per event"),
        Figure("ratio of the second to the first", big_us / small_us, "", "at most 3"),
        Figure("a customer with one order, one at a time", small_paced_us, "µs CPU per event"),
        Figure(f"a customer with {orders:,}, one at a time", big_paced_us, "µs CPU per event"),
        Figure("ratio of the second to the first", big_paced_us / small_paced_us, "", "at most 3"),
        Figure("largest record of the changelog", max(sizes) / 1024, "KiB", "256"),
    ]


def _neighbours() -> Iterator[str]:
    """Yield customers of the big customer's partition."""
    partition = partition_of(_BIG.encode(), PARTITIONS)
    names = (f"c-{number:07d}" for number in count())
    return (name for name in names if partition_of(name.encode(), PARTITIONS) == partition)


async def _cost(
    publisher: PurchasePublisher,
    workers: list[RunningWorker],
    customers: Sequence[str],
    begin_ms: int,
    step_ms: int,
    pace_s: float,
) -> float:
    """Return the worker's processor time per purchase, in microseconds."""
    alive: Callable[[], bool] = partial(all_running, workers)
    before = processor_seconds_of(workers)
    for number, customer_id in enumerate(customers, 1):
        await publisher.publish(customer_id, begin_ms + number * step_ms)
        if pace_s:
            await publisher.flush()
            await asyncio.sleep(pace_s)
    await publisher.wait_until_processed(alive)
    after = processor_seconds_of(workers)
    if before is None or after is None:
        message = "processor time is unknown on this system; run this measurement on Linux"
        raise BenchFailed(message)
    return 1e6 * (after - before) / len(customers)
