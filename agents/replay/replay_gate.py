"""Keep workers from starting under a prefix into which a replay is still being written."""

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

RECHECK_SECONDS: Final = 2.0


async def wait_for_replay_end(settings: Settings, stop: asyncio.Event) -> str | None:
    """Wait while a replay into this prefix is running: until it is done, nothing else may read or write its journal.

    Returns:
        The prefix that `ce_source` names; None if the worker is stopped first.

    Raises:
        TopicsError: the settings name source topics that do not exist.
    """
    logged = ""
    while not stop.is_set():
        try:
            await _check_sources(settings)
            replay = replay_of(await read_control(settings))
        except (KafkaError, OSError) as error:
            reason = f"waiting for Kafka at {settings.kafka}: {describe_error(error)}"
        else:
            if replay is None or replay.done:
                if replay is not None and replay.of not in settings.sources:
                    log.info(
                        "%s is a replay of %s and does not read its source topics; GOLDSTREAM_SOURCES=%s lets it",
                        settings.prefix, replay.of, replay.of,
                    )  # fmt: skip
                return settings.prefix if replay is None else replay.source
            reason = (
                f"waiting until the replay of {replay.of} into {settings.prefix} has ended; if it was interrupted, "
                "repeat it"
            )
        if reason != logged:
            logged = reason
            log.warning("%s", reason)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), RECHECK_SECONDS)
    return None


async def _check_sources(settings: Settings) -> None:
    """Check that the source topics of other prefixes exist: Kafka does not report a subscription to a missing topic."""
    if not settings.sources:
        return
    existing = await partitions_by_topic(settings)
    missing = [name for name in Topics(settings.prefix, settings.sources).sources if name not in existing]
    if missing:
        errors = (f"topic {name} does not exist: correct GOLDSTREAM_SOURCES, or create the topic" for name in missing)
        raise TopicsError(tuple(errors))
