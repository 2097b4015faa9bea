"""Figures of a measurement that compares with nobody: a small table, and JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from bench.comparison_report import print_machine


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure.

    Attributes:
        what: of what.
        value: how much, in `unit`; None where it cannot be told here.
        aim: what it must reach, in words; empty if nothing is asked.
    """

    what: str
    value: float | None
    unit: str
    aim: str = ""


def print_figures(console: Console, title: str, figures: Sequence[Figure], machine: Mapping[str, Any]) -> None:
    """Print the table, and on what it was measured."""
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


def figures_as_json(figures: Sequence[Figure], asked: Mapping[str, Any], machine: Mapping[str, Any]) -> dict[str, Any]:
    """All of it."""
    return {"figures": [asdict(figure) for figure in figures], "asked": dict(asked), "machine": dict(machine)}


def format_value(value: float | None) -> str:
    """A figure with as many digits as say something."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
