"""Ask in a terminal, on standard error, so that standard output has nothing but the result.

What cannot be undone is confirmed; without a terminal, `--yes` answers.
"""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.failures import CommandFailed, UsageFailure, print_error

if TYPE_CHECKING:
    from agents.importing.findings import Question

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; needed where nobody can be asked.")]


def can_ask() -> bool:
    """Return whether there is somebody to ask: standard input and standard error are a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(question: "Question") -> str:
    """Ask a question and return the answer: the value of a choice, or any text if there are no choices.

    Raises:
        typer.Abort: the input ends.
    """
    typer.echo(question.text, err=True)
    if not question.choices:
        return str(typer.prompt("answer", err=True)).strip()
    for number, choice in enumerate(question.choices, 1):
        likely = "  (likely)" if number == 1 else ""
        typer.echo(f"  {number}  {choice.value}: {choice.meaning}{likely}", err=True)
    values = [choice.value for choice in question.choices]
    while True:
        answer = str(typer.prompt(f"1 to {len(values)}, or another answer", default="1", err=True)).strip()
        if not answer.isdecimal():
            return answer
        if 1 <= int(answer) <= len(values):
            return values[int(answer) - 1]
        print_error(f"must be 1 to {len(values)}: got {answer}")


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
