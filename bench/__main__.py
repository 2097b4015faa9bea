"""The command: `python -m bench`."""

import json
import logging
import sys
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from bench.broker import BenchFailed
from bench.events import Scale
from bench.machine import machine
from bench.report import JOBS, as_json, show
from bench.rounds import measure
from tests.servers import Missing

PURCHASES_OF_A_CUSTOMER: Final = 5
WIDTH: Final = 110
"""Of the table where there is no terminal."""


def bench(
    events: Annotated[int, typer.Option(min=1000, help="Purchases.")] = 200_000,
    customers: Annotated[
        int | None, typer.Option(min=1, help="Customers; a fifth of the purchases unless given.")
    ] = None,
    seed: Annotated[int, typer.Option(help="What the purchases come from: the same ones from the same seed.")] = 7,
    rounds: Annotated[int, typer.Option(min=1, help="How often everything is run; medians are shown.")] = 3,
    peer_seconds: Annotated[float, typer.Option(min=1, help="How long a slow program may take purchases in.")] = 30.0,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write every figure here too.")
    ] = None,
) -> None:
    """Measure events per second, beside other programs for the same job, on an Apache Kafka of its own.

    Status 1 if a program tells other changes than it must, whatever the figures are.
    """
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # a topic just made is not found by everyone at once
    say = Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print
    scale = Scale(events, customers or max(1, events // PURCHASES_OF_A_CUSTOMER), seed)
    try:
        facts = machine()
        outcome = measure(scale, rounds, peer_seconds, say)
    except (Missing, BenchFailed) as failed:
        say(f"bench: {failed}", style="red")
        raise typer.Exit(1) from failed
    show(Console(width=None if sys.stdout.isatty() else WIDTH), outcome.runs, facts)
    if json_file is not None:
        asked = {"events": events, "customers": scale.customers, "seed": seed, "rounds": rounds}
        figures = as_json(outcome.runs, {**asked, "peer_seconds": peer_seconds}, facts, outcome.customers)
        json_file.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    wrong = [run for run in outcome.runs if run.faults]
    for run in wrong:
        say(f"bench: {run.program}, {JOBS[run.job]}: wrong changes, see above", style="red")
    raise typer.Exit(1 if wrong else 0)


if __name__ == "__main__":
    typer.run(bench)
