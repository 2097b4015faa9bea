"""The gauges of a worker, looked at once a second: nothing of this is counted while records are folded."""

from collections import Counter, defaultdict
from typing import Final

from agents.segment.segment_lane import SegmentLane
from agents.worker.recovery_watch import RecoveryWatch
from state.records.progress import NO_WATERMARK
from streams.clock import Clock
from streams.engine.in_flight import NOTHING, in_flight_by_topic
from streams.engine.stage import Stage
from streams.telemetry.metrics import Metrics

LOOK_SECONDS: Final = 1.0


class Gauges:
    """Keeps the gauges of customers, lag, time and recovery."""

    def __init__(self, metrics: Metrics, stages: list[Stage], wall: bool, clock: Clock) -> None:  # noqa: FBT001 - the time mode
        """Takes the stages to look at, and whether time is the wall clock's."""
        self._metrics = metrics
        self._stages = stages
        self._wall = wall
        self._clock = clock
        self._recovery_watch = RecoveryWatch(metrics, clock)
        self._written_to: dict[str, set[str]] = defaultdict(set)

    async def run(self) -> None:
        """Looks once a second until it is cancelled."""
        while True:
            for stage in self._stages:
                self._look_at(stage)
            await self._clock.sleep(LOOK_SECONDS)

    def _look_at(self, stage: Stage) -> None:
        metrics, name = self._metrics, stage.spec.name
        metrics.recovering.labels(name).set(stage.recovering())
        metrics.assigned_partitions.labels(name).set(len(stage.assigned))
        if name != "admit":  # of a source partition the lag says the same
            queued: Counter[int] = Counter()
            for tp, count in stage.queued().items():
                queued[tp.partition] += count  # `project` has customers and days of one number
            for number, count in queued.items():
                metrics.unflushed_records.labels(name, str(number)).set(count)
        for tp, lag in stage.lags().items():
            metrics.consumer_lag.labels(tp.topic, str(tp.partition)).set(lag)
        self._look_at_awaited(stage)
        if name == "segment":
            self._look_at_customers(stage)

    def _look_at_awaited(self, stage: Stage) -> None:
        """What is written and not acknowledged; a new producer in place of another has written to nothing yet."""
        found, name = in_flight_by_topic(stage), stage.spec.name
        self._written_to[name] |= found.keys()
        for topic in self._written_to[name]:
            records, seconds = found.get(topic, NOTHING)
            self._metrics.awaited_records.labels(name, topic).set(records)
            self._metrics.awaited_seconds.labels(name, topic).set(seconds)

    def _look_at_customers(self, stage: Stage) -> None:
        population: Counter[str] = Counter()
        for lane in stage.lanes().values():
            if isinstance(lane, SegmentLane):
                population.update(lane.partition.segment_counts)
                self._recovery_watch.look(lane.number, lane.recovery)
                self._look_at_time(lane)
        self._metrics.set_customers({segment: count for segment, count in population.items() if segment})

    def _look_at_time(self, lane: SegmentLane) -> None:
        moment = lane.partition.progress.watermark
        if moment == NO_WATERMARK:
            return
        self._metrics.clock_time_seconds.labels(str(lane.number)).set(moment / 1000)
        if self._wall:
            lag_ms = max(0, self._clock.wall_ms() - moment)
            self._metrics.clock_lag_seconds.labels(str(lane.number)).set(lag_ms / 1000)
