"""Own the command `goldstream`: one file for each command or group of commands, assembled here.

Import everything. What a command needs is imported when it runs, so that `goldstream --help` is quick.
"""

import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from agents.cli.commands.customers import customer, erase, health, segment
from agents.cli.commands.data import advance, importing, rejected, simulate
from agents.cli.commands.maintenance import doctor, rebuild_redis, replay, settings, tokens, topics
from agents.cli.commands.running import demo, init, serve, worker
from agents.cli.failures import DONE, FAILED, MISUSED, CommandFailed, UsageError, one_line, print_error
from agents.cli.help.command import CommandGroup
from agents.cli.help.settings import CommandWithSettings, GroupWithSettings
from agents.cli.rules import (
    campaigns,
    campaigns_forecast,
    campaigns_report,
    campaigns_show,
    campaigns_try,
    policy,
    policy_diff,
    policy_show,
    policy_suggest,
    rules_history,
)
from agents.cli.terminal.quiet import set_quiet

RUN: Final = "Run"
DATA: Final = "Data"
RULES: Final = "Rules and reports on them"
CHOOSE: Final = "Choose"
REPORTS: Final = "Reports"
CUSTOMERS: Final = "Customers"
MAINTENANCE: Final = "Maintenance"
_TYPERS_INTERRUPTED: Final = 130

app = CommandGroup(
    cls=GroupWithSettings,
    invoke_without_command=True,
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
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
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


app.command("demo", rich_help_panel=RUN)(demo.demo)
app.command("init", rich_help_panel=RUN)(init.init)
app.command("worker", cls=CommandWithSettings, rich_help_panel=RUN)(worker.worker)
app.command("serve", cls=CommandWithSettings, rich_help_panel=RUN)(serve.serve)
app.command("import", rich_help_panel=DATA)(importing.import_files)
app.add_typer(rejected.group, name="rejected", rich_help_panel=DATA)
app.command("simulate", rich_help_panel=DATA)(simulate.simulate)
app.command("advance", rich_help_panel=DATA)(advance.advance)
policy.group.command("show")(policy_show.show_policy)
policy.group.command("history")(rules_history.policy_history)
policy.group.command("suggest", rich_help_panel=CHOOSE)(policy_suggest.suggest)
policy.group.command("diff", rich_help_panel=CHOOSE)(policy_diff.diff)
app.add_typer(policy.group, name="policy", rich_help_panel=RULES)
campaigns.group.command("show")(campaigns_show.show_campaigns)
campaigns.group.command("history")(rules_history.campaigns_history)
campaigns.group.command("forecast", rich_help_panel=REPORTS)(campaigns_forecast.forecast_campaigns)
campaigns.group.command("try", rich_help_panel=REPORTS)(campaigns_try.try_campaigns)
campaigns.group.command("report", rich_help_panel=REPORTS)(campaigns_report.report_campaigns)
app.add_typer(campaigns.group, name="campaigns", rich_help_panel=RULES)
app.command("health", rich_help_panel=CUSTOMERS)(health.health)
app.command("customer", rich_help_panel=CUSTOMERS)(customer.customer)
app.command("segment", rich_help_panel=CUSTOMERS)(segment.segment)
app.command("erase", rich_help_panel=CUSTOMERS)(erase.erase)
app.command("doctor", rich_help_panel=MAINTENANCE)(doctor.doctor)
app.command("settings", rich_help_panel=MAINTENANCE)(settings.settings)
app.add_typer(topics.group, name="topics", rich_help_panel=MAINTENANCE)
app.add_typer(tokens.group, name="tokens", rich_help_panel=MAINTENANCE)
app.command("replay", rich_help_panel=MAINTENANCE)(replay.replay)
app.command("rebuild-redis", rich_help_panel=MAINTENANCE)(rebuild_redis.rebuild_redis)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status; expected errors become lines on standard error."""
    set_quiet(quiet=False)
    if isinstance(
        sys.stdout, io.TextIOWrapper
    ):  # names of customers and cities may be in letters that it does not have
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        status = app(None if arguments is None else list(arguments), prog_name="goldstream", standalone_mode=False)
    except BrokenPipeError:
        # Without this, the interpreter reports the closed pipe when it flushes standard output at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (Exception, KeyboardInterrupt) as error:
        expected = _status_and_lines(error)
        if expected is None:
            raise
        status, lines = expected
        for line in lines:
            print_error(line)
        return status
    if status == _TYPERS_INTERRUPTED:
        print_error("goldstream: interrupted")
        return FAILED
    return status if isinstance(status, int) else DONE


def _status_and_lines(error: BaseException) -> tuple[int, Sequence[str]] | None:
    """Return the exit status and the error lines for an expected error; None for a bug."""
    if isinstance(error, UsageError):
        command = getattr(getattr(error, "ctx", None), "command_path", "goldstream")
        return MISUSED, [f"{command}: {one_line(error)}; see `{command} --help`"]
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
        return status, [f"goldstream: {line}" for line in error.errors]
    return None
