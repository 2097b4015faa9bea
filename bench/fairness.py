"""Measure how soon live purchases have their changes while many customers fall due, and while history is imported."""

import asyncio
import dataclasses
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Final

import typer
from aiokafka import ConsumerRecord

from bench.console_output import JsonFile, print_progress, run_measurement
from bench.due import LAPSE_DAYS, LEAD_S, MIN_RATE, check_due_changes, has_tick_at
from bench.figures import Figure
from bench.idle import running_redis
from bench.steady.latency_report import Spread
from bench.steady.steady_runner import LEAD_S as LOAD_LEAD_S
from bench.steady.steady_runner import SteadyLoad
from bench.testbed.broker import BenchFailed
from bench.testbed.peer_runner import peers_python
from bench.testbed.purchase_publisher import DAY_MS, PurchasePublisher
from bench.testbed.testbed import Testbed, run_on_testbed
from bench.testbed.topic_follower import TopicFollower
from bench.testbed.workers import Workers, all_running
from streams.tables.progress import PROGRESS_KEY, decode_progress

WARM_S: Final = 5.0
BEFORE_TICK_S: Final = 1.0
"""Purchases published that long before the tick belong to the burst: they may still be waiting when it comes."""
MAX_P99_MS: Final = 2000
_ORDERS: Final = 5
"""Of each imported customer."""
_HISTORY_DAYS: Final = 300
_BURST_TIMEOUT_S: Final = 600.0
_CHANGES_TIMEOUT_S: Final = 300.0
_WITHOUT_END_S: Final = 3600.0

Alive = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Burst:
    """A burst that was measured, with the latencies of live purchases before it and during it."""

    what: str
    seconds: float
    size: int
    before: Spread | None
    during: Spread | None
    late_ms: float

    def figures(self) -> list[Figure]:
        """Return what is shown of it."""
        figures = [Figure(f"{self.what}: from begin to end", self.seconds, "s")]
        figures.append(Figure(f"{self.what}: rate", self.size / self.seconds, "per second"))
        for when, spread, aim in (("before", self.before, ""), ("during", self.during, f"at most {MAX_P99_MS:,}")):
            name = f"{self.what}: live, {when}"
            if spread is None:
                figures.append(Figure(f"{name}, changes", 0, ""))
                continue
            figures += [
                Figure(f"{name}, p50", spread.p50_ms, "ms"),
                Figure(f"{name}, p99", spread.p99_ms, "ms", aim),
                Figure(f"{name}, maximum", spread.max_ms, "ms"),
                Figure(f"{name}, changes", spread.count, ""),
            ]
        return [*figures, Figure(f"{self.what}: live purchases published late, maximum", self.late_ms, "ms")]


def fairness(
    due: Annotated[int, typer.Option(min=0, help="Customers who fall due at one tick; 0 skips this burst.")] = 100_000,
    imported: Annotated[
        int, typer.Option("--import", min=0, help="Historical purchases to import; 0 skips this burst.")
    ] = 200_000,
    rate: Annotated[int, typer.Option(min=1, help="Live purchases per second, on another source topic.")] = 50,
    before: Annotated[float, typer.Option(min=1, help="How long live purchases are measured alone, in s.")] = 10.0,
    json_file: JsonFile = None,
) -> None:
    """Measure the latency of live purchases on `events` during a burst: customers due at one tick, then an import."""
    options = {"due": due, "import": imported, "rate": rate, "before": before}
    title = f"{rate:,} live purchases per second on `events` during bursts; one worker with Redis, wall mode"

    def measure() -> Sequence[Figure]:
        peers_python("confluent_kafka")
        with running_redis() as url:
            return run_on_testbed("wall", print_progress, partial(_measure, url, due, imported, rate, before))

    run_measurement(title, measure, options, json_file)


async def _measure(
    redis: str, due: int, imported: int, rate: int, before_s: float, testbed: Testbed
) -> Sequence[Figure]:
    settings = dataclasses.replace(testbed.settings, redis=redis)
    testbed = dataclasses.replace(testbed, settings=settings, workers=Workers(settings, testbed.directory))
    figures: list[Figure] = []
    with testbed.workers.running() as workers:
        alive = partial(all_running, workers)
        await workers[0].ready()
        async with PurchasePublisher(testbed) as publisher:
            await publisher.publish_to_each_partition(_now_ms() - DAY_MS)
            await publisher.wait_until_processed(alive)
            live = _Live(testbed, rate, before_s)
            if due:
                figures += (await _while_due(live, publisher, due, alive)).figures()
            if imported:
                figures += (await _while_imported(live, publisher, imported, alive)).figures()
    return figures


@dataclass(frozen=True, slots=True)
class _Live:
    """Live purchases on `events`, measured before a burst and during it."""

    testbed: Testbed
    rate: int
    before_s: float

    @property
    def lead_s(self) -> float:
        """From starting the load until the burst may begin."""
        return LOAD_LEAD_S + WARM_S + self.before_s

    async def measure(
        self, name: str, what: str, size: int, burst: Callable[[], Awaitable[tuple[float, float]]]
    ) -> Burst:
        """Publish, run the burst, which returns its begin and its end, and stop publishing.

        Raises:
            BenchFailed: a change is missing, unexpected, or was published with two different contents.
        """
        topics, log = self.testbed.topics, self.testbed.log
        log(f"{self.rate:,} live purchases per second for {self.before_s:.0f} s, then {what}")
        load = SteadyLoad(
            self.testbed.settings.kafka,
            self.testbed.directory,
            source=topics.full("events"),
            changes=topics.segment_changes,
            name=name,
            rate=self.rate,
            seconds=_WITHOUT_END_S,
            kind="purchase",
            changes_timeout_s=_CHANGES_TIMEOUT_S,
        )
        with load:
            await asyncio.sleep(self.lead_s)
            begin_s, end_s = await burst()
            load.stop_publishing()
            result = await load.result()
        if faults := result.faults():
            message = f"live purchases, {what}: {'; '.join(faults)}"
            raise BenchFailed(message)
        alone_s = max(load.begin_s + WARM_S, begin_s - self.before_s)
        before = Spread.of(result.change_latencies_s(alone_s, begin_s))
        during = Spread.of(result.change_latencies_s(begin_s, end_s))
        late_ms = max(1000 * late_s for late_s in result.late_s(alone_s, end_s, load.begin_s, self.rate))
        return Burst(what, end_s - begin_s, size, before, during, late_ms)


async def _while_due(live: _Live, publisher: PurchasePublisher, customers: int, alive: Alive) -> Burst:
    testbed = live.testbed
    moment = _now_ms() + int(1000 * (LEAD_S + customers / MIN_RATE + live.lead_s))
    testbed.log(f"{customers:,} customers who fall due together in {(moment - _now_ms()) / 1000:.0f} s")
    for number in range(customers):
        await publisher.publish(f"d-{number:07d}", moment - LAPSE_DAYS * DAY_MS)
    await publisher.wait_until_processed(alive)

    def is_over(record: ConsumerRecord) -> bool:
        return decode_progress(record.value).watermark >= moment

    async def burst() -> tuple[float, float]:
        if _now_ms() > moment:
            message = f"the {customers:,} customers fell due before live purchases were measured: this machine is slow"
            raise BenchFailed(message)
        within_s = _BURST_TIMEOUT_S + (moment - _now_ms()) / 1000
        async with (
            TopicFollower(testbed.settings, testbed.topics.journal) as journal,
            TopicFollower(testbed.settings, testbed.topics.progress, key=PROGRESS_KEY) as progress,
        ):
            tick_s = await journal.wait_for_any(partial(has_tick_at, moment), within_s=within_s, alive=alive)
            end_s = await progress.wait_for_all(is_over, within_s=_BURST_TIMEOUT_S, alive=alive)
        return tick_s - BEFORE_TICK_S, end_s

    measured = await live.measure("live-due", f"{customers:,} due at one tick", customers, burst)
    await check_due_changes(testbed, customers, moment)
    return dataclasses.replace(measured, seconds=measured.seconds - BEFORE_TICK_S)


async def _while_imported(live: _Live, publisher: PurchasePublisher, events: int, alive: Alive) -> Burst:
    begin_ms, step_ms = _now_ms() - _HISTORY_DAYS * DAY_MS, (_HISTORY_DAYS - 1) * DAY_MS / events
    customers = max(1, events // _ORDERS)

    async def burst() -> tuple[float, float]:
        begin_s = time.perf_counter()
        for number in range(events):
            at_ms = begin_ms + int(number * step_ms)
            await publisher.publish(f"i-{number % customers:07d}", at_ms, backfill=True)
        await publisher.wait_until_processed(alive)
        return begin_s, time.perf_counter()

    return await live.measure("live-import", f"{events:,} imported", events, burst)


def _now_ms() -> int:
    return int(time.time() * 1000)
