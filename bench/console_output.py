"""How the command tells: progress on stderr, tables on stdout, JSON into a file, a status where something failed."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias, TypeVar

import typer
from rich.console import Console

from bench.broker import BenchFailed
from bench.figures import Figure, figures_as_json, print_figures
from bench.machine import machine
from tests.servers import Missing

WIDTH: Final = 110
"""Of a table where there is no terminal."""

JsonFile: TypeAlias = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Write every figure here too.")
]
Done = TypeVar("Done")


def print_progress(what: str, style: str | None = None) -> None:
    """Tell how it goes, beside the figures."""
    Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(what, style=style)


def run_measurement(
    title: str, measure: Callable[[], Sequence[Figure]], asked: Mapping[str, Any], json_file: Path | None
) -> None:
    """Measure one thing, show the figures, and write them down if that is asked for.

    Raises:
        typer.Exit: with status 1, if there are none; what was wrong has been said.
    """
    facts = or_exit(machine)
    figures = or_exit(measure)
    print_figures(console(), title, figures, facts)
    if json_file is not None:
        write_json(json_file, figures_as_json(figures, asked, facts))


def or_exit(do: Callable[[], Done]) -> Done:
    """Do it, or say what was wrong and end with status 1.

    Raises:
        typer.Exit: it failed.
    """
    try:
        return do()
    except (Missing, BenchFailed) as failed:
        print_progress(f"bench: {failed}", style="red")
        raise typer.Exit(1) from failed


def console() -> Console:
    """Where tables are printed."""
    return Console(width=None if sys.stdout.isatty() else WIDTH)


def write_json(file: Path, figures: dict[str, Any]) -> None:
    """Write figures into a file."""
    file.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
