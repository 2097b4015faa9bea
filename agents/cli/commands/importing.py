"""`goldstream import`: publish a file of events to a source topic, or only check it."""

import asyncio
import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.failures import CommandFailed, UsageFailure, kafka_named, print_error
from agents.cli.progress import progress_of
from agents.cli.publishing import ensure_topic, publish_all

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agents.importing.event_builder import EventBuilder, ImportedEvent
    from agents.importing.parquet_reader import ParquetReader
    from agents.importing.report import ImportReport
    from agents.importing.row_mapping import Mapping
    from agents.importing.row_reader import Row, RowReader, UnreadableRow
    from state.config.policy import Policy
    from state.intake.admission import AdmissionRules
    from streams.settings.settings import Settings

_FUTURE_MS: Final = 5 * 60_000
_ROWS_PER_UPDATE: Final = 1_000


def import_file(  # noqa: PLR0913, PLR0917 - each is an option of the command
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, JSON Lines (either also as .gz) or Parquet.")],
    file_format: Annotated[
        str | None,
        typer.Option("--format", metavar="FORM", help="csv, jsonl or parquet; default: by the file name's suffix."),
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option("--map", metavar="FILE", help="TOML file that maps columns to fields.")
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(help="purchase, refund, signup, consent, contact, erasure, or auto: by a type column."),
    ] = None,
    topic: Annotated[str, typer.Option(help="Source topic to publish to, by its short name.")] = "events",
    backfill: Annotated[
        bool, typer.Option("--backfill", help="Mark all events as history, which triggers no campaign.")
    ] = False,
    sort: Annotated[
        bool, typer.Option("--sort/--no-sort", help="Publish in the order of occurred_at, as event mode needs.")
    ] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and check everything, publish nothing.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Publish nothing unless every row can be read.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Read at most this number of rows.")] = None,
    errors: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the errors of all unreadable rows to this file.")
    ] = None,
    currency: Annotated[
        str | None, typer.Option(help="Currency of rows that have none; default: that of the policy.")
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(help="Time zone of times without an offset, such as Europe/Moscow; default: UTC.")
    ] = None,
    time_format: Annotated[
        str | None,
        typer.Option(help="Such as %d/%m/%Y %H:%M, or unix, unix_ms; default: the usual formats are recognized."),
    ] = None,
    decimal: Annotated[str | None, typer.Option(help='Decimal sign, "." or ","; default: ".".')] = None,
    delimiter: Annotated[
        str | None, typer.Option(help="Delimiter of CSV; default: detected from the first line.")
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="Encoding of CSV and JSON Lines; default: utf-8.")] = None,
    config: ConfigOption = None,
) -> None:
    """Publish a file of purchases, refunds, signups and other events, row by row.

    Columns are recognized by their names, in English and in Russian, else by a mapping file. Rows without ids get ids
    derived from the file's name, the row's number and its contents, so that importing the file again changes nothing.
    """
    from agents.importing.event_builder import EventBuilder
    from agents.importing.report import ImportReport
    from agents.importing.row_reader import FileError

    settings = load_context(context, config)
    options = {
        "kind": kind,
        "timezone": timezone,
        "time_format": time_format,
        "decimal": decimal,
        "delimiter": delimiter,
        "encoding": encoding,
    }
    effective_mapping = _effective_mapping(
        mapping, {key: value for key, value in options.items() if value is not None}, currency, topic
    )
    if strict and not sort:
        raise UsageFailure("--strict reads all rows before it publishes, --no-sort does not; leave one of them out")
    try:
        reader = _open(file, file_format, effective_mapping)
        rules = _admission_rules(settings, topic, dry_run=dry_run)
        may_vary = reader.file_format == "jsonl"
        builder = EventBuilder(file, effective_mapping, rules, topic, backfill=backfill, may_vary=may_vary)
        with ImportReport(file, errors, print_error) as report:
            events = _build_events(reader, builder, report, settings, limit)
            if dry_run:
                for _ in events:
                    pass
            elif sort:
                _publish_sorted(settings, topic, events, report, strict=strict)
            else:
                records = ((event.customer_id.encode() or None, event.value) for event in events)
                publish_all(settings, topic, records)
            _print_result(file, builder, report, topic, dry_run=dry_run)
    except FileError as error:
        raise CommandFailed(str(error)) from error


def _effective_mapping(file: Path | None, options: dict[str, str], currency: str | None, topic: str) -> "Mapping":
    """Return the mapping file with the options applied, validated.

    Raises:
        UsageFailure: with all errors.
    """
    import msgspec

    from agents.importing.column_names import KIND_BY_TOPIC
    from agents.importing.row_mapping import Mapping, mapping_errors, read_mapping

    mapping = msgspec.structs.replace(read_mapping(file) if file else Mapping(), **options)
    if currency is not None:
        mapping = msgspec.structs.replace(mapping, constants=mapping.constants | {"currency": currency})
    errors = mapping_errors(mapping)
    if topic not in KIND_BY_TOPIC:
        errors.append(f"--topic must be one of {', '.join(KIND_BY_TOPIC)}: got {topic!r}")
    topic_kind = KIND_BY_TOPIC.get(topic)
    if topic_kind is not None and mapping.kind not in ("auto", topic_kind):
        errors.append(f"topic {topic} takes only {topic_kind} events: got kind {mapping.kind!r}; publish to events")
    if errors:
        raise UsageFailure(*errors)
    return msgspec.structs.replace(mapping, kind=topic_kind) if topic_kind is not None else mapping


def _open(file: Path, file_format: str | None, mapping: "Mapping") -> "RowReader | ParquetReader":
    from agents.importing.parquet_reader import ParquetReader
    from agents.importing.row_reader import FORMATS, RowReader, format_of

    file_format = file_format or format_of(file)
    if file_format not in FORMATS:
        got = file_format or f"nothing, and {file} has an unknown suffix"
        raise UsageFailure(f"--format must be one of {', '.join(FORMATS)}: got {got}")
    return ParquetReader(file) if file_format == "parquet" else RowReader(file, file_format, mapping)


def _admission_rules(settings: "Settings", topic: str, *, dry_run: bool) -> "AdmissionRules":
    """Return the currencies of the active policy; of the configured one for a dry run, or if none is active."""
    from state.intake.admission import AdmissionRules
    from state.units.time_zones import zone_names
    from streams.settings.rules_files import configured_policy

    policy = None
    if not dry_run:
        with kafka_named(settings):
            policy = asyncio.run(_active_policy(settings, topic))
    policy = policy or configured_policy(settings)
    return AdmissionRules(policy.currency, policy.digits, policy.rates, zone_names())


async def _active_policy(settings: "Settings", topic: str) -> "Policy | None":
    from streams.kafka.control import read_control, reduce_control

    await ensure_topic(settings, topic)
    return reduce_control(await read_control(settings)).policy


def _build_events(
    reader: "RowReader | ParquetReader",
    builder: "EventBuilder",
    report: "ImportReport",
    settings: "Settings",
    limit: int | None,
) -> "Iterator[ImportedEvent]":
    """Read the file row by row, show progress, and yield an event for each readable row."""
    from agents.importing.report import build_events
    from streams.clock import SYSTEM_CLOCK

    latest_ms = SYSTEM_CLOCK.wall_ms() + _FUTURE_MS if settings.time == "wall" else None
    with progress_of(f"reading {reader.path.name}", reader.size) as show:

        def rows() -> "Iterator[Row | UnreadableRow]":
            for row in itertools.islice(reader.rows(), limit):
                if report.rows % _ROWS_PER_UPDATE == 0:
                    show(reader.position())
                yield row

        yield from build_events(rows(), builder, report, latest_ms)


def _publish_sorted(
    settings: "Settings", topic: str, events: "Iterator[ImportedEvent]", report: "ImportReport", *, strict: bool
) -> None:
    from agents.importing.event_sorter import EventSorter

    with EventSorter() as sorter:
        for event in events:
            sorter.add(event.occurred_at_ms, event.customer_id.encode(), event.value)
        if strict and report.unreadable:
            report.print_remarks()
            raise CommandFailed(f"{report.path}: {report.summary()}; nothing published, because of --strict")
        records = ((event.customer_id or None, event.value) for event in sorter)
        publish_all(settings, topic, records, sorter.count)


def _print_result(file: Path, builder: "EventBuilder", report: "ImportReport", topic: str, *, dry_run: bool) -> None:
    report.print_remarks()
    columns = ", ".join(f"{field} = {' + '.join(names)}" for field, names in builder.columns.items())
    unused = f"; not used: {', '.join(builder.unused_columns)}" if builder.unused_columns else ""
    if columns:
        typer.echo(f"{file}: {columns}{unused}")
    if not report.events:
        raise CommandFailed(f"{file}: {report.summary()}; {builder.nothing_readable_remedy()}")
    typer.echo(f"{file}: {report.summary()}; {'nothing published, a dry run' if dry_run else f'published to {topic}'}")
