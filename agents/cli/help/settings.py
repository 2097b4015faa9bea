"""Append the list of all settings to the help of the commands that need it."""

from typing import TYPE_CHECKING, Any

from agents.cli.help.command import Command, Group

if TYPE_CHECKING:
    from rich.table import Table

_PIPE_WIDTH = 140


class GroupWithSettings(Group):
    """A group of commands whose help ends with all settings."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help, then the settings."""
        super().format_help(ctx, formatter)
        _write_settings()


class CommandWithSettings(Command):
    """A command whose help ends with all settings."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help, then the settings."""
        super().format_help(ctx, formatter)
        _write_settings()


def _write_settings() -> None:
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console = Console(width=_PIPE_WIDTH)
    console.print(_settings_table())
    console.print()


def _settings_table() -> "Table":
    from rich.table import Table

    from streams.settings.settings_spec import describe_settings

    table = Table(
        title=" Settings: from the environment, else the TOML file of --config or GOLDSTREAM_CONFIG, else the default",
        title_justify="left",
        title_style="",
        box=None,
        header_style="bold",
        pad_edge=True,
    )
    table.add_column("variable", no_wrap=True)
    table.add_column("default")
    table.add_column("meaning")
    for row in describe_settings():
        table.add_row(*row)
    return table
