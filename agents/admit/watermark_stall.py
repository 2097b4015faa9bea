"""Why the watermark stalls: the source partition that is furthest behind is unread, silent, or was never read."""

import logging
from typing import Final, NamedTuple

from aiokafka import TopicPartition

from streams.clock import Clock
from streams.kafka.broker import EndOffsets
from streams.telemetry.log_throttle import LogThrottle
from streams.telemetry.metrics import StallReason
from streams.wire.watermarks import SourceWatermark

log = logging.getLogger(__name__)

LOG_SECONDS: Final = 30.0
BEHIND_SECONDS: Final = 30.0
"""Some partition is always the furthest behind; one that is no further behind than this stalls nothing."""


class WatermarkStall(NamedTuple):
    """Why a source partition holds the watermark, and how many of its records are not journaled yet."""

    reason: StallReason
    unread: int


async def diagnose_stall(
    offsets: EndOffsets, partition: TopicPartition, report: SourceWatermark | None, now_ms: int | None
) -> WatermarkStall:
    """Return why this partition is the furthest behind.

    Args:
        offsets: where to ask for the partition's end.
        partition: of a source topic.
        report: the last of its reader; None if there was never one.
        now_ms: the wall time; None in event mode.

    Raises:
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    if report is None:
        return WatermarkStall("unheard", 0)
    if now_ms is not None and report.time is not None and now_ms - report.time < BEHIND_SECONDS * 1000:
        return WatermarkStall("current", 0)
    end = (await offsets.end_offsets([partition]))[partition]
    unread = max(0, end - report.position)
    return WatermarkStall("unread" if unread else "silent", unread)


def explain_stall(source: str, stall: WatermarkStall) -> str:
    """Return in words why a source partition (`events:3`) is the furthest behind."""
    explanations: dict[StallReason, str] = {
        "unheard": f"no worker has ever reported {source}",
        "unread": f"{stall.unread:,} records of {source} are not journaled yet",
        "silent": f"{source} is read to its end, but its worker does not report that",
        "current": "no worker writes ticks, or the stage segment is behind",
    }
    return explanations[stall.reason]


class StallLogger:
    """Logs which source partition stalls the watermark: at each change, then every half minute."""

    def __init__(self, clock: Clock) -> None:
        self._throttle = LogThrottle(clock, LOG_SECONDS)

    def log(self, source: str, stall: WatermarkStall, behind_ms: int | None) -> None:
        """Log the partition (`events:3`), the reason and how far it is behind the clock, where that is known."""
        if stall.reason == "current":
            self._throttle.reset()
            return
        if not self._throttle.should_log((source, stall.reason)):
            return
        behind = "" if behind_ms is None else f", {behind_ms / 1000:.0f} s behind the clock"
        explanations: dict[StallReason, str] = {
            "unheard": "no worker has ever reported it; does a worker with the stage admit own it?",
            "unread": f"{stall.unread} of its records are not journaled yet; lapses wait for them, as in an import",
            "silent": "it is read to its end, but its worker does not report that; look at that worker",
        }
        log.info("the watermark stalls at %s%s: %s", source, behind, explanations[stall.reason])
