"""`goldstream worker`: run a worker."""

import gc
from enum import StrEnum
from typing import Annotated

import typer

from agents.cli.context import ConfigOption, load_context


class Stage(StrEnum):
    """A stage of the worker that can run alone."""

    ADMIT = "admit"
    SEGMENT = "segment"
    PROJECT = "project"


def worker(
    context: typer.Context,
    only: Annotated[Stage | None, typer.Option(help="Run only this stage.", show_default="all stages")] = None,
    config: ConfigOption = None,
) -> None:
    """Run a worker: admit events, keep customers, publish changes and messages, project to Redis.

    It stops on SIGTERM or SIGINT, with status 0.
    """
    gc.disable()  # while a thousand modules are loaded: saves 6 % of that time (measured)
    from agents.worker.worker import run_worker

    gc.enable()
    settings = load_context(context, config, logs_libraries=True)
    raise typer.Exit(run_worker(settings, only.value if only else None))
