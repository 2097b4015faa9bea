"""Report the comparison: medians over the rounds, and their ratios, as tables and as JSON."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Final

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from bench.measurement import Job, Measurement

JOBS: Final[Mapping[Job, str]] = {
    "whole": "whole path",
    "segment": "segment stage",
    "read": "reading only",
}
_STAGES: Final[tuple[Job, ...]] = ("whole", "segment")
_OURS: Final = ("goldstream", "goldstream ×2")
_STREAMS: Final = ("kafka-streams", "kafka-streams ×2")

RATIOS: Final[tuple[tuple[str, Job, tuple[str, ...], Job, tuple[str, ...]], ...]] = (
    *(
        (f"{name}, {JOBS[job]}", job, ours, job, theirs)
        for name, ours, theirs in (
            ("goldstream / kafka-streams, the best of each", _OURS, _STREAMS),
            ("goldstream / kafka-streams, one worker, one thread", _OURS[:1], _STREAMS[:1]),
            *((f"goldstream / {peer}", _OURS[:1], (peer,)) for peer in ("bytewax", "quix", "faust")),
        )
        for job in _STAGES
    ),
    *((f"goldstream / aiokafka reading, {JOBS[job]}", job, _OURS[:1], "read", ("aiokafka",)) for job in _STAGES),
)
"""Which rates are divided by which; of several programs, the best one counts."""
CPU_RATIOS: Final[tuple[tuple[str, Job, str, str], ...]] = tuple(
    (f"{theirs} / {ours}, {JOBS[job]}, CPU per event", job, theirs, ours)
    for theirs, ours in (
        *((peer, "goldstream") for peer in ("kafka-streams", "bytewax", "quix", "faust")),
        ("goldstream ×2", "goldstream"),
    )
    for job in _STAGES
)
"""Processor time of the programs without the broker, which is comparable even on a busy machine."""

BUSY_LOAD_PER_CORE: Final = 0.5
"""The load per core before the run above which rates are unreliable."""


@dataclass(frozen=True, slots=True)
class ProgramMedians:
    """A program at a job over all rounds; each figure is a median of its own.

    Attributes:
        rate: events per second.
        cpu_us: microseconds of processor time per event; `broker_us` of the broker.
        agrees: whether it published the expected changes in every round; None for a program that publishes none.
    """

    program: str
    job: Job
    events: int
    seconds: float
    rate: float
    cpu_us: float | None
    broker_us: float | None
    changes: int
    agrees: bool | None


def medians_by_program(runs: Iterable[Measurement]) -> list[ProgramMedians]:
    """Return the medians of each program and job, in the order in which they first ran."""
    by_program: dict[tuple[str, Job], list[Measurement]] = {}
    for run in runs:
        by_program.setdefault((run.program, run.job), []).append(run)
    return [
        ProgramMedians(
            program,
            job,
            round(median(run.events for run in rounds)),
            median(run.seconds for run in rounds),
            median(run.rate for run in rounds),
            _per_event(rounds, [run.cpu for run in rounds]),
            _per_event(rounds, [run.broker_cpu for run in rounds]),
            round(median(run.changes for run in rounds)),
            None if job == "read" else not any(run.faults for run in rounds),
        )
        for (program, job), rounds in by_program.items()
    ]


def ratios(table: Sequence[ProgramMedians]) -> dict[str, float]:
    """Return the ratios of the medians of programs that ran, to three digits."""
    rates = {(line.program, line.job): line.rate for line in table}
    cpu = {(line.program, line.job): line.cpu_us for line in table}

    def best(programs: Iterable[str], job: Job) -> float | None:
        return max((rates[program, job] for program in programs if (program, job) in rates), default=None)

    found = {name: (best(ours, job), best(theirs, other)) for name, job, ours, other, theirs in RATIOS}
    found |= {name: (cpu.get((above, job)), cpu.get((below, job))) for name, job, above, below in CPU_RATIOS}
    return {name: float(f"{above / below:.3g}") for name, (above, below) in found.items() if above and below}


def report_as_json(
    runs: Sequence[Measurement],
    options: Mapping[str, Any],
    machine: Mapping[str, Any],
    customers: int,
    missing: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return everything for JSON, ratios first; `missing` says what was not measured, and why."""
    table = medians_by_program(runs)
    return {
        "ratios": ratios(table),
        "medians": [asdict(line) for line in table],
        "runs": [asdict(run) | {"rate": run.rate} for run in runs],
        "missing": dict(missing or {}),
        "asked": {**options, "customers_seen": customers},
        "machine": dict(machine),
    }


def print_report(console: Console, runs: Sequence[Measurement], machine: Mapping[str, Any]) -> None:
    """Print the ratios, the medians, and the machine."""
    table = medians_by_program(runs)
    first = Table(
        title="Ratios of events per second, unless stated otherwise", title_justify="left", show_header=False, box=None
    )
    for name, ratio in ratios(table).items():
        first.add_row(name, f"{ratio:g}")
    console.print(first, "")
    second = Table(title="Medians of the rounds; CPU per event", title_justify="left", box=SIMPLE)
    for heading in ("program", "job"):
        second.add_column(heading, no_wrap=True)
    for heading in ("events", "seconds", "events/s", "CPU µs", "broker CPU µs", "changes", "agrees"):
        second.add_column(heading, justify="right")
    for line in table:
        agrees = {None: "–", True: "yes", False: "NO"}[line.agrees]
        second.add_row(
            *(line.program, JOBS[line.job], f"{line.events:,}", f"{line.seconds:.2f}", f"{line.rate:,.0f}"),
            *(_figure(line.cpu_us), _figure(line.broker_us), f"{line.changes:,}" if line.changes else "–", agrees),
        )
    console.print(second, "")
    print_machine(console, machine)


def print_machine(console: Console, machine: Mapping[str, Any]) -> None:
    """Print the machine, with a warning if it was busy."""
    console.print(", ".join(f"{name} {value}" for name, value in machine.items()), highlight=False)
    if machine["load_before"] > BUSY_LOAD_PER_CORE * machine["cores"]:
        console.print(
            f"The machine was busy before (load {machine['load_before']}): the rates are unreliable.", style="red"
        )


def _per_event(rounds: Sequence[Measurement], seconds: Sequence[float | None]) -> float | None:
    known = [each / run.events * 1e6 for run, each in zip(rounds, seconds, strict=True) if each is not None]
    return median(known) if known else None


def _figure(microseconds: float | None) -> str:
    return "–" if microseconds is None else f"{microseconds:.1f}"
