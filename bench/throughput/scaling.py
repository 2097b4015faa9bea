"""Measure what a second worker costs: processor time per event with one worker and with two."""

from collections.abc import Sequence
from typing import Annotated

import typer

from bench.console_output import JsonFile, print_progress, run_measurement
from bench.figures import Figure
from bench.testbed.broker import BenchFailed
from bench.throughput.comparison import ComparisonPlan, measure
from bench.throughput.comparison_report import JOBS, medians_by_program
from bench.workload import Workload


def scaling(
    events: Annotated[
        int, typer.Option(min=1000, help="Number of purchases, by a fifth as many customers.")
    ] = 1_000_000,
    rounds: Annotated[int, typer.Option(min=1, help="Number of rounds; medians are shown.")] = 3,
    json_file: JsonFile = None,
) -> None:
    """Measure processor time per event, and events per second, with one worker and with two."""
    plan = ComparisonPlan(Workload(events, max(1, events // 5), seed=7), rounds, peer_seconds=1, peers=())
    title = f"One worker and two, {events:,} purchases"
    run_measurement(title, lambda: _measure(plan), {"events": events, "rounds": rounds}, json_file)


def _measure(plan: ComparisonPlan) -> Sequence[Figure]:
    result = measure(plan, print_progress)
    errors = [*result.failed, *(fault for run in result.runs for fault in run.faults)]
    if errors:
        raise BenchFailed("; ".join(errors))
    table = {(line.program, line.job): line for line in medians_by_program(result.runs)}
    figures: list[Figure] = []
    for job in ("segment", "whole"):
        one, two = table["goldstream", job], table["goldstream ×2", job]
        cpu = two.cpu_us / one.cpu_us if one.cpu_us and two.cpu_us else None
        figures += [
            Figure(f"{JOBS[job]}: processor time, one worker", one.cpu_us, "µs per event"),
            Figure(f"{JOBS[job]}: processor time, two workers", two.cpu_us, "µs per event"),
            Figure(
                f"{JOBS[job]}: two to one, processor time", cpu, "", "at most 1.11: 1.8 times as fast, given the cores"
            ),
            Figure(f"{JOBS[job]}: two to one, events per second here", two.rate / one.rate, ""),
        ]
    return figures
