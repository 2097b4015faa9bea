"""Measure how long a worker takes to recover a table from its changelog, and its memory afterwards."""

import time
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Final

import typer

from bench.console_output import JsonFile, print_progress, run_measurement
from bench.figures import Figure
from bench.testbed.process_usage import resident_mib_of_all
from bench.testbed.purchase_publisher import DAY_MS, PurchasePublisher
from bench.testbed.testbed import Testbed, run_on_testbed
from bench.testbed.workers import all_running
from tests.running.workers import RunningWorker, Samples, until

_BEGIN_MS: Final = 1_735_689_600_000  # 2025-01-01
_COUNT_TIMEOUT_S: Final = 30.0
"""How soon after it is ready a worker reports in its metrics how many customers it knows."""
_HISTORY_MS: Final = 350 * DAY_MS
"""Shorter than the window, so that all orders are kept."""


def recovery(
    customers: Annotated[int, typer.Option(min=1, help="Number of customers in the table.")] = 1_000_000,
    orders: Annotated[int, typer.Option(min=1, help="Orders per customer, spread over the window.")] = 5,
    json_file: JsonFile = None,
) -> None:
    """Measure the recovery of a table by one worker, and its memory afterwards."""
    options = {"customers": customers, "orders": orders}
    title = f"Recovery of {customers:,} customers with {orders} orders each, by one worker"
    run_measurement(
        title, lambda: run_on_testbed("event", print_progress, partial(_measure, customers, orders)), options, json_file
    )


async def _measure(customers: int, orders: int, testbed: Testbed) -> Sequence[Figure]:
    within_s = 120 + customers / 2000
    with testbed.workers.running() as workers:
        await workers[0].ready()
        testbed.log(f"publishing {customers * orders:,} purchases, and waiting until they are processed")
        async with PurchasePublisher(testbed) as publisher:
            for number in range(customers):
                if number % max(1, customers // 10) == 0:
                    testbed.log(f"  {number:,} customers published")
                # One customer after the other, so that the changelog has about one record per customer, as after
                # compaction.
                for order in range(orders):
                    at_ms = _BEGIN_MS + (order * customers + number) * _HISTORY_MS // (orders * customers)
                    await publisher.publish(f"c-{number:07d}", at_ms, 500 + number % 3000)
            await publisher.wait_until_processed(partial(all_running, workers))
        filled_mib = resident_mib_of_all(workers[0].child.pid)
    testbed.log("starting the worker again")
    started_s = time.perf_counter()
    with testbed.workers.running(only="segment") as workers:
        await workers[0].ready(within_s)
        to_ready_s = time.perf_counter() - started_s
        knows_all = partial(_metrics_once_known, workers[0], customers)
        metrics = await until(knows_all, f"{customers:,} customers to be known", _COUNT_TIMEOUT_S)
        assert metrics is not None
        pid = workers[0].child.pid
        now_mib, peak_mib = resident_mib_of_all(pid), resident_mib_of_all(pid, peak=True)
    # Partitions recover concurrently: the slowest one determines the time of all.
    seconds = max(value for value in metrics.by("goldstream_recovery_seconds", "partition").values())
    records = metrics.total("goldstream_recovery_records")
    return [
        Figure("customers recovered", customers / seconds, "per second", "100,000"),
        Figure("recovery", seconds, "s"),
        Figure("from the start of the process until it is ready", to_ready_s, "s"),
        Figure("changelog records read", records, ""),
        Figure("resident memory afterwards", now_mib, "MiB", "1,024 for 1,000,000 customers"),
        Figure("the same, peak", peak_mib, "MiB"),
        Figure("resident memory of the worker that filled the table", filled_mib, "MiB"),
    ]


async def _metrics_once_known(worker: RunningWorker, customers: int) -> Samples | None:
    """Return the worker's metrics if they report so many known customers, else None."""
    metrics = await worker.metrics()
    return metrics if metrics.total("goldstream_customers") == customers else None
