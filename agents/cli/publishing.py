"""Publishing from a command: the topic made sure of, progress shown, Ctrl-C and failures said in one line."""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import typer

from agents.cli.failures import CommandFailed, kafka_named, print_error
from agents.cli.progress import progress_of

if TYPE_CHECKING:
    from streams.settings.settings import Settings

_SHOWN_EVERY: Final = 1_000


async def ensure_topic(settings: "Settings", source: str) -> None:
    """Make the topics of the prefix where that of `source` (a short name) is missing, as a worker would.

    Raises:
        CommandFailed: the broker refuses.
    """
    from streams.kafka.cluster import partitions_by_topic
    from streams.kafka.topics import Topics, TopicsError, create_topics

    topics = Topics(settings.prefix)
    there = await partitions_by_topic(settings)
    if topics.full(source) in there and topics.control in there:
        return
    try:
        made = [report for report in await create_topics(settings) if report.created]
    except TopicsError as error:
        raise CommandFailed(*error.errors) from error
    if made:
        typer.echo(f"created {len(made)} topics of {settings.prefix}")


def publish_all(
    settings: "Settings", source: str, records: Iterable[tuple[bytes | None, bytes]], total: int | None = None
) -> None:
    """Publish records (key and value) to a source topic, and return when all are acknowledged.

    Raises:
        CommandFailed: some could not be delivered.
    """
    with kafka_named(settings):
        asyncio.run(_publish_all(settings, source, records, total))


async def _publish_all(
    settings: "Settings", source: str, records: Iterable[tuple[bytes | None, bytes]], total: int | None
) -> None:
    from streams.kafka.publisher import Publisher
    from streams.kafka.topics import Topics

    topic = Topics(settings.prefix).full(source)
    taken = 0
    publisher = Publisher(settings, topic)
    try:
        with progress_of(f"publishing to {topic}", total) as show:
            async with publisher:
                for key, value in records:
                    await publisher.publish(key, value)
                    taken += 1
                    if taken % _SHOWN_EVERY == 0:
                        show(publisher.acknowledged)
                        await asyncio.sleep(0)  # batches leave and Ctrl-C arrives only while this waits
    except BaseException:
        print_error(f"goldstream: {publisher.acknowledged:,} of {taken:,} events published are acknowledged by {topic}")
        raise
