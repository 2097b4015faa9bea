"""Report latencies: quantiles and processor time by program and rate, and the ratios to Kafka Streams."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from bench.steady.latency_programs import GOLDSTREAM_WITH_REDIS, KAFKA_STREAMS
from bench.steady.redis_watch import INTERVAL_S
from bench.throughput.comparison_report import print_machine

MAX_LATE_MS: Final = 50.0
"""How late a purchase may be published; above that, the machine did not keep the rate, which is reported."""
AIMS: Final[Mapping[tuple[int, str], str]] = {
    (100, "p50_ms"): "8, aim 5",
    (100, "p99_ms"): "20, aim 12",
    (1000, "p50_ms"): "15, aim 8",
    (1000, "p99_ms"): "60, aim 40",
    (1000, "cpu_percent"): "40, aim 25",
    (1000, "redis_p99_ms"): "250, aim 150",
}
"""The most that Goldstream with Redis may need, and what it aims for, by rate."""
_MEASURES: Final = (("p50_ms", "p50"), ("p99_ms", "p99"), ("p999_ms", "p99.9"), ("max_ms", "max"))


@dataclass(frozen=True, slots=True)
class Spread:
    """Quantiles of some samples, in milliseconds."""

    count: int
    p50_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Spread | None":
        """Return those of samples in seconds; None if there are none."""
        if not seconds:
            return None
        ordered = sorted(seconds)
        return cls(len(ordered), *(quantile_ms(ordered, share) for share in (0.5, 0.99, 0.999, 1.0)))


@dataclass(frozen=True, slots=True)
class LatencyRun:
    """A program at a rate.

    Attributes:
        change: from purchase published to change read.
        purchase: from purchase published to the purchase itself read: what one way through Kafka takes.
        redis: from purchase published to visible in Redis.
        late_ms: how late a purchase was published at most.
        cpu_percent: processor time of its processes, in percent of a core; `broker_percent` of the broker's,
            `load_percent` of those that publish, read and ask Redis.
        faults: what was wrong with the changes.
    """

    program: str
    rate: int
    change: Spread | None
    purchase: Spread | None
    redis: Spread | None
    late_ms: float
    cpu_percent: float | None
    broker_percent: float | None
    load_percent: float | None
    faults: tuple[str, ...] = ()

    @property
    def cpu_us(self) -> float | None:
        """Microseconds of processor time per purchase."""
        return None if self.cpu_percent is None else self.cpu_percent * 1e4 / self.rate


def quantile_ms(ordered_s: Sequence[float], share: float) -> float:
    """Return the milliseconds within which this share of ordered samples lies."""
    return 1000 * ordered_s[min(len(ordered_s) - 1, int(share * len(ordered_s)))]


def ratios(runs: Sequence[LatencyRun]) -> dict[str, float]:
    """Return Goldstream's figures divided by those of Kafka Streams at the same rate, to three digits.

    Below 1, Goldstream is faster, or needs less processor time.
    """
    peers = {run.rate: run for run in runs if run.program == KAFKA_STREAMS}
    found: dict[str, float] = {}
    for run in runs:
        if run.program == KAFKA_STREAMS or run.rate not in peers:
            continue
        peer, name = peers[run.rate], f"{run.program} / {KAFKA_STREAMS}, {run.rate:,}/s"
        pairs = [("CPU per event", run.cpu_us, peer.cpu_us)]
        if run.change is not None and peer.change is not None:
            pairs = [(title, getattr(run.change, key), getattr(peer.change, key)) for key, title in _MEASURES] + pairs
        found |= {f"{name}, {title}": float(f"{own / other:.3g}") for title, own, other in pairs if own and other}
    return found


def report_as_json(
    runs: Sequence[LatencyRun], options: Mapping[str, Any], machine: Mapping[str, Any], missing: Mapping[str, str]
) -> dict[str, Any]:
    """Return everything for JSON, ratios first; `missing` says what was not measured, and why."""
    return {
        "ratios": ratios(runs),
        "runs": [asdict(run) | {"cpu_us": run.cpu_us} for run in runs],
        "missing": dict(missing),
        "asked": dict(options),
        "machine": dict(machine),
    }


def print_report(console: Console, runs: Sequence[LatencyRun], machine: Mapping[str, Any]) -> None:
    """Print the ratios, the latencies, the processor time, and the machine."""
    table = Table(
        title="Ratios; below 1, Goldstream is faster or needs less", title_justify="left", box=None, show_header=False
    )
    for name, ratio in ratios(runs).items():
        table.add_row(name, f"{ratio:g}")
    console.print(table, "")
    heading = "From purchase published to change read, in ms; one hop: to the purchase itself read"
    table = _table(heading, *(title for _, title in _MEASURES), "changes", "one hop p50", "p99", "published late")
    for run in runs:
        table.add_row(
            *_program(run), *_spread(run.change), _count(run.change), *_spread(run.purchase)[:2], f"{run.late_ms:.1f}"
        )
    console.print(table)
    if with_redis := [run for run in runs if run.redis is not None]:
        heading = f"From purchase published to visible in Redis, in ms, asked every {1000 * INTERVAL_S:.0f} ms"
        table = _table(heading, *(title for _, title in _MEASURES), "samples")
        for run in with_redis:
            table.add_row(*_program(run), *_spread(run.redis), _count(run.redis))
        console.print(table)
    heading = "Processor time, in % of a core, and per purchase"
    table = _table(heading, "CPU %", "CPU µs", "broker %", "load and readers %")
    for run in runs:
        values = (run.cpu_percent, run.cpu_us, run.broker_percent, run.load_percent)
        table.add_row(*_program(run), *(_value(value) for value in values))
    console.print(table)
    _print_aims(console, runs)
    print_machine(console, machine)
    if any(run.late_ms > MAX_LATE_MS for run in runs):
        console.print(
            f"Purchases were published over {MAX_LATE_MS:.0f} ms late: the machine did not keep the rate.", style="red"
        )


def _print_aims(console: Console, runs: Sequence[LatencyRun]) -> None:
    table = Table(title="Goldstream with Redis", title_justify="left", box=SIMPLE)
    table.add_column("", no_wrap=True)
    table.add_column("measured", justify="right")
    table.add_column("at most")
    for run in runs:
        if run.program != GOLDSTREAM_WITH_REDIS:
            continue
        measured: dict[str, tuple[str, float | None]] = {
            "p50_ms": ("published to change read, p50, ms", _spread_value(run.change, "p50_ms")),
            "p99_ms": ("the same, p99, ms", _spread_value(run.change, "p99_ms")),
            "redis_p99_ms": ("published to visible in Redis, p99, ms", _spread_value(run.redis, "p99_ms")),
            "cpu_percent": ("processor time, % of a core", run.cpu_percent),
        }
        for key, (what, value) in measured.items():
            if (run.rate, key) in AIMS:
                table.add_row(f"{run.rate:,}/s: {what}", _value(value), AIMS[run.rate, key])
    if table.row_count:
        console.print(table)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE)
    table.add_column("program", no_wrap=True)
    for column in ("per second", *columns):
        table.add_column(column, justify="right")
    return table


def _program(run: LatencyRun) -> tuple[str, str]:
    return run.program, f"{run.rate:,}"


def _spread(spread: Spread | None) -> list[str]:
    return [_value(_spread_value(spread, key)) for key, _ in _MEASURES]


def _spread_value(spread: Spread | None, key: str) -> float | None:
    return None if spread is None else getattr(spread, key)


def _count(spread: Spread | None) -> str:
    return "0" if spread is None else f"{spread.count:,}"


def _value(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"
