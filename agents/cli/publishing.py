"""Publish events from a command: create missing topics, show progress, report interruptions in one line."""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from agents.cli.failures import CommandFailed, kafka_named, print_error
from agents.cli.terminal.progress import progress_of
from agents.cli.terminal.quiet import note
from state.units.counts import counted

if TYPE_CHECKING:
    from streams.settings.settings import Settings

_EVENTS_PER_UPDATE: Final = 1_000


async def ensure_topics(settings: "Settings", *names: str) -> None:
    """Create the topics of the prefix, as a worker would, if `control` or one of these (short names) is missing.

    Raises:
        CommandFailed: the broker refuses.
    """
    from streams.kafka.cluster import partitions_by_topic
    from streams.kafka.topics import Topics, TopicsError, create_topics

    topics = Topics(settings.prefix)
    existing = await partitions_by_topic(settings)
    if all(topics.full(name) in existing for name in ("control", *names)):
        return
    try:
        created = [report for report in await create_topics(settings) if report.created]
    except TopicsError as error:
        raise CommandFailed(*error.errors) from error
    if created:
        note(f"goldstream: created {counted(len(created), 'topic')} of {settings.prefix}")


def publish_all(
    settings: "Settings", source: str, records: Iterable[tuple[bytes | None, bytes]], total: int | None = None
) -> None:
    """Publish records (key and value) to a source topic; return once all are acknowledged.

    Raises:
        CommandFailed: some could not be delivered.
    """
    from streams.kafka.needed_rights import publishing

    with kafka_named(settings, publishing(settings, source)):
        asyncio.run(_publish_all(settings, source, records, total))


async def _publish_all(
    settings: "Settings", source: str, records: Iterable[tuple[bytes | None, bytes]], total: int | None
) -> None:
    from streams.kafka.topics import Topics
    from streams.kafka.writing.publisher import Publisher

    topic = Topics(settings.prefix).full(source)
    published_count = 0
    publisher = Publisher(settings, topic)
    try:
        with progress_of(f"publishing to {topic}", total) as show:
            async with publisher:
                for key, value in records:
                    await publisher.publish(key, value)
                    published_count += 1
                    if published_count % _EVENTS_PER_UPDATE == 0:
                        show(publisher.acknowledged)
                        await asyncio.sleep(0)  # lets batches leave and Ctrl-C arrive
    except BaseException:
        print_error(
            f"goldstream: {topic} has acknowledged {publisher.acknowledged:,} of "
            f"{counted(published_count, 'published event')}"
        )
        raise
