"""Own the command `goldstream`: one file for each command or group of commands, assembled here.

Import everything. What a command needs is imported when it runs, so that `goldstream --help` is quick.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from agents.cli.commands import (
    advance,
    customer,
    demo,
    doctor,
    erase,
    health,
    importing,
    init,
    rebuild_redis,
    rejected,
    replay,
    segment,
    serve,
    settings,
    simulate,
    tokens,
    topics,
    worker,
)
from agents.cli.failures import DONE, FAILED, MISUSED, CommandFailed, UsageError, one_line, print_error
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


app.command("demo")(demo.demo)
app.command("init")(init.init)
app.command("worker", cls=CommandWithSettings)(worker.worker)
app.command("serve", cls=CommandWithSettings)(serve.serve)
app.add_typer(tokens.group, name="tokens")
app.add_typer(topics.group, name="topics")
app.command("import", epilog=importing.EXAMPLES)(importing.import_files)
app.command("advance")(advance.advance)
app.command("simulate")(simulate.simulate)
policy.group.command("show")(policy_show.show_policy)
policy.group.command("history")(rules_history.policy_history)
policy.group.command("suggest", epilog=policy_suggest.EXAMPLES)(policy_suggest.suggest)
policy.group.command("diff")(policy_diff.diff)
app.add_typer(policy.group, name="policy")
campaigns.group.command("show")(campaigns_show.show_campaigns)
campaigns.group.command("history")(rules_history.campaigns_history)
campaigns.group.command("forecast")(campaigns_forecast.forecast_campaigns)
campaigns.group.command("try")(campaigns_try.try_campaigns)
campaigns.group.command("report")(campaigns_report.report_campaigns)
app.add_typer(campaigns.group, name="campaigns")
app.command("customer")(customer.customer)
app.command("segment")(segment.segment)
app.command("erase")(erase.erase)
app.command("health")(health.health)
app.add_typer(rejected.group, name="rejected")
app.command("replay")(replay.replay)
app.command("rebuild-redis")(rebuild_redis.rebuild_redis)
app.command("doctor")(doctor.doctor)
app.command("settings")(settings.settings)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status; expected errors become lines on standard error."""
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
