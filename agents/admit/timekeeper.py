"""Event time: every worker reports how far its source partitions are; the owner of `control` writes the ticks."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from agents.admit.admit_lane import AdmitLane, AdmitStage
from agents.admit.watermark_stall import StallLogger, diagnose_stall
from streams.engine.stage import Stage
from streams.kafka.broker import EndOffsets
from streams.kafka.watched_broker import WatchedBroker
from streams.kafka.writing.batch_writer import BatchWriter
from streams.wire.watermarks import SourceWatermark, encode_watermark, event_watermark, wall_watermark

log = logging.getLogger(__name__)

ROUND_SECONDS: Final = 0.75
"""Each round may tick, so there is a tick within a second."""
ROUND_TIMEOUT_SECONDS: Final = 20.0
METADATA_SECONDS: Final = 30.0


class Timekeeper:
    """Reports the watermarks of source partitions and, where this worker owns `control`, appends ticks to the journal.

    In wall mode the watermark of a partition is the wall time at which its end offset was asked for, once everything
    below that offset is journaled. In event mode it is the greatest `occurred_at` read, and the wall clock is not used.
    """

    def __init__(self, spec: AdmitStage, stage: Stage) -> None:
        """Take the stage `admit`, whose lanes know how far they are."""
        self._spec = spec
        self._stage = stage
        self._waiter = stage.waits.waiter()
        self._broker = WatchedBroker(spec.broker, self._waiter)
        self._clock = spec.clock
        self._pending_ends: dict[TopicPartition, tuple[int, int]] = {}  # wall mode: when asked, and the end offset
        self._reported: dict[str, SourceWatermark] = {}
        self._last_positions: dict[TopicPartition, int] = {}
        self._last_tick: int | None = None
        self._stall_logger = StallLogger(spec.clock)
        self._known_sources: set[str] = set()
        self._sources_asked_at = -METADATA_SECONDS

    async def run(self) -> None:
        """Keep time until cancelled.

        Raises:
            aiokafka.errors.KafkaError: the cluster cannot be reached.
            TimeoutError: a round took longer than 20 seconds.
        """
        try:
            async with self._broker.connect_for_ends() as offsets:
                while True:
                    # what was given to the producer of a stage that has restarted since is never acknowledged
                    async with asyncio.timeout(ROUND_TIMEOUT_SECONDS):
                        await self.run_round(offsets)
                    await self._clock.sleep(ROUND_SECONDS)
        finally:
            self._spec.metrics.clear_watermark_stall()  # only who writes ticks knows where the watermark stalls

    async def run_round(self, offsets: EndOffsets) -> None:
        """Report once, and tick if this worker owns `control` and the watermark has risen."""
        await self._report(offsets)
        await self._tick(offsets)

    def _lanes(self) -> dict[TopicPartition, AdmitLane]:
        lanes = self._stage.lanes().items()
        return {
            TopicPartition(tp.topic, tp.partition): lane
            for tp, lane in lanes
            if isinstance(lane, AdmitLane) and lane.position >= 0
        }

    async def _report(self, offsets: EndOffsets) -> None:
        """Publish the watermarks of this worker's partitions that have moved since the last report."""
        lanes = self._lanes()
        if not lanes:
            return
        is_wall = self._spec.settings.time == "wall"
        now_ms = self._clock.wall_ms() if is_wall else 0
        ends = await offsets.end_offsets(lanes)
        await self._pass_markers(lanes, ends)
        writer, new = BatchWriter(self._stage.producer, self._waiter), {}
        for tp, lane in lanes.items():
            report = self._wall_report(tp, lane, now_ms, ends[tp]) if is_wall else self._event_report(lane, ends[tp])
            source = f"{self._spec.names.short(tp.topic)}:{tp.partition}"
            if report is not None and report != self._reported.get(source):
                new[source] = report
                writer.add(self._spec.names.source_times, 0, source.encode(), encode_watermark(report))
            last = new.get(source, self._reported.get(source))
            if is_wall and last is not None and last.time is not None:
                behind_s = max(0.0, (now_ms - last.time) / 1000)
                self._spec.metrics.source_time_lag_seconds.labels(tp.topic, str(tp.partition)).set(behind_s)
        try:
            await writer.flush()
        except KafkaError as error:  # after a failed delivery the stage's producer accepts nothing more
            self._stage.fail(error)
            raise
        self._reported |= new

    async def _pass_markers(
        self, lanes: Mapping[TopicPartition, AdmitLane], ends: Mapping[TopicPartition, int]
    ) -> None:
        """Move a lane that stands before the end to the end, if only transaction markers lie between."""
        queued = {(tp.topic, tp.partition): count for tp, count in self._stage.queued().items()}
        before, self._last_positions = self._last_positions, {tp: lane.position for tp, lane in lanes.items()}
        for tp, lane in lanes.items():
            position, end = lane.position, ends[tp]
            if position >= end or queued.get(tuple(tp)) or before.get(tp) != position:
                continue
            async for _ in self._broker.read(tp.topic, tp.partition, position, end):
                break
            else:
                lane.position = max(lane.position, end)

    def _wall_report(self, tp: TopicPartition, lane: AdmitLane, now_ms: int, end: int) -> SourceWatermark | None:
        pending = self._pending_ends.get(tp)
        if lane.position >= end:  # everything is journaled: the newest end offset counts at once
            pending = (now_ms, end)
        elif pending is None:
            self._pending_ends[tp] = (now_ms, end)
            return None
        if lane.position < pending[1]:
            return None
        self._pending_ends.pop(tp, None)
        return SourceWatermark(lane.position, pending[0])

    def _event_report(self, lane: AdmitLane, end: int) -> SourceWatermark:
        position = lane.position
        return SourceWatermark(position, lane.max_occurred_at, position >= end)

    async def _tick(self, offsets: EndOffsets) -> None:
        """Where this worker owns `control`: tick when the lowest watermark of all source partitions has risen."""
        control = self._spec.control
        if control is None or not control.active:
            self._spec.metrics.clear_watermark_stall()
            return
        sources = await self._sources()
        settings = self._spec.settings
        if settings.time == "wall":
            watermark, slowest = wall_watermark(self._newest_reports(), sources, settings.lateness_ms)
        else:
            reports = self._spec.follower.source_watermarks
            watermark, slowest = event_watermark(reports, sources, settings.lateness_ms)
        await self._expose_stall(offsets, slowest)
        if watermark is not None and (self._last_tick is None or watermark > self._last_tick):
            await control.tick(watermark)
            self._last_tick = watermark
            self._spec.metrics.ticks.inc()

    def _newest_reports(self) -> Mapping[str, SourceWatermark]:
        """Return the reports of all workers, in wall mode; one's own count before they are read back."""
        reports = dict(self._spec.follower.source_watermarks)
        for source, own in self._reported.items():
            read = reports.get(source)
            if read is None or (read.time or 0) < (own.time or 0):
                reports[source] = own
        return reports

    async def _sources(self) -> set[str]:
        """Return every partition of every source topic (`events:3`), looked up again every half minute."""
        if self._clock.monotonic() - self._sources_asked_at > METADATA_SECONDS:
            counts = await self._broker.partitions_by_topic()
            names = self._spec.names
            self._known_sources = {
                f"{names.short(topic)}:{number}" for topic in names.sources for number in range(counts.get(topic, 1))
            }
            self._sources_asked_at = self._clock.monotonic()
        return self._known_sources

    async def _expose_stall(self, offsets: EndOffsets, slowest: str | None) -> None:
        """Set the gauge of the partition that is the furthest behind and why, and log it where it matters."""
        spec = self._spec
        if slowest is None:
            spec.metrics.clear_watermark_stall()
            return
        short, _, partition = slowest.rpartition(":")
        tp = TopicPartition(spec.names.full(short), int(partition))
        report = spec.follower.source_watermarks.get(slowest)
        now_ms = self._clock.wall_ms() if spec.settings.time == "wall" else None
        stall = await diagnose_stall(offsets, tp, report, now_ms)
        spec.metrics.set_watermark_stall(tp.topic, tp.partition, stall.reason)
        behind_ms = (
            now_ms - report.time if now_ms is not None and report is not None and report.time is not None else None
        )
        self._stall_logger.log(slowest, stall, behind_ms)
