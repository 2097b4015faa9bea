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

from bench.consumption import at_rest
from bench.figures import Figure
from bench.ground import Ground, on_ground
from bench.resident import resident_mib
from bench.telling import JsonFile, say, tell
from bench.till import DAY_MS, Till
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
            return on_ground("wall", say, partial(_measure, seconds, url))

    tell(title, measure, asked, json_file)


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


async def _measure(seconds: float, redis: str, ground: Ground) -> Sequence[Figure]:
    settings = dataclasses.replace(ground.settings, redis=redis)
    with Workers(settings, ground.workers.directory).running() as workers:
        await workers[0].ready()
        async with Till(ground) as till:
            await till.sell_in_each_partition(int(time.time() * 1000) - DAY_MS)
            await till.covered(partial(all_running, workers))
        await asyncio.sleep(SETTLE_S)
        ground.say(f"watching for {seconds:.0f} s")
        rest = await at_rest(workers[0], seconds)
        memory = resident_mib(workers[0].child.pid)
    return [
        Figure("processor time", rest.share, "% of a core", "under 3"),
        Figure("processor time for a tick", rest.cpu_ms_a_tick, "ms"),
        Figure("ticks", rest.ticks / rest.seconds, "a second"),
        Figure("resident memory", memory, "MiB"),
    ]
