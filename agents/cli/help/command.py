"""The classes of all commands and groups: one form of help, and the option `--quiet` everywhere."""

from collections.abc import Callable
from typing import Any, TypeVar

import typer
from typer._coercion import bool_flag_type_descriptor  # the pinned Typer has no public way to add an option to a class
from typer.core import TyperCommand, TyperGroup, TyperOption

from agents.cli.help.page import write_help
from agents.cli.terminal.quiet import set_quiet

Function = TypeVar("Function", bound=Callable[..., Any])


class Command(TyperCommand):
    """A command with `--quiet` and the common form of help."""

    def __init__(self, *arguments: Any, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.params.append(_quiet_option())

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - Click's signature
        """Write the help."""
        write_help(self, ctx)


class Group(TyperGroup):
    """A group of commands with the common form of help."""

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - Click's signature
        """Write the help."""
        write_help(self, ctx)


class CommandGroup(typer.Typer):
    """A Typer whose commands are of these classes."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"cls": Group, **settings})

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Function], Function]:
        """Register a command, as Typer does."""
        return super().command(name, **{"cls": Command, **settings})


def _quiet_option() -> TyperOption:
    return TyperOption(
        param_decls=["--quiet", "-q"],
        type_descriptor=bool_flag_type_descriptor(),
        is_flag=True,
        default=False,
        expose_value=False,
        callback=_be_quiet,
        help="Only the result and errors: no progress, no notes, no log lines below warning.",
    )


def _be_quiet(ctx: Any, param: Any, value: bool) -> None:  # noqa: ARG001 - Click's signature
    if value and not ctx.resilient_parsing:
        set_quiet(quiet=True)
