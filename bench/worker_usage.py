"""What a worker uses while nothing comes: processor time and ticks over a while."""

import asyncio
import time
from dataclasses import dataclass

from bench.broker import BenchFailed
from bench.workers import processor_seconds_of
from tests.integration.workers import RunningWorker


@dataclass(frozen=True, slots=True)
class WorkerUsage:
    """Over `seconds`: `cpu` seconds of processor time, and how many `ticks` were written."""

    seconds: float
    cpu: float
    ticks: float

    @property
    def cpu_percent(self) -> float:
        """Of a core, in percent."""
        return 100 * self.cpu / self.seconds

    @property
    def cpu_ms_per_tick(self) -> float:
        """Milliseconds of processor time for each tick."""
        return 1000 * self.cpu / self.ticks


async def measure_idle_worker(worker: RunningWorker, seconds: float) -> WorkerUsage:
    """Watch a worker for so many seconds; reading its metrics is outside of them.

    Raises:
        BenchFailed: it ended, wrote no tick, or its processor time cannot be told here.
    """
    ticks = (await worker.metrics()).total("goldstream_ticks_total")
    began, before = time.perf_counter(), processor_seconds_of([worker])
    await asyncio.sleep(seconds)
    after, ended = processor_seconds_of([worker]), time.perf_counter()
    ticks = (await worker.metrics()).total("goldstream_ticks_total") - ticks
    if before is None or after is None or not ticks:
        message = f"nothing to be told of a worker at rest: {ticks:.0f} ticks, processor time {before} to {after}"
        raise BenchFailed(message)
    return WorkerUsage(ended - began, after - before, ticks)
