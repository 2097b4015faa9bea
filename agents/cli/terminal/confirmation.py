"""Ask before a command does what cannot be undone; without a terminal, `--yes` answers."""

from typing import Annotated

import typer

from agents.cli.failures import CommandFailed, UsageFailure
from agents.cli.terminal.asking import can_ask

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; needed where nobody can be asked.")]


def check_can_ask(*, yes: bool) -> None:
    """Check that there is an answer, before anything takes time.

    Raises:
        UsageFailure: there is neither a terminal nor `--yes`.
    """
    if not yes and not can_ask():
        raise UsageFailure("nobody can be asked, because this is no terminal; repeat the command with --yes")


def confirm(question: str, *, yes: bool) -> None:
    """Ask, unless `yes`; return if the answer is yes.

    Raises:
        UsageFailure: there is neither a terminal nor `--yes`.
        CommandFailed: the answer is no.
    """
    check_can_ask(yes=yes)
    if not yes and not typer.confirm(question, err=True):
        raise CommandFailed("not confirmed; nothing has changed")
