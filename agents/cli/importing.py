"""`goldstream import`: a shop's own files into a source topic, or only looked through."""

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
    from agents.importing.mapping import Mapping
    from agents.importing.parquet_reader import ParquetReader
    from agents.importing.report import ImportReport
    from agents.importing.row_reader import Row, RowReader, UnreadableRow
    from state.config.policy import Policy
    from state.intake.admission import AdmissionRules
    from streams.settings.settings import Settings

_FUTURE_MS: Final = 5 * 60_000
_SHOWN_EVERY: Final = 1_000


def import_file(  # noqa: PLR0913, PLR0917 - each is an option of the command
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, JSON Lines (both also .gz) or Parquet.")],
    form: Annotated[
        str | None, typer.Option("--format", metavar="FORM", help="csv, jsonl or parquet; by the file's suffix.")
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option("--map", metavar="FILE", help="TOML file that says which column is what.")
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(help="purchase, refund, signup, consent, contact, erasure, or auto: by a type column."),
    ] = None,
    topic: Annotated[str, typer.Option(help="RowReader topic to publish to, by its short name.")] = "events",
    backfill: Annotated[
        bool, typer.Option("--backfill", help="Mark all as history: no campaign begins by it.")
    ] = False,
    sort: Annotated[
        bool, typer.Option("--sort/--no-sort", help="Publish in the order of occurred_at, as event mode needs it.")
    ] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and check everything, publish nothing.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Publish nothing unless every row can be read.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Read only so many rows.")] = None,
    errors: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write all that could not be read to this file.")
    ] = None,
    currency: Annotated[str | None, typer.Option(help="Of rows that have none; the policy's currency.")] = None,
    timezone: Annotated[str | None, typer.Option(help="Of times without an offset; UTC.")] = None,
    time_format: Annotated[
        str | None, typer.Option(help="Such as %d/%m/%Y %H:%M, or unix, unix_ms; the usual ones are recognised.")
    ] = None,
    decimal: Annotated[str | None, typer.Option(help="Decimal sign, point or comma; a point.")] = None,
    delimiter: Annotated[str | None, typer.Option(help="Between cells of CSV; found out from the first line.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Of CSV and JSON Lines; utf-8.")] = None,
    config: ConfigOption = None,
) -> None:
    """Publish a file of purchases, refunds, signups and so on, row by row.

    Columns are recognised by their names, in English and in Russian, else by a mapping file. Rows without ids get ids
    made of the file's name, the row's number and its contents, so that the same import again changes nothing.
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
    reading = _reading(mapping, {key: value for key, value in options.items() if value is not None}, currency, topic)
    if strict and not sort:
        raise UsageFailure("--strict reads all before it publishes, which --no-sort does not; leave one of them out")
    try:
        source = _opened(file, form, reading)
        exchange = _exchange(settings, topic, dry_run=dry_run)
        may_vary = source.file_format == "jsonl"
        translation = EventBuilder(file, reading, exchange, topic, backfill=backfill, may_vary=may_vary)
        with ImportReport(file, errors, print_error) as report:
            events = _events(source, translation, report, settings, limit)
            if dry_run:
                for _ in events:
                    pass
            elif sort:
                _publish_in_order(settings, topic, events, report, strict=strict)
            else:
                records = ((event.customer_id.encode() or None, event.value) for event in events)
                publish_all(settings, topic, records)
            _say_outcome(file, translation, report, topic, dry_run=dry_run)
    except FileError as error:
        raise CommandFailed(str(error)) from error


def _reading(file: Path | None, options: dict[str, str], currency: str | None, topic: str) -> "Mapping":
    """The mapping file, changed by options, checked."""
    import msgspec

    from agents.importing.column_names import KIND_BY_TOPIC
    from agents.importing.mapping import Mapping, mapping_errors, read_mapping

    reading = msgspec.structs.replace(read_mapping(file) if file else Mapping(), **options)
    if currency is not None:
        reading = msgspec.structs.replace(reading, constants=reading.constants | {"currency": currency})
    faults = mapping_errors(reading)
    if topic not in KIND_BY_TOPIC:
        faults.append(f"--topic must be one of {', '.join(KIND_BY_TOPIC)}: got {topic!r}")
    own = KIND_BY_TOPIC.get(topic)
    if own is not None and reading.kind not in ("auto", own):
        faults.append(f"topic {topic} takes only {own} events: got kind {reading.kind!r}; publish to events")
    if faults:
        raise UsageFailure(*faults)
    return msgspec.structs.replace(reading, kind=own) if own is not None else reading


def _opened(file: Path, form: str | None, reading: "Mapping") -> "RowReader | ParquetReader":
    from agents.importing.parquet_reader import ParquetReader
    from agents.importing.row_reader import FORMATS, RowReader, format_of

    form = form or format_of(file)
    if form not in FORMATS:
        raise UsageFailure(
            f"--format must be one of {', '.join(FORMATS)}: got {form or 'nothing, and the suffix of'} {file}"
        )
    return ParquetReader(file) if form == "parquet" else RowReader(file, form, reading)


def _exchange(settings: "Settings", topic: str, *, dry_run: bool) -> "AdmissionRules":
    """The currencies of the policy: the configured one for a dry run, else the one in force, where there is one."""
    from state.intake.admission import AdmissionRules
    from state.units.time_zones import zone_names
    from streams.settings.rules_files import configured_policy

    policy = None
    if not dry_run:
        with kafka_named(settings):
            policy = asyncio.run(_policy_in_force(settings, topic))
    policy = policy or configured_policy(settings)
    return AdmissionRules(policy.currency, policy.digits, policy.rates, zone_names())


async def _policy_in_force(settings: "Settings", topic: str) -> "Policy | None":
    from streams.kafka.control import read_control, reduce_control

    await ensure_topic(settings, topic)
    return reduce_control(await read_control(settings)).policy


def _events(
    source: "RowReader | ParquetReader",
    translation: "EventBuilder",
    report: "ImportReport",
    settings: "Settings",
    limit: int | None,
) -> "Iterator[ImportedEvent]":
    """Read the file row by row, show how far it has come, and hand out what became an event."""
    from agents.importing.report import build_events
    from streams.clock import SYSTEM_CLOCK

    latest_ms = SYSTEM_CLOCK.wall_ms() + _FUTURE_MS if settings.time == "wall" else None
    with progress_of(f"reading {source.path.name}", source.size) as show:

        def shown() -> "Iterator[Row | UnreadableRow]":
            for row in itertools.islice(source.rows(), limit):
                if report.rows % _SHOWN_EVERY == 0:
                    show(source.position())
                yield row

        yield from build_events(shown(), translation, report, latest_ms)


def _publish_in_order(
    settings: "Settings", topic: str, events: "Iterator[ImportedEvent]", report: "ImportReport", *, strict: bool
) -> None:
    from agents.importing.event_sorter import EventSorter

    with EventSorter() as ordered:
        for event in events:
            ordered.add(event.occurred_at_ms, event.customer_id.encode(), event.value)
        if strict and report.unreadable:
            report.print_remarks()
            raise CommandFailed(f"{report.path}: {report.summary()}; nothing published, for --strict")
        records = ((waiting.customer_id or None, waiting.value) for waiting in ordered)
        publish_all(settings, topic, records, ordered.count)


def _say_outcome(file: Path, translation: "EventBuilder", report: "ImportReport", topic: str, *, dry_run: bool) -> None:
    report.print_remarks()
    columns = ", ".join(f"{field} = {' + '.join(names)}" for field, names in translation.columns.items())
    unused = f"; not used: {', '.join(translation.unused_columns)}" if translation.unused_columns else ""
    if columns:
        typer.echo(f"{file}: {columns}{unused}")
    if not report.events:
        raise CommandFailed(f"{file}: {report.summary()}; nothing could be read: name the columns in a mapping (--map)")
    typer.echo(f"{file}: {report.summary()}; {'nothing published, a dry run' if dry_run else f'published to {topic}'}")
