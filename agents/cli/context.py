"""What every command starts with: its settings, read once, and logging to match."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.terminal.quiet import is_quiet

if TYPE_CHECKING:
    from streams.settings.settings import Settings

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="TOML file with settings, in place of GOLDSTREAM_CONFIG."),
]


def load_context(context: typer.Context, config: Path | None, *, logs_libraries: bool = False) -> "Settings":
    """Read the settings and set up logging.

    Args:
        context: holds the `--config` given before the command, if any.
        config: the `--config` given after the command, if any; it takes precedence.
        logs_libraries: whether libraries may log; a short command reports its own errors instead.

    Raises:
        SettingsError: with all errors.
    """
    from streams.clock import SYSTEM_CLOCK
    from streams.settings.settings import load_settings
    from streams.telemetry.logs import set_up_logging

    settings = load_settings(config or context.find_root().obj)
    level = "warning" if is_quiet() and settings.log in {"debug", "info"} else settings.log
    set_up_logging(SYSTEM_CLOCK, level, settings.log_format, libraries=logs_libraries)
    return settings
