"""`goldstream settings`: the effective settings, each with where its value is from."""

from typing import TYPE_CHECKING

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.terminal.json_output import JsonOption, write_json

if TYPE_CHECKING:
    from pathlib import Path

    from streams.settings.setting_texts import SettingText


def settings(
    context: typer.Context,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show the effective settings and where each value is from: the environment, a file, or the default.

    Passwords are hidden. Nothing connects to Kafka or Redis; `goldstream doctor` does.
    """
    import os

    from streams.settings.setting_texts import collect_texts, settings_file

    load_context(context, config)  # reports what is invalid
    named: Path | None = config or context.find_root().obj
    texts = list(collect_texts(named, None, []).values())
    file = settings_file(named, os.environ)
    if as_json:
        listed = [
            {
                "name": each.spec.name,
                "key": each.spec.key,
                "value": each.shown or None,
                "origin": each.origin.value,
                "default": each.spec.default or None,
            }
            for each in texts
        ]
        write_json({"file": None if file is None else str(file), "settings": listed})
        return
    _draw(texts)


def _draw(texts: "list[SettingText]") -> None:
    from rich.table import Table

    from agents.cli.terminal.render import draw
    from streams.settings.setting_texts import Origin

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("setting", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("from", overflow="fold")
    for each in texts:
        origin = str(each.file) if each.file else each.origin.value
        style = "dim" if each.origin is Origin.DEFAULT else None
        table.add_row(each.spec.name, each.shown or "none", origin, style=style)
    draw([table])
