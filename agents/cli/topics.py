"""`goldstream topics`: make the topics, or look whether they are as they should be."""

import asyncio
from typing import TYPE_CHECKING

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.failures import CommandFailed, kafka_named

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from streams.kafka.topics import TopicReport
    from streams.settings.settings import Settings

group = typer.Typer(help="Make the topics, or look whether they are as they should be.")


@group.command("create")
def create(context: typer.Context, config: ConfigOption = None) -> None:
    """Make the topics that are missing, with GOLDSTREAM_PARTITIONS and GOLDSTREAM_REPLICATION.

    Topics that are there stay as they are; those of the wrong shape are named, and the status is 1.
    """
    from streams.kafka.topics import create_topics

    settings = load_context(context, config)
    _look(settings, create_topics)


@group.command("check")
def check(context: typer.Context, config: ConfigOption = None) -> None:
    """Look whether all topics are there and of the right shape; the status is 1 if not."""
    from streams.kafka.topics import check_topics

    settings = load_context(context, config)
    _look(settings, check_topics)


def _look(settings: "Settings", ask: "Callable[[Settings], Awaitable[list[TopicReport]]]") -> None:
    """Say a line for each topic, then fail if one is missing or of the wrong shape."""
    from streams.kafka.topics import TopicsError

    with kafka_named(settings):
        try:
            reports = asyncio.run(_asked(settings, ask))
        except TopicsError as error:
            raise CommandFailed(*error.errors) from error
    faults = [report.fault for report in reports if report.fault]
    for report in reports:
        missing = report.missing and not report.created
        if missing:
            faults.append(f"topic {report.name} does not exist; run `goldstream topics create`")
        finding = "missing" if missing else "wrong" if report.fault else "created" if report.created else "there"
        typer.echo(f"{report.name} {finding}, partitions {report.partitions}")
    if faults:
        raise CommandFailed(*faults)


async def _asked(
    settings: "Settings", ask: "Callable[[Settings], Awaitable[list[TopicReport]]]"
) -> "list[TopicReport]":
    return await ask(settings)
