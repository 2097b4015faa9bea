"""`goldstream tokens`: create, list and revoke the tokens of `goldstream serve`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.failures import CommandFailed, UsageFailure
from agents.cli.help.command import CommandGroup
from agents.cli.terminal.json_output import JsonOption, write_json
from agents.cli.terminal.quiet import note

if TYPE_CHECKING:
    from agents.serve.access.token_file import Token

group = CommandGroup(help="Create, list and revoke the tokens of `goldstream serve`, in the file GOLDSTREAM_TOKENS.")


@group.command("create")
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose it is, such as till-7.")],
    scopes: Annotated[
        list[str],
        typer.Option(
            "--scope",
            metavar="SCOPE",
            help="What it may do: events:write, erasures:write, customers:read, aggregates:read, policy:write, "
            "hooks:<name> or admin. Repeat it, or separate several by commas.",
        ),
    ],
    rate: Annotated[
        float | None,
        typer.Option(metavar="N", help="Events per second in each server process.", show_default="no limit"),
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Create a token and print it, once: the file has only its digest.

    Running servers accept it within seconds. To replace a token, create another one of the same name, deploy it, then
    revoke the first one by its id.
    """
    from agents.serve.access.token_file import MAX_RATE, SCOPE_WORDS, Token, is_name, is_scope
    from agents.serve.access.token_text import digest, generate_token

    file = _token_file(context, config)
    granted = tuple(dict.fromkeys(part.strip() for text in scopes for part in text.split(",") if part.strip()))
    if not is_name(name):
        raise UsageFailure(f"NAME must have 1 to 64 printable characters: got {name!r}")
    for scope in granted:
        if not is_scope(scope):
            raise UsageFailure(f"--scope must be {SCOPE_WORDS}: got {scope!r}")
    if not granted:
        raise UsageFailure(f"--scope must be {SCOPE_WORDS}: got nothing")
    if rate is not None and not 0 < rate <= MAX_RATE:
        raise UsageFailure(f"--rate must be above 0 and up to {MAX_RATE}: got {rate:g}")
    token_id, token = generate_token()
    _write(file, [*_read(file), Token(token_id, name, digest(token), granted, rate)])
    if as_json:
        write_json({"id": token_id, "name": name, "scopes": granted, "rate": rate, "token": token})
    else:
        typer.echo(token)
        note(f"goldstream: {file} has only its digest: this token is not shown again")


@group.command("list")
def list_tokens(
    context: typer.Context,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List the tokens: id, name, scopes, rate."""
    file = _token_file(context, config)
    tokens = _read(file)
    if as_json:
        listed = [{"id": each.id, "name": each.name, "scopes": each.scopes, "rate": each.rate} for each in tokens]
        write_json(listed)
        return
    if tokens:
        _draw(tokens)
    else:
        note(f"{file} has no tokens; `goldstream tokens create NAME --scope SCOPE` creates one")


@group.command("revoke")
def revoke(
    context: typer.Context,
    token: Annotated[str, typer.Argument(metavar="ID|NAME", help="Its id, or its name if only one has it.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Revoke a token: running servers refuse it within 10 s, and sessions that were opened with it end."""
    file = _token_file(context, config)
    tokens = _read(file)
    found = [each for each in tokens if each.id == token] or [each for each in tokens if each.name == token]
    if not found:
        raise CommandFailed(f"{file} has no token with the id or name {token!r}; `goldstream tokens list` lists them")
    if len(found) > 1:
        ids = ", ".join(each.id for each in found)
        raise UsageFailure(f"several tokens have the name {token!r}; give the id of one: {ids}")
    _write(file, [each for each in tokens if each != found[0]])
    if as_json:
        write_json({"revoked": found[0].id, "name": found[0].name})
    else:
        typer.echo(f"revoked {found[0].id} ({found[0].name})")


def _token_file(context: typer.Context, config: Path | None) -> Path:
    settings = load_context(context, config)
    if settings.tokens is None:
        raise CommandFailed("GOLDSTREAM_TOKENS is not set; set it to the path of the token file, such as tokens.toml")
    return settings.tokens


def _read(file: Path) -> "list[Token]":
    from agents.serve.access.token_file import read_tokens

    return read_tokens(file) if file.exists() else []


def _write(file: Path, tokens: "list[Token]") -> None:
    from agents.serve.access.token_file import write_tokens

    write_tokens(file, tokens)


def _draw(tokens: "list[Token]") -> None:
    from rich.table import Table

    from agents.cli.terminal.render import draw

    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("id", "name", "scopes", "events per second"):
        table.add_column(heading, overflow="fold")
    for each in tokens:
        table.add_row(each.id, each.name, " ".join(each.scopes), "" if each.rate is None else f"{each.rate:g}")
    draw([table])
