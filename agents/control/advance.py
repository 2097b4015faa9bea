"""Advance every partition to a given time: `goldstream advance`, which ends a history in event mode."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from aiokafka import TopicPartition

from agents.control.lane_progress import wait_for_lanes
from streams.clock import Clock
from streams.kafka.cluster import open_consumer, partitions_by_topic
from streams.kafka.control import ControlRecord, append_control
from streams.kafka.topics import Topics
from streams.settings.settings import Settings
from streams.telemetry.log_throttle import LogThrottle

log = logging.getLogger(__name__)

LOG_SECONDS: Final = 15.0


async def advance(
    settings: Settings,
    to_ms: int,
    timeout_s: float | None,
    clock: Clock,
    on_applied: Callable[[float], None] | None = None,
) -> int:
    """Request an advance, and wait until every lane has applied it and its outputs are acknowledged.

    Args:
        settings: of the prefix.
        to_ms: the time to advance to, in milliseconds.
        timeout_s: how long to wait; None: forever.
        clock: limits how often progress is logged.
        on_applied: called with the share of lanes that are there, from 0 to 1; None: what is missing is logged instead.

    Returns:
        The exit status: 0 when all lanes are there, 1 after the timeout.

    Raises:
        NoControlTopic: there are no topics yet.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    try:
        async with asyncio.timeout(timeout_s):
            await _advance(settings, to_ms, clock, on_applied)
    except TimeoutError:
        log.error(  # noqa: TRY400 - the answer to a command, where a traceback would not help
            "advance: not every lane has reached the time within %s s: is a worker running, and is it in event mode?",
            timeout_s,
        )
        return 1
    return 0


async def _advance(settings: Settings, to_ms: int, clock: Clock, on_applied: Callable[[float], None] | None) -> None:
    topics = Topics(settings.prefix, settings.sources)
    counts = await partitions_by_topic(settings)
    sources = [TopicPartition(name, number) for name in topics.sources for number in range(counts.get(name, 0))]
    names = {tp.topic for tp in sources}
    async with open_consumer(settings.kafka_client(), names, auto_offset_reset="earliest") as consumer:
        ends = {
            f"{topics.short(tp.topic)}:{tp.partition}": end for tp, end in (await consumer.end_offsets(sources)).items()
        }
        offset = await append_control(settings, ControlRecord("advance", to=to_ms, ends=ends))
        lanes = [TopicPartition(topics.progress, number) for number in range(counts.get(topics.progress, 0))]
        throttle = LogThrottle(clock, LOG_SECONDS)
        throttle.skip()

        def log_behind(partitions: Sequence[int]) -> None:
            if on_applied is not None:
                on_applied(1 - len(partitions) / len(lanes))
            elif throttle.should_log():
                log.info("advance: waiting for partitions %s", ", ".join(map(str, partitions)))

        await wait_for_lanes(consumer, lanes, lambda progress: progress.advance_offset >= offset, log_behind)
