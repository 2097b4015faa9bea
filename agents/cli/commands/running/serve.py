"""`goldstream serve`: events in, look-ups and pages out, over HTTP."""

from pathlib import Path
from typing import Annotated

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.failures import CommandFailed


def serve(
    context: typer.Context,
    spool: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Store events in this folder while Kafka is away, answer 202, and deliver them later.",
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Serve HTTP: publish events, look customers up, receive webhooks, and show the pages.

    It listens at GOLDSTREAM_API and stops on SIGTERM or SIGINT, with status 0.
    """
    check_installed()
    settings = load_context(context, config, logs_libraries=True)
    from agents.serve.process import run

    raise typer.Exit(run(settings, spool))


def check_installed() -> None:
    """Check that the extra `serve` is installed.

    Raises:
        CommandFailed: it is not.
    """
    from agents.serve.requirements import missing_packages

    if missing := missing_packages():
        raise CommandFailed(
            f"goldstream serve needs {', '.join(missing)}; install it with `pip install 'goldstream[serve]'`"
        )
