"""The gauges of a worker, updated once a second from the state of its stages, so that no lane has to."""

from collections import Counter, defaultdict
from typing import Final

from agents.segment.segment_lane import SegmentLane
from agents.worker.stage.recovery_watch import RecoveryWatch
from state.records.progress import NO_WATERMARK
from streams.clock import Clock
from streams.engine.in_flight import NOTHING, in_flight_by_topic
from streams.engine.stage import Stage
from streams.telemetry.metrics import Metrics

UPDATE_SECONDS: Final = 1.0


class Gauges:
    """Updates the gauges of customers, lag, watermarks and recovery."""

    def __init__(self, metrics: Metrics, stages: list[Stage], is_wall: bool, clock: Clock) -> None:  # noqa: FBT001 - the time mode
        """Take the stages to look at, and whether the time mode is `wall`."""
        self._metrics = metrics
        self._stages = stages
        self._is_wall = is_wall
        self._clock = clock
        self._recovery_watch = RecoveryWatch(metrics, clock)
        self._topics_written: dict[str, set[str]] = defaultdict(set)

    async def run(self) -> None:
        """Update them once a second until cancelled."""
        while True:
            for stage in self._stages:
                self._update(stage)
            await self._clock.sleep(UPDATE_SECONDS)

    def _update(self, stage: Stage) -> None:
        metrics, name = self._metrics, stage.spec.name
        metrics.recovering.labels(name).set(stage.recovering())
        metrics.assigned_partitions.labels(name).set(len(stage.assigned))
        if name != "admit":  # for a source partition, the lag says the same
            queued: Counter[int] = Counter()
            for tp, count in stage.queued().items():
                queued[tp.partition] += (
                    count  # `project` has a partition of customers and one of days with the same number
                )
            for number, count in queued.items():
                metrics.unflushed_records.labels(name, str(number)).set(count)
        for tp, lag in stage.lags().items():
            metrics.consumer_lag.labels(tp.topic, str(tp.partition)).set(lag)
        self._update_in_flight(stage)
        if name == "segment":
            self._update_customers(stage)

    def _update_in_flight(self, stage: Stage) -> None:
        """Records that are not acknowledged; topics that only a former producer has written to are set to 0."""
        found, name = in_flight_by_topic(stage), stage.spec.name
        self._topics_written[name] |= found.keys()
        for topic in self._topics_written[name]:
            records, seconds = found.get(topic, NOTHING)
            self._metrics.awaited_records.labels(name, topic).set(records)
            self._metrics.awaited_seconds.labels(name, topic).set(seconds)

    def _update_customers(self, stage: Stage) -> None:
        counts: Counter[str] = Counter()
        for lane in stage.lanes().values():
            if isinstance(lane, SegmentLane):
                counts.update(lane.partition.segment_counts)
                self._recovery_watch.look(lane.number, lane.recovery)
                self._update_watermark(lane)
        self._metrics.set_customers({segment: count for segment, count in counts.items() if segment})

    def _update_watermark(self, lane: SegmentLane) -> None:
        watermark_ms = lane.partition.progress.watermark
        if watermark_ms == NO_WATERMARK:
            return
        self._metrics.clock_time_seconds.labels(str(lane.number)).set(watermark_ms / 1000)
        if self._is_wall:
            lag_ms = max(0, self._clock.wall_ms() - watermark_ms)
            self._metrics.clock_lag_seconds.labels(str(lane.number)).set(lag_ms / 1000)
