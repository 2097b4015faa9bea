"""What a worker reports to operators: watermark stalls, progress of a recovery, records in flight, and a shutdown."""

import asyncio
import logging
from collections import deque
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import TopicPartition
from faust.exceptions import NotReady
from faust.types import TP
from prometheus_client import CollectorRegistry

from agents.admit import watermark_stall
from agents.admit.watermark_stall import StallLogger, WatermarkStall
from agents.segment.recovery import RecoveryProgress
from agents.worker.stage.recovery_watch import RecoveryWatch
from agents.worker.stage.shutdown import LOG_SECONDS, log_shutdown
from streams.engine.in_flight import in_flight_by_topic
from streams.engine.stage import Stage
from streams.telemetry.metrics import Metrics
from streams.wire.watermarks import SourceWatermark
from tests.lanes.clock import ManualClock

SOURCE = TopicPartition("goldstream.events.v1", 3)
NOW_MS = 1_800_000_000_000


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


class EndOffsets:
    """A consumer that only returns end offsets."""

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        """Return 120 for each partition."""
        return dict.fromkeys(partitions, 120)


@pytest.mark.parametrize(
    ("report", "now_ms", "expected"),
    [
        (None, NOW_MS, WatermarkStall("unheard", 0)),
        (SourceWatermark(100, NOW_MS - 29_000), NOW_MS, WatermarkStall("current", 0)),
        (SourceWatermark(100, NOW_MS - 31_000), NOW_MS, WatermarkStall("unread", 20)),
        (SourceWatermark(120, NOW_MS - 31_000), NOW_MS, WatermarkStall("silent", 0)),
        (SourceWatermark(100, 5), None, WatermarkStall("unread", 20)),
        (SourceWatermark(0), NOW_MS, WatermarkStall("unread", 120)),
    ],
)
async def test_a_watermark_stall_is_diagnosed(
    report: SourceWatermark | None, now_ms: int | None, expected: WatermarkStall
) -> None:
    assert await watermark_stall.diagnose_stall(cast("Any", EndOffsets()), SOURCE, report, now_ms) == expected


def test_a_stall_is_logged_at_each_change_and_every_half_minute(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    stall_logger = StallLogger(clock)
    stall_logger.log("events:3", WatermarkStall("current", 0), 2_000)
    stall_logger.log("events:3", WatermarkStall("unread", 20), 95_000)
    stall_logger.log("events:3", WatermarkStall("unread", 19), 96_000)
    clock.now_s += 30
    stall_logger.log("events:3", WatermarkStall("unread", 7), 125_000)
    stall_logger.log("events:3", WatermarkStall("silent", 0), 126_000)
    stall_logger.log("events:0", WatermarkStall("unheard", 0), None)
    stall_logger.log("events:0", WatermarkStall("current", 0), 1_000)
    stall_logger.log("events:0", WatermarkStall("unheard", 0), None)

    messages = [record.getMessage() for record in caplog.records]
    assert [line.removeprefix("the watermark stalls at ").partition(": ")[0] for line in messages] == [
        "events:3, 95 s behind the clock",
        "events:3, 125 s behind the clock",
        "events:3, 126 s behind the clock",
        "events:0",
        "events:0",
    ]
    assert "20 of its records are not journaled yet" in messages[0]
    assert "its worker does not report that" in messages[2]


def test_a_recovery_estimates_its_end(clock: ManualClock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    metrics = Metrics(CollectorRegistry())
    watch = RecoveryWatch(metrics, clock)

    def look(read: int, remaining: int) -> float | None:
        watch.look(2, RecoveryProgress(read, remaining))
        return metrics.registry.get_sample_value("goldstream_recovery_eta_seconds", {"partition": "2"})

    assert look(0, 1000) == 0
    clock.now_s += 2
    assert look(200, 800) == 8
    clock.now_s += 4
    assert look(600, 400) == 4
    clock.now_s += 1
    assert look(0, 1000) == 4, "it has restarted, so its pace is unknown yet"
    clock.now_s += 1
    assert look(500, 500) == 1
    clock.now_s += 1
    assert look(1000, 0) == 0
    assert [record.getMessage() for record in caplog.records] == [
        "partition 2 recovers: 600 changelog records read in 6 s, up to 400 remaining, done in about 4 s"
    ]


def producer_with(*waiting: tuple[str, int, float], pending: tuple[tuple[str, int, float], ...] = ()) -> Any:
    """Return a producer with these batches: topic, number of records, time of creation."""

    def batch(topic: str, records: int, created_at_s: float) -> Any:
        return SimpleNamespace(tp=TopicPartition(topic, 0), record_count=records, _ctime=created_at_s)

    queues = {index: deque([batch(*each)]) for index, each in enumerate(waiting)}
    accumulator = SimpleNamespace(_batches=queues, _pending_batches=[batch(*each) for each in pending])
    numbers = {TopicPartition(topic, 0): 7 for topic in ("changes", "customers", "progress")}
    return SimpleNamespace(_message_accumulator=accumulator, _txn_manager=SimpleNamespace(_sequence_numbers=numbers))


class OpenStage:
    """The parts of a stage with two partitions that the reports read."""

    spec = SimpleNamespace(name="segment")

    def __init__(self, producer: Any) -> None:
        self.clock = SimpleNamespace(monotonic=lambda: 100.0)
        self._producer = producer
        self.assigned = {TP("journal", 1), TP("journal", 0)}

    @property
    def producer(self) -> Any:
        """Return the stage's producer, or raise the error that it was made with."""
        if isinstance(self._producer, Exception):
            raise self._producer
        return self._producer

    def queued(self) -> dict[TP, int]:
        """Return 30 queued records for each lane."""
        return dict.fromkeys(self.assigned, 30)


def stage(producer: Any) -> Stage:
    return cast("Stage", OpenStage(producer))


def test_queued_and_sent_records_are_in_flight() -> None:
    busy = producer_with(("changes", 5, 99.0), ("customers", 7, 98.0), pending=(("changes", 3, 97.5),))

    assert in_flight_by_topic(stage(busy)) == {"changes": (8, 2.5), "customers": (7, 2.0), "progress": (0, 0.0)}
    assert set(in_flight_by_topic(stage(producer_with())).values()) == {(0, 0.0)}
    assert in_flight_by_topic(stage(NotReady())) == {}


async def test_a_stop_logs_at_once_and_every_two_seconds(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    open_stage = OpenStage(producer_with(("changes", 5, 99.0)))
    stop, clock = asyncio.Event(), ManualClock()
    logging_task = asyncio.create_task(log_shutdown(stop, [cast("Stage", open_stage)], clock))

    async def lines_after(seconds: float) -> list[str]:
        clock.advance(seconds)
        for _ in range(3):
            await asyncio.sleep(0)
        return [record.getMessage() for record in caplog.records]

    assert await lines_after(10) == []
    stop.set()
    waiting = (
        "2 partitions of segment (60 queued records stay for the next owner; unacknowledged: 5 of changes for 1.0 s)"
    )
    assert await lines_after(0) == [f"stopping: {waiting}"]
    assert len(await lines_after(LOG_SECONDS - 0.1)) == 1
    assert (await lines_after(0.1))[1:] == [f"stop waits for {waiting}"]
    open_stage.assigned = set()
    assert (await lines_after(LOG_SECONDS))[2:] == ["stop waits for the consumer groups to be left"]
    logging_task.cancel()
