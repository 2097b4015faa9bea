"""`goldstream advance`: ends a history by bringing every partition to a moment."""

import asyncio
import logging
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.clock import Clock
from streams.kafka.cluster import find_leaders, partitions_by_topic
from streams.kafka.control import ControlRecord, append_control
from streams.kafka.topics import Topics
from streams.settings.settings import Settings
from streams.tables.progress import PROGRESS_KEY, decode_progress
from streams.telemetry.log_throttle import LogThrottle

log = logging.getLogger(__name__)

POLL_MS: Final = 200
SAY_SECONDS: Final = 15.0


async def advance(settings: Settings, to_ms: int, timeout_s: float | None, clock: Clock) -> int:
    """Asks for the time `to_ms` and waits until every lane has applied it and its outputs are acknowledged.

    Returns:
        0 when that is so, 1 when it took longer than `timeout_s`.

    Raises:
        NoControlTopic: there are no topics yet.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    try:
        async with asyncio.timeout(timeout_s):
            await _advance(settings, to_ms, clock)
    except TimeoutError:
        log.error(  # noqa: TRY400 - the answer to a command, not a fault
            "advance: not every lane has come to the moment within %s s: does a worker run, and is it in event mode?",
            timeout_s,
        )
        return 1
    return 0


async def _advance(settings: Settings, to_ms: int, clock: Clock) -> None:
    topics = Topics(settings.prefix, settings.sources)
    consumer = AIOKafkaConsumer(**settings.kafka_client(), enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        counts = await partitions_by_topic(settings)
        sources = [
            TopicPartition(name, partition) for name in topics.sources for partition in range(counts.get(name, 0))
        ]
        await find_leaders(consumer, {tp.topic for tp in sources})
        ends = {
            f"{topics.short(tp.topic)}:{tp.partition}": end for tp, end in (await consumer.end_offsets(sources)).items()
        }
        number = await append_control(settings, ControlRecord("advance", to=to_ms, ends=ends))
        lanes = [TopicPartition(topics.progress, partition) for partition in range(counts.get(topics.progress, 0))]
        await _wait_for_lanes(consumer, lanes, number, clock)
    finally:
        await consumer.stop()


async def _wait_for_lanes(
    consumer: AIOKafkaConsumer, partitions: list[TopicPartition], number: int, clock: Clock
) -> None:
    """Reads the progress of the lanes until all have applied this advance."""
    consumer.assign(partitions)
    await consumer.seek_to_beginning(*partitions)
    behind = {tp.partition for tp in partitions}
    throttle = LogThrottle(clock, SAY_SECONDS)
    throttle.skip()
    while behind:
        for tp, batch in (await consumer.getmany(timeout_ms=POLL_MS)).items():
            if any(m.key == PROGRESS_KEY and decode_progress(m.value).advance_offset >= number for m in batch):
                behind.discard(tp.partition)
        if behind and throttle.should_log():
            log.info("advance: waits for partitions %s", ", ".join(map(str, sorted(behind))))
