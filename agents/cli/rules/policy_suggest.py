"""`goldstream policy suggest`: derive a policy from how customers buy. It writes nothing to Kafka."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.failures import CommandFailed, kafka_named, print_error
from agents.cli.importing.reading_options import (
    AllowAnonymousOption,
    CurrencyOption,
    DecimalOption,
    DelimiterOption,
    EncodingOption,
    FieldOption,
    FilesArgument,
    FormatOption,
    GroupAmountOption,
    MapOption,
    PlatformOption,
    SheetOption,
    TimeFormatOption,
    TimezoneOption,
    WriteMapOption,
)
from agents.cli.terminal.json_output import JsonOption, write_json
from agents.cli.terminal.progress import progress_of
from agents.cli.terminal.quiet import note
from state.units.counts import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.cli.importing.file_reading import FilesGiven
    from streams.settings.settings import Settings

_EVENTS_PER_UPDATE: Final = 1_000


def suggest(  # noqa: PLR0913, PLR0917 - each is an option of the command
    context: typer.Context,
    files: FilesArgument = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--out", "--output", metavar="FILE", help="Write the policy to this file.", show_default="standard output"
        ),
    ] = None,
    platform: PlatformOption = None,
    mapping: MapOption = None,
    write_map: WriteMapOption = None,
    field: FieldOption = None,
    group_amount: GroupAmountOption = None,
    allow_anonymous: AllowAnonymousOption = False,
    file_format: FormatOption = None,
    encoding: EncodingOption = None,
    delimiter: DelimiterOption = None,
    sheet: SheetOption = None,
    timezone: TimezoneOption = None,
    time_format: TimeFormatOption = None,
    decimal: DecimalOption = None,
    currency: CurrencyOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Suggest a policy from how the customers of this shop buy, with the reasons in its comments.

    Reads the history from files as `import` does, in their currency; without files, from the journal. Customers become
    at risk when three of four of those who come back would be back, and churned when the probability that they come
    back is below a tenth.
    """
    from agents.cli.importing.file_reading import FilesGiven
    from agents.importing.findings import FileError, ImportRefused
    from state.suggestion.suggest import InsufficientHistory

    settings = load_context(context, config)
    given = FilesGiven(
        files=files or [],
        map_file=mapping,
        write_map=write_map,
        options={
            "platform": platform,
            "group.amount": group_amount,
            "format": file_format,
            "encoding": encoding,
            "delimiter": delimiter,
            "sheet": sheet,
            "timezone": timezone,
            "time_format": time_format,
            "decimal": decimal,
            "currency": currency,
        },
        fields=field or [],
    )
    try:
        if files:
            text = _suggest_from_files(settings, given, allow_anonymous=allow_anonymous)
        else:
            text = _suggest_from_journal(settings)
    except (FileError, ImportRefused, InsufficientHistory) as error:
        raise CommandFailed(*str(error).splitlines()) from error
    if output is not None:
        output.write_text(text, encoding="utf-8")
    if as_json:
        write_json(_object(text, output))
    elif output is None:
        typer.echo(text, nl=False)
    place = output or "FILE"
    note(
        f"goldstream: {f'written to {output}; review it, then' if output else 'save it with --out FILE, then'} run "
        f"`goldstream policy apply {place}`, or start the first worker with GOLDSTREAM_POLICY={place}"
    )


def _object(text: str, output: Path | None) -> dict[str, Any]:
    from state.config.policy import json_number
    from state.config.policy_reader import parse_policy

    policy = parse_policy(text)
    return {
        "ref": policy.ref,
        "currency": policy.currency,
        "thresholds": {
            "recency_days": [json_number(each) for each in policy.recency_edges_text],
            "frequency": policy.frequency_edges,
            "monetary": policy.monetary_edges_text,
        },
        "out": None if output is None else str(output),
        "toml": text,
    }


def _suggest_from_files(settings: "Settings", given: "FilesGiven", *, allow_anonymous: bool) -> str:
    """Return a policy in the currency of the files, also where they are too short for thresholds of their own."""
    import msgspec

    from agents.analysis.policy_suggestion import FilesHistory
    from agents.cli.importing.file_reading import read_files, report_unreadable, understand_files
    from agents.cli.importing.run import policy_info
    from agents.importing.understanding import UnderstandOptions
    from state.suggestion.suggest import InsufficientHistory
    from streams.settings.rules_files import configured_policy

    configured = configured_policy(settings)
    mapping = given.mapping()
    if not mapping.currency:
        mapping = msgspec.structs.replace(mapping, currency=configured.currency)
    info = msgspec.structs.replace(policy_info(configured), currency=None, rates={})
    with read_files(given, mapping) as staging:
        options = UnderstandOptions(allow_anonymous=allow_anonymous)
        understanding = understand_files(given, mapping, staging, info, options)
        unreadable = report_unreadable(given, understanding)
        currency = understanding.currency
        history = FilesHistory(currency, configured.rates if currency == configured.currency else {})
        with progress_of("folding orders", understanding.totals.events.total()) as show:
            for count, event in enumerate(understanding.events()):
                history.add(event)
                if count % _EVENTS_PER_UPDATE == 0:
                    show(count)
        try:
            return history.suggest(given.names, configured.timezone, _notes(unreadable))
        except InsufficientHistory as error:
            if not history.order_minor:
                raise
            print_error(f"goldstream: {error}; the built-in thresholds are adapted to the orders of the file")
            return _starting_policy(currency, configured.timezone, history.median_order())


def _starting_policy(currency: str, timezone: str, typical_order: str) -> str:
    """Return the policy of `goldstream init` for a shop with such orders."""
    from agents.cli.first_start.files import write_policy
    from agents.cli.reader import reader_language

    answers = {
        "name": "shop",
        "currency": currency,
        "timezone": timezone,
        "window_days": "365",
        "typical_order": typical_order,
    }
    return write_policy(answers, reader_language())


def _notes(unreadable: int) -> list[str]:
    if not unreadable:
        return []
    left_out = counted(
        unreadable, "row could not be read and does not count", "rows could not be read and do not count"
    )
    return [f"{left_out}."]


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
