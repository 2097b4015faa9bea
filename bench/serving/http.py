"""Measure events and look-ups over HTTP, next to a bare Litestar handler and a bare producer in the same run."""

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Annotated, Final, TypeVar

import typer
from aiokafka import AIOKafkaProducer

from bench.console_output import JsonFile, print_progress, run_measurement
from bench.figures import Figure
from bench.idle import running_redis
from bench.measurement import difference
from bench.serving.http_client import Answers, Client, gathered, get, paced, post
from bench.serving.http_events import REGULARS, batch, purchase, regular_customer
from bench.serving.http_servers import running_bare_handler, running_serve
from bench.serving.http_streams import open_streams
from bench.steady.latency_report import Spread
from bench.testbed.broker import BenchFailed
from bench.testbed.process_usage import processor_seconds_of_all
from bench.testbed.testbed import Testbed, run_on_testbed
from bench.testbed.workers import Workers, all_running

Measured = TypeVar("Measured")

RATE: Final = 500
HIGH_RATE: Final = 1_000
BATCH: Final = 100
CONNECTIONS: Final = 8
"""That send batches at the same time."""
STREAMS: Final = 200
ROUNDS: Final = 3
"""Without streams and with them, in turn: one round that the machine disturbs must not decide about a difference."""
WARM_UP_S: Final = 8.0
"""Before anything is measured: until then, the broker compiles what it runs."""
WARM_S: Final = 3.0
_READY_WITHIN_S: Final = 60.0


def http(
    seconds: Annotated[float, typer.Option(min=1, help="Duration of each measurement, in seconds.")] = 20.0,
    json_file: JsonFile = None,
) -> None:
    """Measure `goldstream serve` over real sockets; a worker with Redis processes everything all the while."""
    title = "goldstream serve, over HTTP; a worker with Redis runs alongside, on the same machine as broker and clients"

    def measure() -> Sequence[Figure]:
        with running_redis() as url:
            return run_on_testbed("wall", print_progress, partial(_measure, seconds, url))

    run_measurement(title, measure, {"seconds": seconds, "batch": BATCH, "streams": STREAMS}, json_file)


async def _measure(seconds: float, redis: str, testbed: Testbed) -> Sequence[Figure]:
    settings = dataclasses.replace(testbed.settings, redis=redis)
    testbed = dataclasses.replace(testbed, settings=settings)
    with Workers(settings, testbed.workers.directory).running() as workers:
        await workers[0].ready()
        figures = await _measure_serve(testbed, seconds)
        async with running_bare_handler(testbed.directory) as (url, _):
            figures += await _bare_handler(url, seconds, testbed.log)
        figures += await _bare_producer(testbed, seconds)
        if not all_running(workers):
            raise BenchFailed("the worker ended")
    return figures


async def _measure_serve(testbed: Testbed, seconds: float) -> list[Figure]:
    async with running_serve(testbed.settings, testbed.directory) as (url, child), _client(url) as client:
        await _wait_until_ready(client, url)
        one = lambda _: post(f"{url}/v1/events", purchase())  # noqa: E731 - a name for one line
        testbed.log("warming up")
        await client.at_rate(one, RATE, 0, WARM_UP_S)
        rounds, growths = list[Spread | None](), list[float | None]()
        for number in range(1, ROUNDS + 1):
            testbed.log(f"single events at {RATE}/s, round {number} of {ROUNDS}")
            before = processor_seconds_of_all(child.pid)
            rounds.append(await _at_rate(client, one, RATE, seconds, testbed.log))
            used = difference(before, processor_seconds_of_all(child.pid))
            testbed.log(f"the same with {STREAMS} streams of changes")
            async with open_streams(url, STREAMS) as streams:
                streamed = await _at_rate(client, one, RATE, seconds, testbed.log)
            growths.append(_growth(rounds[-1], streamed))
        testbed.log(f"single events at {HIGH_RATE}/s")
        high = await _at_rate(client, one, HIGH_RATE, seconds, testbed.log)
        testbed.log(f"look-ups at {HIGH_RATE}/s")
        look_up = lambda number: get(f"{url}/v1/customers/{regular_customer(number)}")  # noqa: E731 - as above
        found = await _at_rate(client, look_up, HIGH_RATE, seconds, testbed.log)
        testbed.log(f"batches of {BATCH}")
        batches, _ = await client.in_turn(lambda _: post(f"{url}/v1/events", batch(BATCH)), CONNECTIONS, seconds)
    single, growth = median(rounds, lambda spread: spread.p99_ms), median(growths, lambda ms: ms)
    share = None if used is None else 100 * used / (WARM_S + seconds)
    return [
        *_latencies(f"single events at {RATE}/s, to durable, median of {ROUNDS} rounds", single, "at most 40"),
        Figure("  processor time of the server", share, "% of a core"),
        *_latencies(f"single events at {HIGH_RATE}/s, to durable", high, "aim 25"),
        Figure(f"batches of {BATCH}", batches * BATCH / seconds, "events/s", "at least 15,000, aim 30,000"),
        *_latencies(f"GET /v1/customers/… at {HIGH_RATE}/s", found, "at most 10"),
        Figure(f"growth of p99 at {RATE}/s with {STREAMS} streams, median of {ROUNDS}", growth, "ms", "at most 10"),
        Figure("  changes on each stream", streams.changes_per_second, "per second", "100"),
    ]


def _growth(single: Spread | None, streamed: Spread | None) -> float | None:
    return None if single is None or streamed is None else streamed.p99_ms - single.p99_ms


def median(rounds: Sequence[Measured | None], figure: Callable[[Measured], float]) -> Measured | None:
    """Return the round in the middle; None if a round has no figure."""
    known = [each for each in rounds if each is not None]
    return sorted(known, key=figure)[len(known) // 2] if len(known) == len(rounds) else None


async def _wait_until_ready(client: Client, url: str) -> None:
    """Send events until they are taken, which needs the policy, and a customer is found, which needs Redis.

    Raises:
        BenchFailed: that does not happen.
    """
    batches = [partial(_one_batch, url)] * (1 + REGULARS // BATCH)  # of which the last ones have all regular customers
    for request in (*batches, partial(_one_customer, url)):
        status, end_s = 0, time.perf_counter() + _READY_WITHIN_S
        while status != 200:
            if time.perf_counter() > end_s:
                raise BenchFailed(f"the server answers {status} to: {request()[:200]!r}")
            status = await client.send(request())
            await asyncio.sleep(0.1)


def _one_batch(url: str) -> bytes:
    return post(f"{url}/v1/events", batch(BATCH))


def _one_customer(url: str) -> bytes:
    return get(f"{url}/v1/customers/{regular_customer(1)}")


async def _bare_handler(url: str, seconds: float, log: Callable[[str], None]) -> list[Figure]:
    async with _client(url) as client:
        log("a bare Litestar handler")
        single = await _at_rate(client, lambda _: post(f"{url}/", purchase()), RATE, seconds, log)
        batches, _ = await client.in_turn(lambda _: post(f"{url}/", batch(BATCH)), CONNECTIONS, seconds)
    return [
        *_latencies(f"bare Litestar handler: single events at {RATE}/s", single),
        Figure(f"bare Litestar handler: batches of {BATCH}", batches * BATCH / seconds, "events/s"),
    ]


async def _bare_producer(testbed: Testbed, seconds: float) -> list[Figure]:
    """Measure an idempotent producer with `acks=all` in this process, to the same topic."""
    testbed.log("a bare producer")
    topic, answers, sent = testbed.topics.full("events"), Answers(), 0
    kafka = testbed.settings.kafka
    async with AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True) as producer:
        loop = asyncio.get_running_loop()

        async def send(number: int, due_s: float) -> None:
            await producer.send_and_wait(topic, purchase(), key=b"r-%d" % (number % 200))
            answers.seconds.append(time.perf_counter() - due_s)

        await paced(send, RATE, WARM_S + seconds)
        end_s = loop.time() + seconds

        async def send_batches() -> None:
            nonlocal sent
            while loop.time() < end_s:
                futures = [await producer.send(topic, purchase(), key=b"r-%d" % (n % 200)) for n in range(BATCH)]
                await asyncio.gather(*futures)
                sent += BATCH

        await gathered([send_batches() for _ in range(CONNECTIONS)])
    return [
        *_latencies(f"bare producer: single events at {RATE}/s", Spread.of(answers.seconds[int(WARM_S * RATE) :])),
        Figure(f"bare producer: batches of {BATCH}", sent / seconds, "events/s"),
    ]


@contextlib.asynccontextmanager
async def _client(url: str) -> AsyncIterator[Client]:
    client = Client(url)
    try:
        yield client
    finally:
        client.close()


async def _at_rate(
    client: Client, request: Callable[[int], bytes], rate: float, seconds: float, log: Callable[[str], None]
) -> Spread | None:
    """Return the times of answers at a rate; None if it cannot be kept.

    Raises:
        BenchFailed: some answers were not 200.
    """
    try:
        answers = await client.at_rate(request, rate, WARM_S, seconds)
    except BenchFailed as error:
        log(f"no figure: {error}")
        return None
    if answers.statuses.keys() != {200}:
        raise BenchFailed(f"answers other than 200: {dict(answers.statuses)}")
    return Spread.of(answers.seconds)


def _latencies(what: str, spread: Spread | None, aim: str = "") -> list[Figure]:
    if spread is None:
        return [Figure(what, None, "ms", aim)]
    return [Figure(f"{what}: p50", spread.p50_ms, "ms"), Figure("  p99", spread.p99_ms, "ms", aim)]
