"""`goldstream policy suggest`: derive a policy from how customers buy. It writes nothing to Kafka."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.failures import CommandFailed, kafka_named, print_error
from agents.cli.option_values import check_currency
from agents.cli.progress import progress_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.importing.row_mapping import Mapping
    from streams.settings.settings import Settings


def suggest(
    context: typer.Context,
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]…", help="CSV, JSON Lines or Parquet, as `import` reads them.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the policy to this file; default: standard output.")
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option("--map", metavar="FILE", help="TOML file that maps columns to fields.")
    ] = None,
    currency: Annotated[
        str | None, typer.Option(help="Currency of rows that have none; default: that of the policy.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Suggest a policy from how the customers of this shop buy, with the reasons in its comments.

    Reads the history from files; without files, from the journal. Customers become at risk when three of four of those
    who come back would be back, and churned when the probability that they come back is below a tenth.
    """
    from agents.importing.row_reader import FileError
    from state.suggestion.suggest import InsufficientHistory

    settings = load_context(context, config)
    try:
        text = _suggest_from_files(settings, files, mapping, currency) if files else _suggest_from_journal(settings)
    except (FileError, InsufficientHistory) as error:
        raise CommandFailed(str(error)) from error
    if output is None:
        typer.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")
        print_error(f"goldstream: written to {output}; review it, then run `goldstream policy check {output}`")


def _suggest_from_files(settings: "Settings", files: list[Path], mapping: Path | None, currency: str | None) -> str:
    from agents.analysis.policy_suggestion import suggest_from_files
    from streams.settings.rules_files import configured_policy

    with progress_of("reading", 1.0) as show:
        return suggest_from_files(files, _mapping(mapping, currency), configured_policy(settings), show, print_error)


def _mapping(file: Path | None, currency: str | None) -> "Mapping":
    import msgspec

    from agents.importing.row_mapping import Mapping, read_mapping

    mapping = read_mapping(file) if file else Mapping()
    if currency is None:
        return mapping
    return msgspec.structs.replace(mapping, constants=mapping.constants | {"currency": check_currency(currency)})


def _suggest_from_journal(settings: "Settings") -> str:
    with kafka_named(settings), progress_of(f"reading the journal of {settings.prefix}", 1.0) as show:
        return asyncio.run(_read_journal(settings, show))


async def _read_journal(settings: "Settings", show: "Callable[[float], None]") -> str:
    from agents.analysis.journal_ends import EmptyJournal
    from agents.analysis.policy_suggestion import suggest_from_journal
    from state.records.events import UnknownFormatVersion
    from streams.kafka.control import NoControlTopic
    from streams.kafka.reader import OffsetTruncated

    try:
        return await suggest_from_journal(settings, show)
    except (NoControlTopic, EmptyJournal, UnknownFormatVersion, OffsetTruncated) as error:
        raise CommandFailed(str(error)) from error
