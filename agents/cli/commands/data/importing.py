"""`goldstream import`: read files of history, report what they contain, and publish what is new."""

from pathlib import Path
from typing import Annotated, Final

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.failures import UsageFailure
from agents.cli.importing.reading_options import (
    FORM,
    AllowAnonymousOption,
    CurrencyOption,
    DecimalOption,
    DelimiterOption,
    EncodingOption,
    FieldOption,
    FilesArgument,
    FormatOption,
    GroupAmountOption,
    LimitOption,
    MapOption,
    PlatformOption,
    SheetOption,
    TimeFormatOption,
    TimezoneOption,
    WriteMapOption,
)
from agents.cli.terminal.asking import YesOption

_ACTION: Final = "What happens"


def import_files(  # noqa: PLR0913, PLR0917 - each is an option of the command
    context: typer.Context,
    files: FilesArgument = None,
    platform: PlatformOption = None,
    list_platforms: Annotated[
        bool,
        typer.Option("--list-platforms", help="List the platforms with their columns, and exit.", rich_help_panel=FORM),
    ] = False,
    mapping: MapOption = None,
    write_map: WriteMapOption = None,
    field: FieldOption = None,
    kind: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="purchase, refund, signup, consent, contact, erasure, or auto: by a type column.",
            rich_help_panel=FORM,
        ),
    ] = None,
    group_amount: GroupAmountOption = None,
    source: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Prefix of customer and order ids, where those of two shops would clash.",
            rich_help_panel=FORM,
        ),
    ] = None,
    allow_anonymous: AllowAnonymousOption = False,
    file_format: FormatOption = None,
    encoding: EncodingOption = None,
    delimiter: DelimiterOption = None,
    sheet: SheetOption = None,
    timezone: TimezoneOption = None,
    time_format: TimeFormatOption = None,
    decimal: DecimalOption = None,
    currency: CurrencyOption = None,
    limit: LimitOption = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Read and report everything, publish nothing.", rich_help_panel=_ACTION),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Write the report as a JSON object.", rich_help_panel=_ACTION)
    ] = False,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Publish nothing unless every row can be read.", rich_help_panel=_ACTION),
    ] = False,
    errors: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the rows that cannot be read here.", rich_help_panel=_ACTION),
    ] = None,
    live: Annotated[
        bool,
        typer.Option(
            "--live", help="Present events, which start campaigns.", show_default="history", rich_help_panel=_ACTION
        ),
    ] = False,
    backfill: Annotated[
        bool,
        typer.Option("--backfill", help="History, which triggers no campaign: the default.", rich_help_panel=_ACTION),
    ] = False,
    topic: Annotated[
        str,
        typer.Option(metavar="NAME", help="Source topic to publish to, by its short name.", rich_help_panel=_ACTION),
    ] = "events",
    sort: Annotated[
        bool,
        typer.Option(
            "--sort/--no-sort",
            help="Publish in the order of occurred_at, as event mode needs, or of the file.",
            rich_help_panel=_ACTION,
        ),
    ] = True,
    import_id: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="Id of the import, to continue an interrupted one under its own.",
            show_default="a new one",
            rich_help_panel=_ACTION,
        ),
    ] = None,
    yes: YesOption = False,
    config: ConfigOption = None,
) -> None:
    """Publish the history in files: orders, refunds, signups, consents and other events.

    The platform, the encoding, the formats of numbers and dates and the columns are recognized from the whole file. The
    report names each assumption with its evidence. What the file cannot decide is asked in a terminal, and elsewhere
    refused with the option that decides it. Nothing is published before the report.

    What was imported before is left out, so the same export, or a longer one, can be imported again. After an
    interruption, the same command adds what is missing.
    """
    settings = load_context(context, config)
    if list_platforms:
        _list_platforms(as_json=as_json)
        return
    if not files:
        raise UsageFailure("goldstream import: name at least one FILE; see `goldstream import --help`")
    if live and backfill:
        raise UsageFailure("--live and --backfill contradict each other; leave one of them out")
    from agents.cli.importing.file_reading import FilesGiven
    from agents.cli.importing.run import ImportRun, ImportSettings

    given = FilesGiven(
        files=files,
        map_file=mapping,
        write_map=write_map,
        options={
            "platform": platform,
            "kind": kind,
            "group.amount": group_amount,
            "source": source,
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
        topic=topic,
        limit=limit,
    )
    actions = ImportSettings(
        allow_anonymous=allow_anonymous,
        dry_run=dry_run,
        as_json=as_json,
        strict=strict,
        errors=errors,
        live=live,
        sort=sort,
        import_id=import_id,
        yes=yes,
    )
    ImportRun(settings, given, actions).run()


def _list_platforms(*, as_json: bool) -> None:
    from agents.importing.platforms.catalog import all_platforms

    if as_json:
        import msgspec

        listed = [{"name": each.name, "title": each.title, "columns": each.detect} for each in all_platforms()]
        typer.echo(msgspec.json.encode(listed))
        return
    from rich.table import Table

    from agents.cli.terminal.render import draw

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("--from", no_wrap=True)
    table.add_column("file", overflow="fold")
    table.add_column("recognized by its columns", overflow="fold")
    for each in all_platforms():
        table.add_row(each.name, each.title, ", ".join(" or ".join(group) for group in each.detect))
    table.add_row("generic", "any other file", "names in many languages, or a mapping file (--map)")
    draw([table])
