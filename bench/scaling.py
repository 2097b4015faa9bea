"""What a second worker costs: processor time for an event with one worker and with two."""

from collections.abc import Sequence
from typing import Annotated

import typer

from bench.broker import BenchFailed
from bench.comparison import ComparisonPlan, measure
from bench.comparison_report import JOBS, medians_by_program
from bench.console_output import JsonFile, print_progress, run_measurement
from bench.figures import Figure
from bench.workload import Workload


def scaling(
    events: Annotated[int, typer.Option(min=1000, help="Purchases, of a fifth as many customers.")] = 1_000_000,
    rounds: Annotated[int, typer.Option(min=1, help="How often everything is run; medians are shown.")] = 3,
    json_file: JsonFile = None,
) -> None:
    """Measure processor time for an event and events a second with one worker and with two."""
    asked = ComparisonPlan(Workload(events, max(1, events // 5), seed=7), rounds, peer_seconds=1, peers=())
    title = f"One worker and two, {events:,} purchases"
    run_measurement(title, lambda: _measure(asked), {"events": events, "rounds": rounds}, json_file)


def _measure(asked: ComparisonPlan) -> Sequence[Figure]:
    outcome = measure(asked, print_progress)
    wrong = [*outcome.failed, *(fault for run in outcome.runs for fault in run.faults)]
    if wrong:
        raise BenchFailed("; ".join(wrong))
    table = {(line.program, line.job): line for line in medians_by_program(outcome.runs)}
    figures: list[Figure] = []
    for job in ("segment", "whole"):
        one, two = table["goldstream", job], table["goldstream ×2", job]
        cpu = two.cpu_us / one.cpu_us if one.cpu_us and two.cpu_us else None
        figures += [
            Figure(f"{JOBS[job]}: processor time, one worker", one.cpu_us, "µs an event"),
            Figure(f"{JOBS[job]}: processor time, two workers", two.cpu_us, "µs an event"),
            Figure(f"{JOBS[job]}: two to one, processor time", cpu, "", "at most 1.11: 1.8 times, given the cores"),
            Figure(f"{JOBS[job]}: two to one, events a second here", two.rate / one.rate, ""),
        ]
    return figures
