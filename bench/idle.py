"""What a worker costs that has nothing to do."""

import asyncio
import contextlib
import dataclasses
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from bench.console_output import JsonFile, print_progress, run_measurement
from bench.figures import Figure
from bench.process_usage import resident_mib
from bench.purchase_publisher import DAY_MS, PurchasePublisher
from bench.testbed import Testbed, run_on_testbed
from bench.worker_usage import measure_idle_worker
from bench.workers import Workers, all_running
from tests.servers.redis_server import RedisServer

SETTLE_S = 5.0
"""How long a worker is left alone before it is watched."""


def idle(
    seconds: Annotated[float, typer.Option(min=2, help="How long it is watched.")] = 30.0, json_file: JsonFile = None
) -> None:
    """Measure the processor time of a worker with all stages that has nothing to do, in wall mode."""
    title, asked = "An idle worker, all stages, wall mode", {"seconds": seconds}

    def measure() -> Sequence[Figure]:
        with running_redis() as url:
            return run_on_testbed("wall", print_progress, partial(_measure, seconds, url))

    run_measurement(title, measure, asked, json_file)


@contextlib.contextmanager
def running_redis() -> Iterator[str]:
    """A Redis, by its URL, so that a worker has something to project to.

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


async def _measure(seconds: float, redis: str, ground: Testbed) -> Sequence[Figure]:
    settings = dataclasses.replace(ground.settings, redis=redis)
    with Workers(settings, ground.workers.directory).running() as workers:
        await workers[0].ready()
        async with PurchasePublisher(ground) as till:
            await till.publish_to_each_partition(int(time.time() * 1000) - DAY_MS)
            await till.wait_until_processed(partial(all_running, workers))
        await asyncio.sleep(SETTLE_S)
        ground.log(f"watching for {seconds:.0f} s")
        rest = await measure_idle_worker(workers[0], seconds)
        memory = resident_mib(workers[0].child.pid)
    return [
        Figure("processor time", rest.cpu_percent, "% of a core", "under 3"),
        Figure("processor time for a tick", rest.cpu_ms_per_tick, "ms"),
        Figure("ticks", rest.ticks / rest.seconds, "a second"),
        Figure("resident memory", memory, "MiB"),
    ]
