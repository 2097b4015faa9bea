"""Measure the pages beside a base of a million customers, and what a hundred open ones cost intake and lanes."""

import asyncio
import dataclasses
import time
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import Annotated, Final, NamedTuple

import typer

from bench.console_output import JsonFile, print_progress, run_measurement
from bench.figures import Figure
from bench.idle import running_redis
from bench.serving.http_client import Client, get, post
from bench.serving.http_events import purchase
from bench.serving.http_servers import running_serve
from bench.serving.http_streams import open_streams
from bench.serving.large_base import publish_copies, publish_history, read_templates, wait_until_counted
from bench.serving.page_views import reach_and_csv, view_all
from bench.steady.latency_report import Spread
from bench.testbed.broker import BenchFailed
from bench.testbed.process_usage import processor_seconds_of_all
from bench.testbed.testbed import Testbed, run_on_testbed
from bench.testbed.workers import Workers, all_running, processor_seconds_of
from tests.running.workers import RunningWorker

TEMPLATES: Final = 2_000
MOVERS_EVERY: Final = 4
OPEN_PAGES: Final = 100
RATE: Final = 500
ROUNDS: Final = 3
"""Without pages and with them, in turn: one round that the machine disturbs must not decide about a difference."""
WARM_S: Final = 3.0
WARM_UP_S: Final = 5.0
"""Before the first round: until then, the broker compiles what it runs."""
_READY_WITHIN_S: Final = 60.0


class Load(NamedTuple):
    """Intake at a steady rate.

    Attributes:
        spread: of the answers.
        event_ms: mean time from the publication of an event until its changes are acknowledged.
        worker_percent: processor time of the worker, in percent of a core; likewise `server_percent`.
    """

    spread: Spread
    event_ms: float
    worker_percent: float
    server_percent: float


def pages(
    customers: Annotated[int, typer.Option(min=TEMPLATES, help="Customers of the base.")] = 1_000_000,
    seconds: Annotated[float, typer.Option(min=1, help="Duration of each of six rounds of intake.")] = 15.0,
    json_file: JsonFile = None,
) -> None:
    """Measure the first view of every page, and intake with and without a hundred open pages."""
    title = f"The pages with {customers:,} customers; broker, worker, Redis and readers are on the same machine"

    def measure() -> Sequence[Figure]:
        with running_redis() as url:
            return run_on_testbed("wall", print_progress, partial(_measure, customers, seconds, url))

    run_measurement(title, measure, {"customers": customers, "seconds": seconds}, json_file)


async def _measure(customers: int, seconds: float, redis: str, testbed: Testbed) -> Sequence[Figure]:
    settings = dataclasses.replace(testbed.settings, redis=redis)
    testbed = dataclasses.replace(testbed, settings=settings)
    with Workers(settings, testbed.directory).running() as workers:
        await workers[0].ready()
        testbed.log(f"{TEMPLATES:,} customers with a history")
        await publish_history(settings, TEMPLATES)
        templates = await read_templates(settings)
        copies = customers // TEMPLATES
        testbed.log(f"the same under other ids: {customers:,} customers")
        began_s = time.perf_counter()
        moves = await publish_copies(settings, templates, range(1, copies), MOVERS_EVERY)
        await wait_until_counted(settings, copies * TEMPLATES)
        testbed.log(f"in Redis after {time.perf_counter() - began_s:.0f} s; {moves:,} moves in the last 90 days")
        async with running_serve(settings, testbed.directory) as (url, server):
            await _wait_until_ready(url)
            figures = await asyncio.to_thread(view_all, url, testbed.log)
            figures += await asyncio.to_thread(reach_and_csv, url, moves)
            assert server.pid is not None
            figures += await _open_pages(url, workers[0], server.pid, seconds, testbed.log)
        if not all_running(workers):
            raise BenchFailed("the worker ended")
    return figures


async def _open_pages(
    url: str, worker: RunningWorker, server_pid: int, seconds: float, log: Callable[[str], None]
) -> list[Figure]:
    """Measure intake without open pages and with them, in turn."""
    load = partial(_load, url, worker, server_pid)
    log("warming up")
    await load(WARM_UP_S)
    without, beside, sent = list[Load](), list[Load](), 0.0
    for number in range(1, ROUNDS + 1):
        log(f"events at {RATE}/s, round {number} of {ROUNDS}")
        without.append(await load(seconds))
        log(f"the same with {OPEN_PAGES} open pages")
        async with open_streams(url, OPEN_PAGES, "/live") as streams:
            beside.append(await load(seconds))
        sent = streams.changes_per_second
    growth = median([b.spread.p99_ms - a.spread.p99_ms for a, b in zip(without, beside, strict=True)])
    figures = [
        Figure(
            f"growth of intake p99 with {OPEN_PAGES} open pages, median of {ROUNDS}", growth, "ms", "not measurable"
        ),
        Figure("  parts and rows sent to each page", sent, "per second"),
    ]
    for name, loads in (("without pages", without), (f"{OPEN_PAGES} pages open", beside)):
        figures += [
            Figure(f"{RATE}/s, {name}: intake p50", median(each.spread.p50_ms for each in loads), "ms"),
            Figure("  intake p99", median(each.spread.p99_ms for each in loads), "ms"),
            Figure("  event to change, mean", median(each.event_ms for each in loads), "ms"),
            Figure("  processor time of the worker", median(each.worker_percent for each in loads), "% of a core"),
            Figure("  processor time of the server", median(each.server_percent for each in loads), "% of a core"),
        ]
    return figures


async def _load(url: str, worker: RunningWorker, server_pid: int, seconds: float) -> Load:
    client = Client(url)
    began_s, used = time.perf_counter(), _processor_seconds(worker, server_pid)
    metrics = await worker.metrics()
    try:
        answers = await client.at_rate(lambda _: post(f"{url}/v1/events", purchase()), RATE, WARM_S, seconds)
        spread = Spread.of(answers.seconds)
        if spread is None or answers.statuses.keys() != {200}:
            raise BenchFailed(f"answers other than 200: {dict(answers.statuses)}")
    finally:
        client.close()
    worker_s, server_s = (b - a for a, b in zip(used, _processor_seconds(worker, server_pid), strict=True))
    after, took_s = await worker.metrics(), time.perf_counter() - began_s
    total, count = (
        after.total(f"goldstream_event_latency_seconds_{each}")
        - metrics.total(f"goldstream_event_latency_seconds_{each}")
        for each in ("sum", "count")
    )
    return Load(spread, 1000 * total / max(1.0, count), 100 * worker_s / took_s, 100 * server_s / took_s)


def _processor_seconds(worker: RunningWorker, server_pid: int) -> tuple[float, float]:
    return processor_seconds_of([worker]) or 0.0, processor_seconds_of_all(server_pid) or 0.0


async def _wait_until_ready(url: str) -> None:
    """Wait until the server is ready and knows the policy and the time.

    Raises:
        BenchFailed: that takes too long.
    """
    client, status, end_s = Client(url), 0, time.perf_counter() + _READY_WITHIN_S
    try:
        while status != 200:
            if time.perf_counter() > end_s:
                raise BenchFailed(f"the server is not ready: {status}")
            status = await client.send(get(f"{url}/ready"))
            await asyncio.sleep(0.2)
    finally:
        client.close()
    await asyncio.sleep(WARM_S)
