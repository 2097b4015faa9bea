"""Time: each worker reports how far its source partitions have come; the one that has `control` writes the ticks."""

import asyncio
import logging
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from agents.admit.admit_lane import AdmitLane, AdmitStage
from agents.admit.watermark_stall import StallLogger, diagnose_stall
from streams.engine.stage import Stage
from streams.kafka.batch_writer import BatchWriter
from streams.kafka.cluster import find_leaders, partitions_by_topic
from streams.kafka.reader import read_range
from streams.wire.watermarks import SourceWatermark, encode_watermark, event_watermark, wall_watermark

log = logging.getLogger(__name__)

REPORT_SECONDS: Final = 0.4
"""A tick comes at every round, or at every other one where a report is read back only after it: within a second."""
ROUND_SECONDS: Final = 20.0
METADATA_SECONDS: Final = 30.0


class Timekeeper:
    """Reports source times and, where this worker has `control`, brings time to the journal.

    In wall mode a partition has come to the wall time at which its end offset was asked for once everything below that
    offset is journaled. In event mode it has come to the greatest `occurred_at` read, and the wall clock is not read.
    """

    def __init__(self, spec: AdmitStage, stage: Stage, kafka: dict[str, Any]) -> None:
        """Takes the admit stage, whose lanes know how far they are."""
        self._spec = spec
        self._stage = stage
        self._kafka = kafka
        self._asked: dict[TopicPartition, tuple[int, int]] = {}
        self._reported: dict[str, SourceWatermark] = {}
        self._stood: dict[TopicPartition, int] = {}
        self._ticked: int | None = None
        self._clock = spec.clock
        self._herald = StallLogger(spec.clock)
        self._known_sources: set[str] = set()
        self._sources_asked_at = -METADATA_SECONDS

    async def run(self) -> None:
        """Keeps time until it is cancelled.

        Raises:
            aiokafka.errors.KafkaError: the cluster cannot be reached.
            TimeoutError: a round did not come to its end.
        """
        consumer = AIOKafkaConsumer(**self._kafka, enable_auto_commit=False, isolation_level="read_committed")
        try:
            await consumer.start()
            while True:
                # what was given to the producer of a stage that has started anew since is never acknowledged
                async with asyncio.timeout(ROUND_SECONDS):
                    await self._report(consumer)
                    await self._tick(consumer)
                await self._clock.sleep(REPORT_SECONDS)
        finally:
            self._spec.metrics.release_clock()  # who writes no ticks does not know who holds time
            await consumer.stop()

    def _lanes(self) -> dict[TopicPartition, AdmitLane]:
        lanes = self._stage.lanes().items()
        return {
            TopicPartition(tp.topic, tp.partition): lane
            for tp, lane in lanes
            if isinstance(lane, AdmitLane) and lane.position >= 0
        }

    async def _report(self, consumer: AIOKafkaConsumer) -> None:
        """Tells how far the partitions of this worker have come, where it is further than last told."""
        lanes = self._lanes()
        if not lanes:
            return
        wall = self._spec.settings.time == "wall"
        now = self._clock.wall_ms() if wall else 0
        await find_leaders(consumer, {tp.topic for tp in lanes})
        ends = await consumer.end_offsets(list(lanes))
        await self._pass_markers(lanes, ends)
        outbox, new = BatchWriter(self._stage.producer), {}
        for tp, lane in lanes.items():
            report = self._wall_report(tp, lane, now, ends[tp]) if wall else self._event_report(lane, ends[tp])
            source = f"{self._spec.names.short(tp.topic)}:{tp.partition}"
            if report is not None and report != self._reported.get(source):
                new[source] = report
                outbox.add(self._spec.names.source_times, 0, source.encode(), encode_watermark(report))
            told = new.get(source, self._reported.get(source))
            if wall and told is not None and told.time is not None:
                behind = max(0.0, (now - told.time) / 1000)
                self._spec.metrics.source_time_lag_seconds.labels(tp.topic, str(tp.partition)).set(behind)
        try:
            await outbox.flush()
        except KafkaError as error:  # the stage's producer takes nothing more after what it could not deliver
            self._stage.fail(error)
            raise
        self._reported |= new

    async def _pass_markers(self, lanes: dict[TopicPartition, AdmitLane], ends: dict[TopicPartition, int]) -> None:
        """Takes a lane that stands before the end to the end if nothing but marks of transactions lies between."""
        queued = {(tp.topic, tp.partition): count for tp, count in self._stage.queued().items()}
        stood, self._stood = self._stood, {tp: lane.position for tp, lane in lanes.items()}
        for tp, lane in lanes.items():
            position, end = lane.position, ends[tp]
            if position >= end or queued.get(tuple(tp)) or stood.get(tp) != position:
                continue
            async for _ in read_range(self._kafka, tp.topic, tp.partition, position, end):
                break
            else:
                lane.position = max(lane.position, end)

    def _wall_report(self, tp: TopicPartition, lane: AdmitLane, now: int, end: int) -> SourceWatermark | None:
        asked = self._asked.get(tp)
        if lane.position >= end:  # the newest question is answered at once
            asked = (now, end)
        elif asked is None:
            self._asked[tp] = (now, end)
            return None
        if lane.position < asked[1]:
            return None
        self._asked.pop(tp, None)
        return SourceWatermark(lane.position, asked[0])

    def _event_report(self, lane: AdmitLane, end: int) -> SourceWatermark:
        position = lane.position
        return SourceWatermark(position, lane.greatest, position >= end)

    async def _tick(self, consumer: AIOKafkaConsumer) -> None:
        """Where this worker has `control`: time comes to the least of all source partitions."""
        control = self._spec.control
        if control is None or not control.active:
            self._spec.metrics.release_clock()
            return
        sources = await self._sources()
        settings = self._spec.settings
        tell = wall_watermark if settings.time == "wall" else event_watermark
        reports = self._spec.follower.source_watermarks
        moment, holder = tell(reports, sources, settings.lateness_ms)
        await self._tell_who_holds(consumer, holder)
        if moment is not None and (self._ticked is None or moment > self._ticked):
            await control.tick(moment)
            self._ticked = moment
            self._spec.metrics.ticks.inc()

    async def _sources(self) -> set[str]:
        """Every partition of every source topic there is; asked for again now and then, since topics may grow."""
        if self._clock.monotonic() - self._sources_asked_at > METADATA_SECONDS:
            counts = await partitions_by_topic(self._spec.settings)
            names = self._spec.names
            self._known_sources = {
                f"{names.short(topic)}:{number}" for topic in names.sources for number in range(counts.get(topic, 1))
            }
            self._sources_asked_at = self._clock.monotonic()
        return self._known_sources

    async def _tell_who_holds(self, consumer: AIOKafkaConsumer, holder: str | None) -> None:
        """Tells operators which partition holds time and why, and logs it while that is worth a line."""
        spec = self._spec
        if holder is None:
            spec.metrics.release_clock()
            return
        short, _, partition = holder.rpartition(":")
        tp = TopicPartition(spec.names.full(short), int(partition))
        report = spec.follower.source_watermarks.get(holder)
        now = self._clock.wall_ms() if spec.settings.time == "wall" else None
        held = await diagnose_stall(consumer, tp, report, now)
        spec.metrics.hold_clock(tp.topic, tp.partition, held.why)
        behind = now - report.time if now is not None and report is not None and report.time is not None else None
        self._herald.say(holder, held, behind)
