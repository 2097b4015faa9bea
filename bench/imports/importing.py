"""Measure how long `goldstream import` takes to understand a file of line items, and how much memory that needs."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Annotated, Final

import msgspec
import typer

from bench.console_output import JsonFile, print_progress, run_measurement
from bench.figures import Figure
from bench.imports.import_publishing import PublishedFile, publish_file
from bench.imports.import_stages import ImportRun
from bench.imports.order_lines import CURRENCY, OrderLines, WrittenLines, write_order_lines
from bench.testbed.broker import BenchFailed
from bench.testbed.workers import import_path

_MIB: Final = 1024 * 1024
_LINES_OF_AIM: Final = 1_000_000
_AIM_S: Final = 20
_PROGRAM: Final = "from bench.imports.import_stages import main; main()"


def importing(
    lines: Annotated[int, typer.Option(min=1000, help="Number of line items.")] = 1_000_000,
    orders: Annotated[int | None, typer.Option(min=1, help="Number of orders; default: 3 of 10 lines.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Number of rounds; the median is shown.")] = 3,
    *,
    publish: Annotated[bool, typer.Option("--publish", help="Publish too, to an Apache Kafka of its own.")] = False,
    json_file: JsonFile = None,
) -> None:
    """Measure `goldstream import`: reading and understanding a CSV file of line items, with `--publish` all of it."""
    workload = OrderLines(lines, orders or lines * 3 // 10)
    if 2 * workload.orders > lines:
        message = f"--orders must be at most half of --lines: got {workload.orders:,} of {lines:,}"
        raise typer.BadParameter(message)
    options = {"lines": lines, "orders": workload.orders, "rounds": rounds, "publish": publish}
    title = f"A CSV file of {lines:,} line items of {workload.orders:,} orders, read and understood"
    run_measurement(title, lambda: _measure(workload, rounds, publish=publish), options, json_file)


def _measure(workload: OrderLines, rounds: int, *, publish: bool) -> Sequence[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "orders.csv")
        print_progress("writing the file")
        written = write_order_lines(path, workload)
        runs = []
        for number in range(rounds):
            print_progress(f"round {number + 1} of {rounds}")
            runs.append(_run(path, workload, written))
        published = publish_file(path, workload.orders, print_progress) if publish else None
    names = [stage.stage for stage in runs[0].stages]
    seconds = [[stage.seconds for stage in run.stages] for run in runs]
    total_s = median(map(sum, seconds))
    aim = f"at most {_AIM_S}" if workload.lines == _LINES_OF_AIM else ""
    return [
        Figure("the file", written.file_bytes / _MIB, "MiB"),
        *(Figure(name, median(one[index] for one in seconds), "s") for index, name in enumerate(names)),
        Figure("in all", total_s, "s", aim),
        Figure("line items", workload.lines / total_s, "per second"),
        Figure("peak memory", max(run.peak_mib for run in runs), "MiB", "at most 1,024"),
        *(_published_figures(published) if published is not None else ()),
    ]


def _published_figures(published: PublishedFile) -> Sequence[Figure]:
    return [
        Figure("the order ledger looked up", published.look_up_s, "s"),
        Figure("published", published.publish_s, "s"),
        Figure("events published", published.events / published.publish_s, "per second"),
    ]


def _run(path: Path, workload: OrderLines, written: WrittenLines) -> ImportRun:
    """Run the stages in a process of their own.

    Raises:
        BenchFailed: they failed, or did not find every line, every order and the whole sum.
    """
    environment = {**os.environ, "PYTHONPATH": import_path()}
    command = [sys.executable, "-P", "-c", _PROGRAM, str(path), CURRENCY]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode:
        message = f"the import ended with {ended.returncode}: {ended.stderr}"
        raise BenchFailed(message)
    run = msgspec.json.decode(ended.stdout, type=ImportRun)
    if (run.rows, run.orders, run.gross_minor) != (workload.lines, workload.orders, written.gross_cents):
        message = f"the import found {run}; the file has {workload}, {written}"
        raise BenchFailed(message)
    return run
