"""The option `--json`, and the one line of JSON that a command then writes to standard output."""

from typing import Annotated, Any

import typer

JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON to standard output, and nothing else.")]


def write_json(value: Any) -> None:
    """Write a value as a line of JSON."""
    import msgspec

    typer.echo(msgspec.json.encode(value))
