"""Measure what a worker without work costs."""

import asyncio
import contextlib
import dataclasses
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer

from bench.console_output import JsonFile, print_progress, run_measurement
from bench.figures import Figure
from bench.testbed.process_usage import resident_mib_of_all
from bench.testbed.purchase_publisher import DAY_MS, PurchasePublisher
from bench.testbed.testbed import Testbed, run_on_testbed
from bench.testbed.worker_usage import WorkerUsage, measure_idle_worker
from bench.testbed.workers import Workers, all_running
from tests.servers.redis_server import RedisServer

_SEVERAL: Final = 2
SETTLE_S = 5.0
"""How long a worker is left idle before it is watched."""


def idle(
    seconds: Annotated[float, typer.Option(min=2, help="How long it is watched, in seconds.")] = 30.0,
    json_file: JsonFile = None,
) -> None:
    """Measure the processor time of an idle worker with all stages, in wall mode."""
    title, options = "An idle worker, all stages, wall mode", {"seconds": seconds}

    def measure() -> Sequence[Figure]:
        with running_redis() as url:
            return run_on_testbed("wall", print_progress, partial(_measure, seconds, url))

    run_measurement(title, measure, options, json_file)


@contextlib.contextmanager
def running_redis() -> Iterator[str]:
    """Run a Redis for a worker to project to, and yield its URL.

    Raises:
        Missing: redis-server is not installed.
    """
    with tempfile.TemporaryDirectory(prefix="goldstream-bench-") as folder:
        redis = RedisServer(Path(folder))
        redis.start()
        try:
            yield redis.url
        finally:
            redis.stop()


async def _measure(seconds: float, redis: str, testbed: Testbed) -> Sequence[Figure]:
    settings = dataclasses.replace(testbed.settings, redis=redis)
    with Workers(settings, testbed.workers.directory).running() as workers:
        await workers[0].ready()
        async with PurchasePublisher(testbed) as publisher:
            await publisher.publish_to_each_partition(int(time.time() * 1000) - DAY_MS)
            await publisher.wait_until_processed(partial(all_running, workers))
        await asyncio.sleep(SETTLE_S)
        testbed.log(f"watching for {seconds:.0f} s")
        usage = await measure_idle_worker(workers[0], seconds)
        memory = resident_mib_of_all(workers[0].child.pid)
    return [
        Figure("processor time, all processes", usage.cpu_percent, "% of a core", "at most 3, aim 2"),
        *_by_process(usage),
        Figure("processor time per tick", usage.cpu_ms_per_tick, "ms"),
        Figure("ticks", usage.ticks / usage.seconds, "per second"),
        Figure("resident memory", memory, "MiB"),
    ]


def _by_process(usage: WorkerUsage) -> list[Figure]:
    """Return the processor time of each process, if there are several."""
    if len(usage.cpu_by_process) < _SEVERAL:
        return []
    used = sorted(usage.cpu_by_process.items())
    return [Figure(f"of that, {name}", 100 * cpu / usage.seconds, "% of a core") for name, cpu in used]
