"""How the command writes: progress to stderr, tables to stdout, JSON to a file; a failure sets the status."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias, TypeVar

import typer
from rich.console import Console

from bench.figures import Figure, figures_as_json, print_figures
from bench.testbed.broker import BenchFailed
from bench.testbed.machine import machine
from tests.servers import Missing

PIPE_WIDTH: Final = 110
"""The width of tables without a terminal."""

JsonFile: TypeAlias = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Also write all figures to this file.")
]
Result = TypeVar("Result")


def print_progress(text: str, style: str | None = None) -> None:
    """Print a line to standard error."""
    Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(text, style=style)


def run_measurement(
    title: str, measure: Callable[[], Sequence[Figure]], options: Mapping[str, Any], json_file: Path | None
) -> None:
    """Measure, print the figures, and write them to the JSON file if there is one.

    Raises:
        typer.Exit: with status 1, if the measurement failed; its error is printed.
    """
    machine_facts = or_exit(machine)
    figures = or_exit(measure)
    print_figures(console(), title, figures, machine_facts)
    if json_file is not None:
        write_json(json_file, figures_as_json(figures, options, machine_facts))


def or_exit(work: Callable[[], Result]) -> Result:
    """Return the result of the work, or print its error and exit with status 1.

    Raises:
        typer.Exit: it failed.
    """
    try:
        return work()
    except (Missing, BenchFailed) as error:
        print_progress(f"bench: {error}", style="red")
        raise typer.Exit(1) from error


def console() -> Console:
    """Return the console for tables, on standard output."""
    return Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)


def write_json(file: Path, figures: dict[str, Any]) -> None:
    """Write figures to a file as JSON."""
    file.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
