"""Measure what an idle worker uses: processor time and ticks over a period."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

from bench.testbed.broker import BenchFailed
from bench.testbed.process_usage import processor_seconds_by_name
from bench.testbed.workers import processor_seconds_of
from tests.running.workers import RunningWorker


@dataclass(frozen=True, slots=True)
class WorkerUsage:
    """Usage over `seconds`.

    Attributes:
        cpu: seconds of processor time of all its processes.
        ticks: number of ticks written.
        cpu_by_process: `cpu` of each, by the names of the processes.
    """

    seconds: float
    cpu: float
    ticks: float
    cpu_by_process: Mapping[str, float]

    @property
    def cpu_percent(self) -> float:
        """Processor time in percent of one core."""
        return 100 * self.cpu / self.seconds

    @property
    def cpu_ms_per_tick(self) -> float:
        """Milliseconds of processor time per tick."""
        return 1000 * self.cpu / self.ticks


async def measure_idle_worker(worker: RunningWorker, seconds: float) -> WorkerUsage:
    """Watch a worker for some seconds, which do not include reading its metrics.

    Raises:
        BenchFailed: it ended, wrote no tick, or its processor time is unknown on this system.
    """
    ticks_before = (await worker.metrics()).total("goldstream_ticks_total")
    started_s, cpu_before, each_before = time.perf_counter(), *_used(worker)
    await asyncio.sleep(seconds)
    (cpu_after, each_after), ended_s = _used(worker), time.perf_counter()
    ticks = (await worker.metrics()).total("goldstream_ticks_total") - ticks_before
    if cpu_before is None or cpu_after is None or not ticks:
        message = f"no usage of an idle worker: {ticks:.0f} ticks, processor time {cpu_before} to {cpu_after}"
        raise BenchFailed(message)
    by_process = {name: used - each_before.get(name, 0.0) for name, used in each_after.items()}
    return WorkerUsage(ended_s - started_s, cpu_after - cpu_before, ticks, by_process)


def _used(worker: RunningWorker) -> tuple[float | None, dict[str, float]]:
    """Return the processor time of all processes so far, and that of each."""
    return processor_seconds_of([worker]), processor_seconds_by_name(worker.child.pid or 0)
