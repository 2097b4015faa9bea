"""`goldstream advance`: end a history in event mode."""

import asyncio
from typing import Annotated

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.failures import DONE, CommandFailed, UsageFailure, kafka_named
from agents.cli.option_values import TimeoutOption, parse_moment, parse_timeout
from agents.cli.terminal.json_output import JsonOption, write_json
from agents.cli.terminal.progress import progress_of


def advance(
    context: typer.Context,
    to: Annotated[str, typer.Option(metavar="TIME", help="RFC 3339 with an offset, such as 2026-01-01T00:00:00Z.")],
    timeout: TimeoutOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """End a history in event mode: advance all partitions to a moment, after everything published so far.

    The status is 0 once every lane has applied the moment and its outputs are acknowledged, 1 after the timeout, 2 in
    wall mode.
    """
    from agents.control.advance import advance as advance_partitions
    from state.units.timestamps import format_ms
    from streams.clock import SYSTEM_CLOCK
    from streams.kafka.control import NoControlTopic
    from streams.kafka.needed_rights import writing

    settings = load_context(context, config)
    if settings.time == "wall":
        raise UsageFailure("advance needs GOLDSTREAM_TIME=event: got wall; in wall mode, time advances by itself")
    to_ms = parse_moment("--to", to)
    timeout_s = parse_timeout(timeout)
    with kafka_named(settings, writing(settings, "control")):
        try:
            with progress_of(f"advancing the partitions of {settings.prefix}", 1.0) as show:
                status = asyncio.run(advance_partitions(settings, to_ms, timeout_s, SYSTEM_CLOCK, show))
        except NoControlTopic as error:
            raise CommandFailed(str(error)) from error
    if as_json:
        write_json({"prefix": settings.prefix, "to": format_ms(to_ms), "is_applied": status == DONE})
    elif status == DONE:
        typer.echo(f"all partitions of {settings.prefix} have applied {format_ms(to_ms)}")
    raise typer.Exit(status)
