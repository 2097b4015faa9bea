"""Print and export the figures of a measurement of Goldstream alone."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from bench.throughput.comparison_report import print_machine


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure.

    Attributes:
        what: what was measured.
        value: in `unit`; None if it is unknown on this system.
        aim: the target, as text; empty without one.
    """

    what: str
    value: float | None
    unit: str
    aim: str = ""


def print_figures(console: Console, title: str, figures: Sequence[Figure], machine: Mapping[str, Any]) -> None:
    """Print the figures as a table, and the machine they were measured on."""
    console.print(title)
    table = Table(box=SIMPLE)
    table.add_column("", no_wrap=True)
    table.add_column("measured", justify="right")
    table.add_column("")
    table.add_column("aim")
    for figure in figures:
        table.add_row(figure.what, format_value(figure.value), figure.unit, figure.aim)
    console.print(table, "")
    print_machine(console, machine)


def figures_as_json(
    figures: Sequence[Figure], options: Mapping[str, Any], machine: Mapping[str, Any]
) -> dict[str, Any]:
    """Return everything for JSON."""
    return {"figures": [asdict(figure) for figure in figures], "asked": dict(options), "machine": dict(machine)}


def format_value(value: float | None) -> str:
    """Format a value with its significant digits."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
