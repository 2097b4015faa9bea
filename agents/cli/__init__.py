"""The command `goldstream`: one file for each group of commands, put together here.

What a command needs is imported when it runs, so that `goldstream --help` is quick.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from agents.cli import (
    campaigns_report,
    customer,
    demo,
    health,
    importing,
    policy,
    replay,
    rules,
    simulate,
    topics,
    worker,
)
from agents.cli.failures import DONE, FAILED, MISUSED, CommandFailed, UsageError, one_line, print_error
from agents.cli.settings_help import CommandWithSettings, GroupWithSettings

_TYPERS_INTERRUPTED: Final = 130

app = typer.Typer(
    cls=GroupWithSettings,
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def top(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TOML file with settings, in place of GOLDSTREAM_CONFIG.")
    ] = None,
    version: Annotated[bool, typer.Option("--version", help="Say the version and end.")] = False,
) -> None:
    """Customer segments as a stream: purchases in, segment changes and messages out."""
    context.obj = config
    if version:
        from importlib.metadata import version as version_of

        typer.echo(f"goldstream {version_of('goldstream')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit


app.command("demo")(demo.demo)
app.command("worker", cls=CommandWithSettings)(worker.worker)
app.add_typer(topics.group, name="topics")
app.command("import")(importing.import_file)
app.command("advance")(worker.advance)
app.command("simulate")(simulate.simulate)
rules.policy.command("suggest")(policy.suggest)
rules.policy.command("diff")(policy.diff)
app.add_typer(rules.policy, name="policy")
rules.campaigns.command("report")(campaigns_report.report_campaigns)
app.add_typer(rules.campaigns, name="campaigns")
app.command("customer")(customer.customer)
app.command("health")(health.health)
app.command("replay")(replay.replay)
app.command("rebuild-redis")(worker.rebuild_redis)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status; expected errors become lines on standard error."""
    try:
        status = app(None if arguments is None else list(arguments), prog_name="goldstream", standalone_mode=False)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains at its end
        return FAILED
    except (Exception, KeyboardInterrupt) as error:
        ending = _ending(error)
        if ending is None:
            raise
        status, lines = ending
        for line in lines:
            print_error(line)
        return status
    if status == _TYPERS_INTERRUPTED:
        print_error("goldstream: interrupted")
        return FAILED
    return status if isinstance(status, int) else DONE


def _ending(error: BaseException) -> tuple[int, Sequence[str]] | None:
    """The status and the lines with which an expected error ends a command; None for a bug."""
    if isinstance(error, UsageError):
        place = getattr(getattr(error, "ctx", None), "command_path", "goldstream")
        return MISUSED, [f"{place}: {one_line(error)}; see `{place} --help`"]
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return FAILED, ["goldstream: interrupted"]
    if isinstance(error, CommandFailed):
        return error.status, [f"goldstream: {line}" for line in error.lines]
    if isinstance(error, OSError):
        return FAILED, [f"goldstream: {error}"]
    from state.config.config_errors import ConfigErrors
    from streams.kafka.topics import TopicsError
    from streams.settings.settings import SettingsError

    if isinstance(error, SettingsError | ConfigErrors | TopicsError):
        status = MISUSED if isinstance(error, SettingsError) else FAILED
        return status, [f"goldstream: {fault}" for fault in error.errors]
    return None
