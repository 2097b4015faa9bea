"""`goldstream topics`: create or check the topics of a prefix."""

import asyncio
from typing import TYPE_CHECKING

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.failures import CommandFailed, kafka_named
from agents.cli.help.command import CommandGroup
from agents.cli.terminal.json_output import JsonOption, write_json
from agents.cli.terminal.quiet import note

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from streams.kafka.needed_rights import NeededRights
    from streams.kafka.topics import TopicReport
    from streams.settings.settings import Settings

group = CommandGroup(help="Create or check the topics.")


@group.command("create")
def create(context: typer.Context, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Create the missing topics, with GOLDSTREAM_PARTITIONS and GOLDSTREAM_REPLICATION.

    Existing topics do not change. Those without the expected partitions are reported, and the status is 1.
    """
    from streams.kafka.needed_rights import NO_RIGHTS
    from streams.kafka.topics import create_topics

    settings = load_context(context, config)
    _report_topics(
        settings, create_topics, NO_RIGHTS, as_json=as_json
    )  # brokers name the topics that they refuse to create


@group.command("check")
def check(context: typer.Context, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Check whether all topics exist with the expected partitions; the status is 1 if not."""
    from streams.kafka.needed_rights import describing
    from streams.kafka.topics import check_topics

    settings = load_context(context, config)
    _report_topics(settings, check_topics, describing(settings), as_json=as_json)


def _report_topics(
    settings: "Settings",
    inspect: "Callable[[Settings], Awaitable[list[TopicReport]]]",
    needed: "NeededRights",
    *,
    as_json: bool,
) -> None:
    """Write a line for each topic, or all as JSON.

    Raises:
        CommandFailed: a topic is missing or does not have the expected partitions.
    """
    from streams.kafka.topics import TopicsError

    async def inspect_all() -> "list[TopicReport]":
        return await inspect(settings)

    with kafka_named(settings, needed):
        try:
            reports = asyncio.run(inspect_all())
        except TopicsError as error:
            raise CommandFailed(*error.errors) from error
    errors = [report.error for report in reports if report.error]
    missing = sum(report.missing and not report.created for report in reports)
    if missing:
        errors.append(f"{missing} of {len(reports)} topics do not exist; run `goldstream topics create`")
    if as_json:
        topics = [
            {"name": each.name, "state": _state(each), "partitions": each.partitions, "error": each.error}
            for each in reports
        ]
        write_json({"prefix": settings.prefix, "is_ready": not errors, "topics": topics})
    else:
        for report in reports:
            typer.echo(f"{report.name} {_state(report)}, partitions {report.partitions}")
    if errors:
        raise CommandFailed(*errors)
    if any(report.created for report in reports):
        note("goldstream: the number of partitions is permanent; another one needs another prefix and a replay")


def _state(report: "TopicReport") -> str:
    if report.missing and not report.created:
        return "missing"
    return "wrong" if report.error else "created" if report.created else "ok"
