"""Every metric of Goldstream, declared in one place.

Names are `goldstream_<noun>_<unit>[_total]` in base units. Labels come from closed sets: names of topics, partitions,
segments, campaigns, stages and reasons, never a customer's id. `topic` is the full name of the Kafka topic
(`goldstream.purchases.v1`), as in the metrics of brokers; `stage` is `admit`, `segment` or `project`.

Counters are increased once per batch, by sums that the caller has anyway; nothing here is called per event. Gauges of a
partition belong to the worker that owns the partition: `forget_partition` removes them when it is revoked, or its
alerts would go on firing from the former owner. Nothing reads a metric back.
"""

from __future__ import annotations

import platform
from math import nan
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from state.records.reasons import DropReason, Fence, RejectionReason, enumerate_values
from streams.telemetry.histogram import BatchedHistogram

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

STAGES: Final = ("admit", "segment", "project")
OUTCOMES: Final = ("admitted", "anonymous", "rejected")
EVENT_TYPES: Final = ("purchase", "refund", "signup", "consent", "contact", "erasure", "referral")
HTTP_OUTCOMES: Final = ("accepted", "rejected", "unknown", "ignored", "spooled")
"""Of an event received over HTTP: published, refused, not acknowledged in time, not one of ours, stored until Kafka is
back."""
StallReason = Literal["current", "unread", "silent", "unheard"]

# From the broker's own round trip (about a millisecond) to a minute, where an alert has long since fired; fine steps
# around the promises: 15 ms and 50 ms from event to change, 1 s from tick to change.
SECONDS_BUCKETS: Final = (
    *(0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)
# A batch is one partition's share of a fetch: a single record when idle, thousands when behind.
RECORDS_BUCKETS: Final = (1, 4, 16, 64, 256, 1024, 4096, 16384)


class MetricDescription(NamedTuple):
    """What a metric is, for the README and for the tests of rules and panels."""

    name: str
    kind: Literal["counter", "gauge", "histogram", "info"]
    labels: tuple[str, ...]
    meaning: str


class Metrics:
    """All metrics of one process, registered in `registry`.

    Attributes have the names of the metrics without `goldstream_` and `_total`. Label values are given in the order in
    which `described` lists them: `metrics.records.labels("goldstream.purchases.v1", "admitted").inc(512)`.
    `on_restart` is called with the name of each stage that restarts.
    """

    def __init__(self, registry: CollectorRegistry, process: str | None = None) -> None:
        """Register every metric; counters with a closed set of reasons start at 0, so that a first one is an increase.

        Args:
            registry: where they are exposed.
            process: where several processes expose the metrics of one worker, the stage that this one runs, or
                `front`; `serve` for the HTTP server: metrics that another one counts are then not exposed, so that no
                sample appears twice.

        Raises:
            ValueError: the registry already has Goldstream's metrics.
        """
        self.registry: Final = registry
        self.on_restart: Callable[[str], None] | None = None
        self._process = process
        self.described: Final[list[MetricDescription]] = []
        self._declare_intake()
        self._declare_time()
        self._declare_segments()
        self._declare_work()
        self._declare_recovery()
        self._declare_health()
        self._declare_http()
        for rejection_reason in RejectionReason:
            self.rejected.labels(rejection_reason)
        for kind in EVENT_TYPES:
            self.duplicates.labels(kind)
        for reason in DropReason:
            self.dropped.labels(reason)
        for fence in Fence:
            self.fenced.labels(fence)

    def _declare_intake(self) -> None:
        self.records = self._counter(
            "goldstream_records_total",
            "Records read from the source topics, each counted once, by outcome: admitted, anonymous or rejected.",
            ("topic", "outcome"),
        )
        self.rejected = self._counter(
            "goldstream_rejected_total",
            f"Records rejected, by reason: {enumerate_values(RejectionReason)}.",
            ("reason",),
            of="admit",
        )
        self.journal_records = self._counter(
            "goldstream_journal_records_total",
            "Journal records applied, including ticks, policies and campaigns.",
            ("partition",),
        )
        self.duplicates = self._counter(
            "goldstream_duplicates_total",
            "Events without effect because the customer already had them, by event type.",
            ("type",),
            of="segment",
        )
        self.dropped = self._counter(
            "goldstream_dropped_total",
            f"Admitted events, or parts of one, that were not counted, by reason: {enumerate_values(DropReason)}.",
            ("reason",),
            of="segment",
        )
        self.fenced = self._counter(
            "goldstream_fenced_total",
            "Journal records skipped after a crash because they were applied before: "
            f"{' or '.join(f'{fence.meaning} ({fence})' for fence in Fence)}.",
            ("fence",),
            of="segment",
        )

    def _declare_time(self) -> None:
        self.ticks = self._counter(
            "goldstream_ticks_total",
            "Ticks written to the journal, each counted once, by the worker that owns `control`.",
            of="admit",
        )
        self.clock_time_seconds = self._gauge(
            "goldstream_clock_time_seconds",
            "Watermark of a journal partition, in seconds since 1970.",
            ("partition",),
        )
        self.clock_lag_seconds = self._gauge(
            "goldstream_clock_lag_seconds",
            "How far the watermark of a journal partition is behind the wall clock, lateness included; wall mode only.",
            ("partition",),
        )
        self.clock_held_by = self._gauge(
            "goldstream_clock_held_by",
            "1 for the source partition with the lowest watermark; from the worker that writes ticks. Reason: unread "
            "(it has records that are not journaled yet), silent (it has none, but its worker does not report that), "
            "unheard (no worker has ever reported it), or current (it is not behind: nothing is wrong).",
            ("topic", "partition", "reason"),
        )
        self.source_time_lag_seconds = self._gauge(
            "goldstream_source_time_lag_seconds",
            "How far the watermark of a source partition is behind the wall clock; wall mode only.",
            ("topic", "partition"),
        )

    def _declare_segments(self) -> None:
        self.segment_changes = self._counter(
            "goldstream_segment_changes_total",
            "Segment changes published, by segment before (none for the first), segment after and cause.",
            ("from_segment", "to_segment", "cause"),
        )
        self.customers = self._gauge(
            "goldstream_customers",
            "Customers in the partitions of this worker, by segment.",
            ("segment",),
        )
        self.messages = self._counter(
            "goldstream_messages_total",
            "Campaign messages, by outcome: sent, or the reason why it was suppressed.",
            ("campaign", "outcome"),
        )
        self.event_latency_seconds = self._latencies(
            "goldstream_event_latency_seconds",
            "Time from the publication of a source event to the acknowledgement of the changes that it caused.",
        )
        self.due_lag_seconds = self._latencies(
            "goldstream_due_lag_seconds",
            "Time from a tick to the acknowledgement of the changes that it made due.",
        )

    def _declare_work(self) -> None:
        self.consumer_lag = self._gauge(
            "goldstream_consumer_lag",
            "Records of a topic partition that its owner has not read yet.",
            ("topic", "partition"),
        )
        self.batch_records = self._histogram(
            "goldstream_batch_records",
            "Records per batch of a partition.",
            ("stage",),
            RECORDS_BUCKETS,
        )
        self.flush_seconds = self._histogram(
            "goldstream_flush_seconds",
            "Time from the first write of a batch to its last acknowledgement.",
            ("stage",),
            SECONDS_BUCKETS,
        )
        self.unflushed_records = self._gauge(
            "goldstream_unflushed_records",
            "Records fetched for a partition that a stage has not processed yet.",
            ("stage", "partition"),
        )
        self.awaited_records = self._gauge(
            "goldstream_awaited_records",
            "Records that a stage has sent and Kafka has not acknowledged yet, by target topic.",
            ("stage", "topic"),
        )
        self.awaited_seconds = self._gauge(
            "goldstream_awaited_seconds",
            "Age of the oldest unacknowledged record; 0 while there is none.",
            ("stage", "topic"),
        )
        self.delivery_failures = self._counter(
            "goldstream_delivery_failures_total",
            "Failed deliveries to Kafka, each of which restarts the stage.",
            ("stage",),
        )
        self.projected = self._counter(
            "goldstream_projected_total",
            "Customer states from the changelog that Redis reflects.",
            of="project",
        )

    def _declare_recovery(self) -> None:
        self.recovering = self._gauge(
            "goldstream_recovering",
            "Partitions that a stage is recovering now.",
            ("stage",),
        )
        self.recovery_seconds = self._gauge(
            "goldstream_recovery_seconds",
            "Duration of the last recovery of a partition's table, so far or in total.",
            ("partition",),
        )
        self.recovery_records = self._gauge(
            "goldstream_recovery_records",
            "Changelog records read by the last recovery of a partition.",
            ("partition",),
        )
        self.recovery_remaining_records = self._gauge(
            "goldstream_recovery_remaining_records",
            "Changelog records that a recovery has still to read; 0 when it is done.",
            ("partition",),
        )
        self.recovery_eta_seconds = self._gauge(
            "goldstream_recovery_eta_seconds",
            "Estimated time until a recovery is done, at its pace so far; 0 when it is done.",
            ("partition",),
        )

        self.standby_lag_records = self._gauge(
            "goldstream_standby_lag_records",
            "Changelog records by which the standby's table of a partition is behind; with a standby only.",
            ("partition",),
        )

    def _declare_health(self) -> None:
        self.stage_up = self._gauge(
            "goldstream_stage_up",
            "1 while a stage works, 0 while it starts, restarts after an error or is stopped.",
            ("stage",),
        )
        self.stage_restarts = self._counter(
            "goldstream_stage_restarts_total",
            "Restarts of a stage after an error.",
            ("stage",),
        )
        self.waiting_seconds = self._gauge(
            "goldstream_waiting_seconds",
            "How long a stage (or the worker, before its stages start) has waited for something that others must do; "
            "only while that is more than 10 s.",
            ("stage", "what"),
        )
        self.rebalances = self._counter(
            "goldstream_rebalances_total",
            "Rebalances of the consumer group of a stage that this worker took part in.",
            ("stage",),
        )
        self.assigned_partitions = self._gauge(
            "goldstream_assigned_partitions",
            "Partitions that a stage of this worker owns.",
            ("stage",),
        )
        self.redis_up = self._gauge(
            "goldstream_redis_up",
            "1 if the last write to Redis succeeded, 0 if it failed; NaN before the first and without Redis.",
            of="project",
        )
        self.redis_up.set(nan)
        self.build_info = self._info(
            "goldstream_build_info",
            "Versions of Goldstream and Python, and the active policy and campaigns.",
            ("version", "python", "policy", "campaigns"),
        )

    def _declare_http(self) -> None:
        self.http_requests = self._counter(
            "goldstream_http_requests_total",
            "Requests answered by `goldstream serve`, by the template of the route and the status.",
            ("route", "status"),
            of="serve",
        )
        self.http_seconds = self._histogram(
            "goldstream_http_seconds",
            "Time from a request's headers to the end of its response, by the template of the route.",
            ("route",),
            SECONDS_BUCKETS,
            of="serve",
        )
        self.http_events = self._counter(
            "goldstream_http_events_total",
            f"Events received over HTTP, by outcome: {', '.join(HTTP_OUTCOMES)}.",
            ("outcome",),
            of="serve",
        )
        self.http_pending_bytes = self._gauge(
            "goldstream_http_pending_bytes",
            "Bytes of events received over HTTP that Kafka has not acknowledged yet.",
            of="serve",
        )
        self.http_spool_bytes = self._gauge(
            "goldstream_http_spool_bytes",
            "Bytes stored by `serve --spool` that are not delivered yet.",
            of="serve",
        )
        self.http_spool_oldest_seconds = self._gauge(
            "goldstream_http_spool_oldest_seconds",
            "How long the oldest event stored by `serve --spool` has waited; 0 while there is none.",
            of="serve",
        )
        self.http_limited = self._counter(
            "goldstream_http_limited_total",
            "Requests refused because their token is over its rate.",
            of="serve",
        )
        for outcome in HTTP_OUTCOMES:
            self.http_events.labels(outcome)

    def add_stage(self, stage: str) -> None:
        """Start the counters of a stage at 0, and mark it as not up yet."""
        self.stage_up.labels(stage).set(0)
        self.recovering.labels(stage).set(0)
        self.assigned_partitions.labels(stage).set(0)
        for counter in (self.stage_restarts, self.rebalances, self.delivery_failures):
            counter.labels(stage)

    def count_restart(self, stage: str) -> None:
        """Count a restart of a stage after an error."""
        self.stage_restarts.labels(stage).inc()
        if self.on_restart is not None:
            self.on_restart(stage)

    def add_source(self, topic: str) -> None:
        """Start the outcomes of a source topic, given by its full name, at 0."""
        for outcome in OUTCOMES:
            self.records.labels(topic, outcome)

    def set_build(self, version: str, policy: str, campaigns: str) -> None:
        """Expose the version, and the active policy and campaigns as `name@version` (empty if there are none yet)."""
        self.build_info.info(
            {"version": version, "python": platform.python_version(), "policy": policy, "campaigns": campaigns}
        )

    def set_watermark_stall(self, topic: str, partition: int, reason: StallReason) -> None:
        """Expose which source partition has the lowest watermark, and why."""
        self.clock_held_by.clear()
        self.clock_held_by.labels(topic, str(partition), reason).set(1)

    def clear_watermark_stall(self) -> None:
        """Remove that gauge: no source partition is behind, or another worker knows which."""
        self.clock_held_by.clear()

    def set_customers(self, per_segment: dict[str, int]) -> None:
        """Set the customers of every segment; a segment that is not in `per_segment` is empty."""
        self.customers.clear()
        for segment, count in per_segment.items():
            self.customers.labels(segment).set(count)

    def forget_source(self, topic: str, partition: int) -> None:
        """Remove the gauges of a source partition that this worker no longer owns."""
        for gauge in (self.consumer_lag, self.source_time_lag_seconds):
            gauge.remove_by_labels({"topic": topic, "partition": str(partition)})

    def forget_partition(self, stage: str, topic: str, partition: int) -> None:
        """Remove the gauges of a journal or changelog partition that a stage of this worker no longer owns.

        Args:
            stage: its former owner.
            topic: the full name of the topic that the stage reads.
            partition: its number.
        """
        number = str(partition)
        self.consumer_lag.remove_by_labels({"topic": topic, "partition": number})
        self.unflushed_records.remove_by_labels({"stage": stage, "partition": number})
        if stage != "segment":
            return
        for gauge in (
            self.clock_time_seconds,
            self.clock_lag_seconds,
            self.recovery_seconds,
            self.recovery_records,
            self.recovery_remaining_records,
            self.recovery_eta_seconds,
        ):
            gauge.remove_by_labels({"partition": number})

    def _registry_of(self, stage: str | None) -> CollectorRegistry:
        """Return the registry for a metric that only this stage counts; for one of each stage, None."""
        is_exposed = self._process is None or stage in (None, self._process)
        return self.registry if is_exposed else CollectorRegistry()

    def _counter(self, name: str, meaning: str, labels: tuple[str, ...] = (), of: str | None = None) -> Counter:
        self.described.append(MetricDescription(name, "counter", labels, meaning))
        return Counter(name, meaning, labels, registry=self._registry_of(of))

    def _gauge(self, name: str, meaning: str, labels: tuple[str, ...] = (), of: str | None = None) -> Gauge:
        self.described.append(MetricDescription(name, "gauge", labels, meaning))
        return Gauge(name, meaning, labels, registry=self._registry_of(of))

    def _histogram(
        self, name: str, meaning: str, labels: tuple[str, ...], buckets: Sequence[float], of: str | None = None
    ) -> Histogram:
        self.described.append(MetricDescription(name, "histogram", labels, meaning))
        return Histogram(name, meaning, labels, registry=self._registry_of(of), buckets=buckets)

    def _latencies(self, name: str, meaning: str) -> BatchedHistogram:
        self.described.append(MetricDescription(name, "histogram", (), meaning))
        return BatchedHistogram(name, meaning, SECONDS_BUCKETS, self._registry_of("segment"))

    def _info(self, name: str, meaning: str, labels: tuple[str, ...]) -> Info:
        self.described.append(MetricDescription(name, "info", labels, meaning))
        own = "serve" if self._process == "serve" else "admit"  # each shows it; of a worker's processes, one
        return Info(name.removesuffix("_info"), meaning, registry=self._registry_of(own))


def worker_registry() -> CollectorRegistry:
    """Return a registry with the standard metrics of a process: `process_*`, `python_gc_*` and `python_info`.

    Creation times of counters are switched off for the whole process: in Prometheus' text format they are as many more
    series as there are counters, which nothing here reads.
    """
    disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus_client leaves it unannotated
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def describe_metrics() -> Iterable[MetricDescription]:
    """List every metric in the order of the data flow, for the README and the tests."""
    return tuple(Metrics(CollectorRegistry()).described)
