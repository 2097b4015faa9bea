"""Measure how soon the changes that fall due at one tick are published, and what a tick costs beside many timers."""

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Final

import orjson
import typer
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from bench.console_output import JsonFile, print_progress, run_measurement
from bench.figures import Figure
from bench.idle import SETTLE_S
from bench.testbed.broker import PARTITIONS, BenchFailed
from bench.testbed.purchase_publisher import DAY_MS, PurchasePublisher
from bench.testbed.testbed import Testbed, run_on_testbed
from bench.testbed.topic_follower import TopicFollower, read_all
from bench.testbed.worker_usage import measure_idle_worker
from bench.testbed.workers import all_running
from state.records.events import Tick, decode_record

LAPSE_DAYS: Final = 60
LEAD_S: Final = 20.0
MIN_RATE: Final = 5000
"""Purchases per second that a worker is assumed to process at least, so that all are processed when they fall due."""
_PUBLISHED_TIMEOUT_S: Final = 300.0


def due(
    customers: Annotated[int, typer.Option("--due", min=1, help="Customers who fall due at one tick.")] = 100_000,
    waiting: Annotated[int, typer.Option(min=1, help="Customers whose timers are pending meanwhile.")] = 1_000_000,
    seconds: Annotated[
        float, typer.Option(min=2, help="How long ticks are watched, with few and with all customers.")
    ] = 30.0,
    json_file: JsonFile = None,
) -> None:
    """Measure how soon the changes due at one tick are published, and what ticks cost beside pending timers."""
    options = {"due": customers, "waiting": waiting, "seconds": seconds}
    title = f"{customers:,} customers due at one tick, {waiting:,} pending; one worker, wall mode"
    run_measurement(
        title,
        lambda: run_on_testbed("wall", print_progress, partial(_measure, customers, waiting, seconds)),
        options,
        json_file,
    )


async def _measure(customers: int, waiting: int, seconds: float, testbed: Testbed) -> Sequence[Figure]:
    with testbed.workers.running() as workers:
        alive = partial(all_running, workers)
        await workers[0].ready()
        async with PurchasePublisher(testbed) as publisher:
            await publisher.publish_to_each_partition(_now_ms() - DAY_MS)
            await publisher.wait_until_processed(alive)
            await asyncio.sleep(SETTLE_S)
            testbed.log(f"watching ticks for {seconds:.0f} s with {publisher.published_count} customers")
            few = await measure_idle_worker(workers[0], seconds)

            testbed.log(f"{waiting:,} customers with pending timers")
            for number in range(waiting):  # at different moments, as in real life
                if number % max(1, waiting // 10) == 0:
                    testbed.log(f"  {number:,} customers published")
                await publisher.publish(f"w-{number:07d}", _now_ms() - DAY_MS - number * 29 * DAY_MS // waiting)
            await publisher.wait_until_processed(alive)
            await asyncio.sleep(SETTLE_S)
            testbed.log(f"watching ticks for {seconds:.0f} s with {publisher.published_count:,} customers")
            many = await measure_idle_worker(workers[0], seconds)

            moment = _now_ms() + int(1000 * (LEAD_S + customers / MIN_RATE))
            testbed.log(f"{customers:,} customers who fall due together in {(moment - _now_ms()) / 1000:.0f} s")
            for number in range(customers):
                await publisher.publish(f"d-{number:07d}", moment - LAPSE_DAYS * DAY_MS)
            await publisher.wait_until_processed(alive)
            if _now_ms() > moment:
                message = (
                    f"the {customers:,} purchases were not processed before they fell due: this machine is too slow"
                )
                raise BenchFailed(message)
            seconds_to_publish = await _seconds_to_publish(
                testbed, moment, publisher.published_count + customers, alive
            )
    await check_due_changes(testbed, customers, moment)
    return [
        Figure("from the tick in the journal to the last change", seconds_to_publish, "s", "5 for 100,000"),
        Figure("changes", customers / seconds_to_publish, "per second"),
        Figure("processor time of a tick, few customers", few.cpu_ms_per_tick, "ms"),
        Figure(f"processor time of a tick, {waiting:,} pending", many.cpu_ms_per_tick, "ms", "no more"),
        Figure("the difference", many.cpu_ms_per_tick - few.cpu_ms_per_tick, "ms", "0"),
    ]


async def _seconds_to_publish(testbed: Testbed, moment: int, changes: int, alive: Callable[[], bool]) -> float:
    """Return the seconds from the first tick at or after `moment` until so many changes are acknowledged."""
    partitions = [TopicPartition(testbed.topics.segment_changes, number) for number in range(PARTITIONS)]
    ends = AIOKafkaConsumer(**testbed.settings.kafka_client(), enable_auto_commit=False)
    await ends.start()
    try:
        async with TopicFollower(testbed.settings, testbed.topics.journal) as follower:
            within_s = 120 + max(0.0, (moment - _now_ms()) / 1000)
            started_s = await follower.wait_for_any(partial(has_tick_at, moment), within_s=within_s, alive=alive)
        deadline = time.monotonic() + _PUBLISHED_TIMEOUT_S
        while (published := sum((await ends.end_offsets(partitions)).values())) < changes:
            if time.monotonic() > deadline or not alive():
                message = f"{published:,} changes of {changes:,} after {_PUBLISHED_TIMEOUT_S:.0f} s"
                raise BenchFailed(message)
            await asyncio.sleep(0.005)
        return time.perf_counter() - started_s
    finally:
        await ends.stop()


def has_tick_at(moment: int, record: ConsumerRecord) -> bool:
    """Return whether a record of the journal is a tick at or after a moment, in milliseconds."""
    event = decode_record(record.value)
    return isinstance(event, Tick) and event.at >= moment


async def check_due_changes(testbed: Testbed, customers: int, moment: int) -> None:
    """Check that each customer has exactly one such change, with its own moment.

    Raises:
        BenchFailed: a change is missing or repeated.
    """
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment // 1000)) + f".{moment % 1000:03d}Z"
    customer_ids: list[str] = []
    async for record in read_all(testbed.settings, testbed.topics.segment_changes):
        change = orjson.loads(record.value)
        if change["to"] == "at_risk" and change["effective_at"] == at:
            customer_ids.append(change["customer_id"])
    if len(customer_ids) != customers or len(set(customer_ids)) != customers:
        message = (
            f"{len(set(customer_ids)):,} of {customers:,} customers have {len(customer_ids):,} changes at their moment"
        )
        raise BenchFailed(message)


def _now_ms() -> int:
    return int(time.time() * 1000)
