"""Time: how soon those who fall due at one tick are told, and what a tick costs while many wait."""

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Final

import orjson
import typer
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from bench.broker import PARTITIONS, BenchFailed
from bench.console_output import JsonFile, print_progress, run_measurement
from bench.figures import Figure
from bench.idle import SETTLE_S
from bench.purchase_publisher import DAY_MS, PurchasePublisher
from bench.testbed import Testbed, run_on_testbed
from bench.topic_follower import TopicFollower, read_all
from bench.worker_usage import measure_idle_worker
from bench.workers import all_running
from state.records.events import Tick, decode_record

_LAPSE_DAYS: Final = 60
_MARGIN_S: Final = 20.0
_SLOWEST: Final = 5000
"""Purchases a second that a worker is reckoned to judge, so that all are judged when they fall due."""
_TOLD_WITHIN_S: Final = 300.0


def due(
    customers: Annotated[int, typer.Option("--due", min=1, help="Customers that fall due at one tick.")] = 100_000,
    waiting: Annotated[int, typer.Option(min=1, help="Customers that wait meanwhile.")] = 1_000_000,
    seconds: Annotated[float, typer.Option(min=2, help="How long ticks are watched, with few and with all.")] = 30.0,
    json_file: JsonFile = None,
) -> None:
    """Measure how soon customers are told who fall due at one tick, and what ticks cost while others wait."""
    asked = {"due": customers, "waiting": waiting, "seconds": seconds}
    title = f"{customers:,} customers due at one tick, {waiting:,} waiting; one worker, wall mode"
    run_measurement(
        title,
        lambda: run_on_testbed("wall", print_progress, partial(_measure, customers, waiting, seconds)),
        asked,
        json_file,
    )


async def _measure(customers: int, waiting: int, seconds: float, ground: Testbed) -> Sequence[Figure]:
    with ground.workers.running() as workers:
        alive = partial(all_running, workers)
        await workers[0].ready()
        async with PurchasePublisher(ground) as till:
            await till.publish_to_each_partition(_now_ms() - DAY_MS)
            await till.wait_until_processed(alive)
            await asyncio.sleep(SETTLE_S)
            ground.log(f"watching ticks for {seconds:.0f} s with {till.published_count} customers")
            few = await measure_idle_worker(workers[0], seconds)

            ground.log(f"{waiting:,} customers come and wait")
            for number in range(waiting):  # their moments differ, as they do in life
                if number % max(1, waiting // 10) == 0:
                    ground.log(f"  {number:,} customers published")
                await till.publish(f"w-{number:07d}", _now_ms() - DAY_MS - number * 29 * DAY_MS // waiting)
            await till.wait_until_processed(alive)
            await asyncio.sleep(SETTLE_S)
            ground.log(f"watching ticks for {seconds:.0f} s with {till.published_count:,} customers")
            many = await measure_idle_worker(workers[0], seconds)

            moment = _now_ms() + int(1000 * (_MARGIN_S + customers / _SLOWEST))
            ground.log(f"{customers:,} customers come who fall due together in {(moment - _now_ms()) / 1000:.0f} s")
            for number in range(customers):
                await till.publish(f"d-{number:07d}", moment - _LAPSE_DAYS * DAY_MS)
            await till.wait_until_processed(alive)
            if _now_ms() > moment:
                message = f"the {customers:,} were not judged before their moment: this machine is too slow or too busy"
                raise BenchFailed(message)
            told = await _told_after(ground, moment, till.published_count + customers, alive)
    await _check(ground, customers, moment)
    return [
        Figure("from the tick in the journal to the last change", told, "s", "5 for 100,000"),
        Figure("changes", customers / told, "a second"),
        Figure("processor time of a tick, few customers", few.cpu_ms_per_tick, "ms"),
        Figure(f"processor time of a tick, {waiting:,} waiting", many.cpu_ms_per_tick, "ms", "no more"),
        Figure("the difference", many.cpu_ms_per_tick - few.cpu_ms_per_tick, "ms", "0"),
    ]


async def _told_after(ground: Testbed, moment: int, changes: int, alive: Callable[[], bool]) -> float:
    """Seconds from the first tick at or after `moment` until there are so many changes, acknowledged."""

    def has_come(record: ConsumerRecord) -> bool:
        event = decode_record(record.value)
        return isinstance(event, Tick) and event.at >= moment

    partitions = [TopicPartition(ground.topics.segment_changes, number) for number in range(PARTITIONS)]
    ends = AIOKafkaConsumer(**ground.settings.kafka_client(), enable_auto_commit=False)
    await ends.start()
    try:
        async with TopicFollower(ground.settings, ground.topics.journal) as following:
            within_s = 120 + max(0.0, (moment - _now_ms()) / 1000)
            began = await following.wait_for_any(has_come, within_s=within_s, alive=alive)
        deadline = time.monotonic() + _TOLD_WITHIN_S
        while (there := sum((await ends.end_offsets(partitions)).values())) < changes:
            if time.monotonic() > deadline or not alive():
                message = f"{there:,} changes of {changes:,} after {_TOLD_WITHIN_S:.0f} s"
                raise BenchFailed(message)
            await asyncio.sleep(0.005)
        return time.perf_counter() - began
    finally:
        await ends.stop()


async def _check(ground: Testbed, customers: int, moment: int) -> None:
    """Whether each of them was told once, with its own moment.

    Raises:
        BenchFailed: not so.
    """
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment // 1000)) + f".{moment % 1000:03d}Z"
    told: list[str] = []
    async for record in read_all(ground.settings, ground.topics.segment_changes):
        change = orjson.loads(record.value)
        if change["to"] == "at_risk" and change["effective_at"] == at:
            told.append(change["customer_id"])
    if len(told) != customers or len(set(told)) != customers:
        message = f"{len(set(told)):,} of {customers:,} customers were told at their moment, in {len(told):,} changes"
        raise BenchFailed(message)


def _now_ms() -> int:
    return int(time.time() * 1000)
