"""Why time does not go on: the source partition that holds it is behind, its reader is silent, or nobody reads it."""

import logging
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.clock import Clock
from streams.telemetry.log_throttle import LogThrottle
from streams.telemetry.metrics import WhyHeld
from streams.wire.watermarks import SourceWatermark

log = logging.getLogger(__name__)

SAY_SECONDS: Final = 30.0
BEHIND_SECONDS: Final = 30.0
"""A partition that is no further behind holds time in name only: somebody always has come least far."""


class WatermarkStall(NamedTuple):
    """Why a source partition holds time, and how many of its records are not journaled yet."""

    why: WhyHeld
    unread: int


async def diagnose_stall(
    consumer: AIOKafkaConsumer, partition: TopicPartition, report: SourceWatermark | None, now_ms: int | None
) -> WatermarkStall:
    """Look why this partition has come least far.

    Args:
        consumer: any, to ask for the partition's end.
        partition: of a source topic.
        report: the last that its reader told; None if nothing was ever told.
        now_ms: the wall clock's time; None in event mode.

    Raises:
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    if report is None:
        return WatermarkStall("unheard", 0)
    if now_ms is not None and report.time is not None and now_ms - report.time < BEHIND_SECONDS * 1000:
        return WatermarkStall("current", 0)
    end = (await consumer.end_offsets([partition]))[partition]
    unread = max(0, end - report.position)
    return WatermarkStall("unread" if unread else "silent", unread)


class StallLogger:
    """Says now and then in the log who holds time, while it is worth saying."""

    def __init__(self, clock: Clock) -> None:
        self._throttle = LogThrottle(clock, SAY_SECONDS)

    def say(self, source: str, held: WatermarkStall, behind_ms: int | None) -> None:
        """Tell of this source partition: at once if it is another one or for another reason, then every half minute."""
        if held.why == "current":
            self._throttle.reset()
            return
        if not self._throttle.should_log((source, held.why)):
            return
        behind = "" if behind_ms is None else f", {behind_ms / 1000:.0f} s behind the clock"
        words: dict[str, Any] = {
            "unheard": "nothing has been heard of it yet: does a worker with the stage admit have it?",
            "unread": f"{held.unread} of its records are not journaled yet",
            "silent": "it is read to its end, but its worker has not said so: look at that worker",
        }
        log.info("time waits for %s%s: %s", source, behind, words[held.why])
