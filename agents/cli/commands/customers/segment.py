"""`goldstream segment`: the customers of a segment, as a table, CSV or JSON."""

import asyncio
import csv
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Final

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.failures import CommandFailed, UsageFailure, kafka_named, print_error
from agents.cli.terminal.json_output import JsonOption, write_json
from agents.cli.terminal.progress import progress_of
from agents.cli.terminal.quiet import note
from state.units.counts import counted

if TYPE_CHECKING:
    from agents.analysis.segment_list import ListedCustomer, SegmentList
    from state.config.active_rules import ActiveRules
    from state.config.policy import Policy
    from streams.settings.settings import Settings

_SHOWN: Final = 20


def segment(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The segment's name in the policy.")],
    limit: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="At most so many, highest monetary first.",
            show_default="20, of --csv and --json all",
        ),
    ] = None,
    csv_file: Annotated[
        Path | None,
        typer.Option("--csv", metavar="FILE", help="Write CSV (UTF-8) to this file; -: standard output."),
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List the customers of a segment, those who spent most in the window first.

    Reads from Redis, which is seconds old at most; without GOLDSTREAM_REDIS, or while Redis is away, from the changelog
    in Kafka, which takes longer. The result says which. Times are in the shop's time zone; in CSV and JSON, in UTC.
    """
    from agents.cli.rules.control_rules import read_active_rules

    settings = load_context(context, config)
    if csv_file is not None and as_json:
        raise UsageFailure("--csv and --json exclude each other; leave one of them out")
    with kafka_named(settings):
        rules = asyncio.run(read_active_rules(settings))
        policy = _check_name(settings, rules, name)
        limited = limit or (None if as_json or csv_file else _SHOWN)
        found = _read(settings, rules, name, limited)
    if as_json:
        _write_json(settings, policy, name, found)
    elif csv_file is None:
        _draw(policy, name, found)
    elif str(csv_file) == "-":
        _write_csv(sys.stdout, found.customers)
    else:
        try:
            with csv_file.open("w", encoding="utf-8", newline="") as file:
                _write_csv(file, found.customers)
        except OSError as error:
            raise CommandFailed(f"{csv_file} cannot be written ({error.strerror}); name another file") from error
        note(f"goldstream: {counted(len(found.customers), 'customer')} written to {csv_file}")


def _check_name(settings: "Settings", rules: "ActiveRules", name: str) -> "Policy":
    """Return the active policy, which has the segment.

    Raises:
        CommandFailed: no policy is active, or it has no such segment.
    """
    from agents.cli.reader import reader_language, title_by_name
    from state.config.config_errors import suggest_name

    policy = rules.policy
    if policy is None:
        remedy = "correct GOLDSTREAM_PREFIX, or start a worker first"
        raise CommandFailed(f"no policy is active under the prefix {settings.prefix}; {remedy}")
    if name not in policy.segment_names:
        language = reader_language()
        names = (f"{each} ({title_by_name(policy, each, language)})" for each in policy.segment_names)
        close = suggest_name(name, policy.segment_names)
        hint = f"{close} " if close.startswith("did you mean") else ""
        raise CommandFailed(f"segment {name!r} is not in {policy.ref}; {hint}valid values: {', '.join(names)}")
    return policy


def _read(settings: "Settings", rules: "ActiveRules", name: str, limit: int | None) -> "SegmentList":
    from redis.exceptions import RedisError

    from agents.analysis.segment_list import list_from_kafka, list_from_redis
    from agents.project.redis_connection import describe_redis_error
    from streams.errors import FatalError

    if settings.redis is not None:
        try:
            return asyncio.run(list_from_redis(settings, name, limit))
        except (RedisError, OSError) as error:
            why = describe_redis_error(error)
            print_error(f"goldstream: reading from Kafka instead: Redis at {settings.redis_masked}: {why}")
    with progress_of(f"reading the customers of {settings.prefix}", 1.0) as show:
        try:
            return asyncio.run(list_from_kafka(settings, rules, name, limit, show))
        except FatalError as error:
            raise CommandFailed(str(error)) from error


def _write_csv(file: IO[str], customers: "list[ListedCustomer]") -> None:
    from agents.analysis.csv_cells import text_cell

    writer = csv.writer(file, lineterminator="\n")
    fields = (
        *("customer_id", "cell", "monetary", "currency", "frequency", "last_order_at", "since"),
        *("lifetime_orders", "lifetime_value", "average_check", "channels", "as_of"),
    )
    writer.writerow(fields)
    for each in customers:
        _, *values = (getattr(each, field) for field in fields)
        cells = (" ".join(value) if isinstance(value, list) else value for value in values)
        writer.writerow([text_cell(each.customer_id), *cells])


def _write_json(settings: "Settings", policy: "Policy", name: str, found: "SegmentList") -> None:

    from state.units.timestamps import format_ms

    titles = _titles(policy, name)
    report = {
        "prefix": settings.prefix,
        "segment": name,
        "titles": titles,
        "read_from": found.origin,
        "as_of": None if found.as_of_ms is None else format_ms(found.as_of_ms),
        "total": found.total,
        "customers": found.customers,
    }
    write_json(report)


def _titles(policy: "Policy", name: str) -> dict[str, str | None]:
    from agents.cli.reader import POTENTIAL_TITLES

    found = next((each for each in policy.segments if each.name == name), None)
    return dict(POTENTIAL_TITLES) if found is None else {"en": found.title_en, "ru": found.title_ru}


def _draw(policy: "Policy", name: str, found: "SegmentList") -> None:
    from rich.table import Table
    from rich.text import Text

    from agents.cli.reader import format_local, reader_language, title_by_name
    from agents.cli.terminal.render import draw
    from state.units.timestamps import parse_rfc3339

    zone = policy.timezone
    title = title_by_name(policy, name, reader_language())
    place = "from Redis" if found.origin == "redis" else "from Kafka"
    if found.as_of_ms is not None:
        place += f", as of {format_local(found.as_of_ms, zone)}"
    place += f" (times in {zone})"
    heading = Text(f"{name}{'' if title == name else f' ({title})'}: {counted(found.total, 'customer')}, {place}")
    if not found.customers:
        draw([heading])
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("customer", overflow="fold")
    table.add_column("cell")
    for figure in (f"monetary, {policy.currency}", "orders", "lifetime value"):
        table.add_column(figure, justify="right", no_wrap=True)
    table.add_column("last order", no_wrap=True)
    table.add_column("in it since", no_wrap=True)
    table.add_column("reachable by", overflow="fold")
    for each in found.customers:
        last = "never" if each.last_order_at is None else format_local(parse_rfc3339(each.last_order_at), zone)
        since = format_local(parse_rfc3339(each.since), zone)
        figures = (each.monetary, f"{each.frequency:,}", each.lifetime_value)
        table.add_row(Text(each.customer_id), each.cell, *figures, last, since, ", ".join(each.channels))
    more = found.total - len(found.customers)
    rest = [Text(f"… and {more:,} more; --limit N shows more, --csv FILE writes all")] if more > 0 else []
    draw([heading, "", table, *rest])
