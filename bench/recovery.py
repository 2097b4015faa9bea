"""How long a worker takes to recover a table from its changelog, and how much memory it has then."""

import time
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Final

import typer

from bench.console_output import JsonFile, print_progress, run_measurement
from bench.figures import Figure
from bench.process_usage import resident_mib
from bench.purchase_publisher import DAY_MS, PurchasePublisher
from bench.testbed import Testbed, run_on_testbed
from bench.workers import all_running
from tests.integration.workers import RunningWorker, Samples, until

_BEGIN_MS: Final = 1_735_689_600_000  # 2025-01-01
_COUNTED_WITHIN_S: Final = 30.0
"""How soon a worker that is ready tells in its metrics how many customers it knows."""
_YEAR_MS: Final = 350 * DAY_MS
"""Orders lie in a time that is shorter than the window, so that all of them are kept."""


def recovery(
    customers: Annotated[int, typer.Option(min=1, help="Customers in the table.")] = 1_000_000,
    orders: Annotated[int, typer.Option(min=1, help="Orders of each, spread over the window.")] = 5,
    json_file: JsonFile = None,
) -> None:
    """Measure the recovery of a table by one worker, and its memory afterwards."""
    asked = {"customers": customers, "orders": orders}
    title = f"Recovery of {customers:,} customers with {orders} orders each, by one worker"
    run_measurement(
        title, lambda: run_on_testbed("event", print_progress, partial(_measure, customers, orders)), asked, json_file
    )


async def _measure(customers: int, orders: int, ground: Testbed) -> Sequence[Figure]:
    within_s = 120 + customers / 2000
    with ground.workers.running() as workers:
        await workers[0].ready()
        ground.log(f"publishing {customers * orders:,} purchases, and having them judged")
        async with PurchasePublisher(ground) as till:
            for number in range(customers):
                if number % max(1, customers // 10) == 0:
                    ground.log(f"  {number:,} customers published")
                # One after the other, so that the changelog has about one record for each customer, as compaction
                # would leave it.
                for order in range(orders):
                    at_ms = _BEGIN_MS + (order * customers + number) * _YEAR_MS // (orders * customers)
                    await till.publish(f"c-{number:07d}", at_ms, 500 + number % 3000)
            await till.wait_until_processed(partial(all_running, workers))
        filled = resident_mib(workers[0].child.pid)
    ground.log("starting the worker again")
    started = time.perf_counter()
    with ground.workers.running(only="segment") as workers:
        await workers[0].ready(within_s)
        to_ready = time.perf_counter() - started
        knows = partial(_knows, workers[0], customers)
        metrics = await until(knows, f"{customers:,} customers to be known", _COUNTED_WITHIN_S)
        assert metrics is not None
        pid = workers[0].child.pid
        now, peak = resident_mib(pid), resident_mib(pid, peak=True)
    # The partitions of a worker recover side by side: the slowest one's time is that of all.
    seconds = max(value for value in metrics.by("goldstream_recovery_seconds", "partition").values())
    records = metrics.total("goldstream_recovery_records")
    return [
        Figure("customers recovered", customers / seconds, "a second", "100,000"),
        Figure("recovery", seconds, "s"),
        Figure("from the start of the process until it is ready", to_ready, "s"),
        Figure("changelog records read", records, ""),
        Figure("resident memory afterwards", now, "MiB", "1,024 for 1,000,000 customers"),
        Figure("the same at its greatest", peak, "MiB"),
        Figure("resident memory of the worker that judged them", filled, "MiB"),
    ]


async def _knows(worker: RunningWorker, customers: int) -> Samples | None:
    """Its metrics, once they say that it knows so many customers."""
    metrics = await worker.metrics()
    return metrics if metrics.total("goldstream_customers") == customers else None
