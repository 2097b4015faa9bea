"""The command `goldstream`: one file for each group of commands, put together here.

What a command needs is imported when it runs, so that `goldstream --help` is quick.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from agents.cli import files, importing, running, simulating, topics
from agents.cli.failures import DONE, FAILED, MISUSED, CommandFailed, UsageError, one_line, say
from agents.cli.settings_help import CommandWithSettings, GroupWithSettings

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


app.command("worker", cls=CommandWithSettings)(running.worker)
app.add_typer(topics.group, name="topics")
app.command("import")(importing.import_file)
app.command("advance")(running.advance)
app.command("simulate")(simulating.simulate)
app.add_typer(files.policy, name="policy")
app.add_typer(files.campaigns, name="campaigns")
app.command("rebuild-redis")(running.rebuild_redis)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status; expected errors become lines on standard error."""
    try:
        status = app(None if arguments is None else list(arguments), prog_name="goldstream", standalone_mode=False)
    except UsageError as misuse:
        place = getattr(getattr(misuse, "ctx", None), "command_path", "goldstream")
        say(f"{place}: {one_line(misuse)}; see `{place} --help`")
        return MISUSED
    except CommandFailed as failure:
        for line in failure.lines:
            say(f"goldstream: {line}")
        return failure.status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains at its end
        return FAILED
    except (KeyboardInterrupt, typer.Abort):
        say("goldstream: interrupted")
        return FAILED
    except OSError as error:
        say(f"goldstream: {error}")
        return FAILED
    except Exception as error:
        from streams.settings import SettingsError

        faults = getattr(error, "faults", ())  # of settings, of rules, of topics
        if not faults:
            raise
        for fault in faults:
            say(f"goldstream: {fault}")
        return MISUSED if isinstance(error, SettingsError) else FAILED
    return status if isinstance(status, int) else DONE
