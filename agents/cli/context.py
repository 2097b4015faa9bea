"""What every command begins with: its settings, read once, and logs that suit it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from streams.settings.settings import Settings

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="TOML file with settings, in place of GOLDSTREAM_CONFIG."),
]


def load_context(context: typer.Context, config: Path | None, *, logs_libraries: bool = False) -> "Settings":
    """Read the settings and set up logs.

    Args:
        context: carries the `--config` that was given before the command, if any.
        config: the `--config` that was given after the command, if any; it goes first.
        logs_libraries: whether libraries may log; a command that ends soon says itself what went wrong.

    Raises:
        SettingsError: with all faults.
    """
    from streams.clock import SYSTEM_CLOCK
    from streams.settings.settings import load_settings
    from streams.telemetry.logs import set_up_logging

    settings = load_settings(config or context.find_root().obj)
    set_up_logging(SYSTEM_CLOCK, settings.log, settings.log_format, libraries=logs_libraries)
    return settings
