"""A prefix that is a replay of another one: what its workers must know of that before they begin."""

import asyncio
import contextlib
import logging
from typing import Final

from aiokafka.errors import KafkaError

from streams.errors import describe_error
from streams.kafka.cluster import partitions_by_topic
from streams.kafka.control import read_control, replay_of
from streams.kafka.topics import Topics, TopicsError
from streams.settings.settings import Settings

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 2.0


async def wait_for_replay_end(settings: Settings, stop: asyncio.Event) -> str | None:
    """Waits while a replay into the prefix is under way: nothing may stand in its journal, or be made of it, before.

    Returns:
        The prefix that stands in `ce_source`; None if the worker is stopped before.

    Raises:
        TopicsError: the settings name source topics that are not there.
    """
    said = ""
    while not stop.is_set():
        try:
            await _check_sources(settings)
            replay = replay_of(await read_control(settings))
        except (KafkaError, OSError) as error:
            words = f"waiting for Kafka at {settings.kafka}: {describe_error(error)}"
        else:
            if replay is None or replay.done:
                if replay is not None and replay.of not in settings.sources:
                    log.info(
                        "%s is a replay of %s and does not read its source topics; GOLDSTREAM_SOURCES=%s lets it",
                        settings.prefix, replay.of, replay.of,
                    )  # fmt: skip
                return settings.prefix if replay is None else replay.source
            words = (
                f"waits until the replay of {replay.of} into {settings.prefix} has ended; if it was cut off, repeat it"
            )
        if words != said:
            said = words
            log.warning("%s", words)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), LOOK_SECONDS)
    return None


async def _check_sources(settings: Settings) -> None:
    """Makes sure that source topics of other prefixes exist: who subscribes to one that does not never hears of it."""
    if not settings.sources:
        return
    there = await partitions_by_topic(settings)
    missing = [name for name in Topics(settings.prefix, settings.sources).sources if name not in there]
    if missing:
        faults = (f"topic {name} does not exist: correct GOLDSTREAM_SOURCES, or create the topic" for name in missing)
        raise TopicsError(tuple(faults))
