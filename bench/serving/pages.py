"""Measure the pages beside a base of a million customers, and what a hundred open ones cost intake and lanes."""

import asyncio
import dataclasses
import gzip
import html
import http.client
import re
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Final, NamedTuple

import typer

from agents.serve.pages.site import FLOWS, PAGES
from bench.console_output import JsonFile, print_progress, run_measurement
from bench.figures import Figure
from bench.idle import running_redis
from bench.serving.http_client import Client, address_of, get, post
from bench.serving.http_events import purchase
from bench.serving.http_servers import running_serve
from bench.serving.http_streams import open_streams
from bench.serving.large_base import publish_copies, publish_history, read_templates, wait_until_counted
from bench.steady.latency_report import Spread
from bench.testbed.broker import BenchFailed
from bench.testbed.process_usage import processor_seconds_of_all
from bench.testbed.testbed import Testbed, run_on_testbed
from bench.testbed.workers import Workers, all_running, processor_seconds_of
from tests.integration.workers import RunningWorker

TEMPLATES: Final = 2_000
MOVERS_EVERY: Final = 4
OPEN_PAGES: Final = 100
RATE: Final = 500
VIEWS: Final = 20
WARM_S: Final = 3.0
FIRST_VIEW: Final = "at most 150"
COMPRESSED: Final = "at most 70"
BEHIND_A_COUNT: Final = (
    "/segments/churned",
    "/segments/grid/1-1",
    "/flows?from={ninety}&to={today}",
    "/daily?from={ninety}&to={today}",
    "/daily/revenue",
    "/customers/t-00001-1",
)
_ASSET: Final = re.compile(rb'(?:href|src)="(/static/[^"]+)"')
_FLOW: Final = re.compile(rb'href="(/flows/customers[^"]+)"')
_READY_WITHIN_S: Final = 60.0


class Viewed(NamedTuple):
    """The views of a page.

    Attributes:
        first_ms: of the first one, from the request to the last byte of the answer; `p50_ms` of those after it.
        kilobytes: of the page, compressed; `all_kilobytes` with its styles and scripts.
    """

    first_ms: float
    p50_ms: float
    kilobytes: float
    all_kilobytes: float


class Load(NamedTuple):
    """Intake at a steady rate.

    Attributes:
        spread: of the answers; None if the rate was not kept.
        event_ms: mean time from the publication of an event until its changes are acknowledged.
        worker_percent: processor time of the worker, in percent of a core; likewise `server_percent`.
    """

    spread: Spread | None
    event_ms: float
    worker_percent: float
    server_percent: float


def pages(
    customers: Annotated[int, typer.Option(min=TEMPLATES, help="Customers of the base.")] = 1_000_000,
    seconds: Annotated[float, typer.Option(min=1, help="Duration of each measurement of intake.")] = 15.0,
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
            figures = await asyncio.to_thread(_views, url, testbed.log)
            figures += await asyncio.to_thread(_reach_and_csv, url, moves)
            assert server.pid is not None
            figures += await _open_pages(url, workers[0], server.pid, seconds, testbed.log)
        if not all_running(workers):
            raise BenchFailed("the worker ended")
    return figures


def _views(url: str, log: Callable[[str], None]) -> list[Figure]:
    """View every page: those of the navigation, then those behind a count."""
    today, ninety = (time.strftime("%Y-%m-%d", time.gmtime(time.time() - days * 86_400)) for days in (0, 89))
    behind = (path.format(today=today, ninety=ninety) for path in BEHIND_A_COUNT)
    figures, flow = [], _largest_flow(url)
    for path in (*(page.path for page in PAGES), *behind, flow):
        log(f"viewing {path}")
        viewed = _view(url, path)
        figures += [
            Figure(f"{path}: first view", viewed.first_ms, "ms", FIRST_VIEW),
            Figure("  the next ones, p50", viewed.p50_ms, "ms"),
            Figure("  compressed", viewed.kilobytes, "KB"),
            Figure("  compressed, with styles and scripts", viewed.all_kilobytes, "KB", COMPRESSED),
        ]
    return figures


def _largest_flow(url: str) -> str:
    """Return the address of the customers of the first flow in the table."""
    connection = http.client.HTTPConnection(*address_of(url))
    try:
        link = _FLOW.search(gzip.decompress(_fetch(connection, FLOWS.path)))
    finally:
        connection.close()
    if link is None:
        raise BenchFailed("nobody moved")
    return html.unescape(link[1].decode())


def _view(url: str, path: str) -> Viewed:
    connection = http.client.HTTPConnection(*address_of(url))
    try:
        milliseconds = []
        for _ in range(1 + VIEWS):
            began_s = time.perf_counter()
            body = _fetch(connection, path)
            milliseconds.append(1000 * (time.perf_counter() - began_s))
        assets = {asset.decode() for asset in _ASSET.findall(gzip.decompress(body))}
        sent = len(body) + sum(len(_fetch(connection, asset)) for asset in assets)
    finally:
        connection.close()
    first, *rest = milliseconds
    return Viewed(first, sorted(rest)[VIEWS // 2], len(body) / 1000, sent / 1000)


def _fetch(connection: http.client.HTTPConnection, path: str) -> bytes:
    """Return the body of an answer as it was sent: compressed.

    Raises:
        BenchFailed: it is not 200.
    """
    connection.request("GET", path, headers={"Accept-Encoding": "gzip", "Accept-Language": "ru"})
    response = connection.getresponse()
    body = response.read()
    if response.status != 200:
        raise BenchFailed(f"{path}: {response.status}")
    return body


def _reach_and_csv(url: str, moves: int) -> list[Figure]:
    """Count who can be reached of all who moved, which the page Flows asks for afterwards, and read a large list."""
    connection = http.client.HTTPConnection(*address_of(url))
    ninety = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 89 * 86_400))
    began_s = time.perf_counter()
    _fetch(connection, f"/flows?from={ninety}&reachable=1")
    reach_s = time.perf_counter() - began_s
    began_s = time.perf_counter()
    connection.request("GET", "/v1/segments/churned/customers?format=csv")
    response = connection.getresponse()
    rows = response.read(1).count(b"\n")
    first_s = time.perf_counter() - began_s
    while chunk := response.read(1 << 20):
        rows += chunk.count(b"\n")
    seconds = time.perf_counter() - began_s
    connection.close()
    return [
        Figure(f"reachable ones of {moves:,} moves, asked for by the open page", reach_s, "s"),
        Figure("CSV of the segment churned: to the first byte", 1000 * first_s, "ms"),
        Figure("  customers", rows - 1, ""),
        Figure("  rate", (rows - 1) / seconds, "per second"),
    ]


async def _open_pages(
    url: str, worker: RunningWorker, server_pid: int, seconds: float, log: Callable[[str], None]
) -> list[Figure]:
    """Measure intake without open pages, with them, and without them again."""
    load = partial(_load, url, worker, server_pid, seconds)
    log(f"events at {RATE}/s without open pages")
    before = await load()
    log(f"events at {RATE}/s with {OPEN_PAGES} open pages")
    async with open_streams(url, OPEN_PAGES, "/live") as streams:
        beside = await load()
    log(f"events at {RATE}/s without open pages again")
    after = await load()
    figures = [Figure("parts and rows sent to each open page", streams.changes_per_second, "per second")]
    for name, each in (("without pages", before), (f"{OPEN_PAGES} pages open", beside), ("without pages", after)):
        figures += [
            Figure(f"{RATE}/s, {name}: intake p50", None if each.spread is None else each.spread.p50_ms, "ms"),
            Figure("  intake p99", None if each.spread is None else each.spread.p99_ms, "ms"),
            Figure("  event to change, mean", each.event_ms, "ms"),
            Figure("  processor time of the worker", each.worker_percent, "% of a core"),
            Figure("  processor time of the server", each.server_percent, "% of a core"),
        ]
    return figures


async def _load(url: str, worker: RunningWorker, server_pid: int, seconds: float) -> Load:
    client = Client(url)
    began_s, used = time.perf_counter(), _processor_seconds(worker, server_pid)
    metrics = await worker.metrics()
    try:
        answers = await client.at_rate(lambda _: post(f"{url}/v1/events", purchase()), RATE, WARM_S, seconds)
        spread = Spread.of(answers.seconds)
        if answers.statuses.keys() != {200}:
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
