"""The metrics are the documented ones, and none is exposed for a partition that the worker has lost."""

import math
import re
import sys
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from state.records.reasons import DropReason, Fence, RejectionReason
from streams.telemetry.histogram import BatchedHistogram
from streams.telemetry.metrics import (
    EVENT_TYPES,
    SECONDS_BUCKETS,
    Metrics,
    describe_metrics,
    worker_registry,
)
from tests.servers.promtool import run_promtool

DOCUMENTED: Final = {
    "goldstream_records_total": ("topic", "outcome"),
    "goldstream_rejected_total": ("reason",),
    "goldstream_duplicates_total": ("type",),
    "goldstream_segment_changes_total": ("from_segment", "to_segment", "cause"),
    "goldstream_customers": ("segment",),
    "goldstream_clock_lag_seconds": ("partition",),
    "goldstream_event_latency_seconds": (),
    "goldstream_due_lag_seconds": (),
    "goldstream_consumer_lag": ("topic", "partition"),
    "goldstream_recovery_seconds": ("partition",),
    "goldstream_messages_total": ("campaign", "outcome"),
}
ALLOWED_LABELS: Final = {
    *("topic", "partition", "stage", "segment", "from_segment", "to_segment", "cause", "campaign"),
    *("route", "status", "outcome", "reason", "type", "fence", "version", "python", "policy", "campaigns", "what"),
}


def exposed(registry: CollectorRegistry) -> str:
    """Return the text of a scrape."""
    return generate_latest(registry).decode()


def samples(registry: CollectorRegistry, name: str) -> dict[tuple[str, ...], float]:
    """Return a metric's values by its label values, in the order of the label names."""
    return {
        tuple(sample.labels[label] for label in sorted(sample.labels)): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == name
    }


def test_every_documented_metric_exists_with_its_labels() -> None:
    """Names and labels that users' dashboards rely on."""
    described = {metric.name: metric.labels for metric in describe_metrics()}

    assert {name: described[name] for name in DOCUMENTED} == DOCUMENTED


def test_names_and_labels_follow_the_conventions() -> None:
    """Base units, `_total` for counters, and labels from closed sets."""
    for metric in describe_metrics():
        assert re.fullmatch(r"goldstream(_[a-z]+)+", metric.name)
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert not re.search(r"_(ms|millis|minutes|hours|kb|mb)(_|$)", metric.name)
        assert set(metric.labels) <= ALLOWED_LABELS
        assert metric.meaning.endswith((".", "…"))


def test_attributes_are_named_like_their_metrics() -> None:
    """A search for the name of a metric leads to the code that counts it."""
    metrics = Metrics(CollectorRegistry())

    for metric in metrics.described:
        name = metric.name.removeprefix("goldstream_").removesuffix("_total")
        assert hasattr(metrics, name), f"{metric.name} should be Metrics.{name}"


def test_type_and_help_are_exposed_before_the_first_value() -> None:
    """Even in a worker that has just started."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    text = exposed(registry)

    for metric in metrics.described:
        assert f"# HELP {metric.name} {metric.meaning}\n" in text
        assert f"# TYPE {metric.name} {'gauge' if metric.kind == 'info' else metric.kind}\n" in text


def test_a_closed_set_of_reasons_starts_at_zero() -> None:
    """A series that first appears with a value has no increase that an alert could detect."""
    registry = CollectorRegistry()
    Metrics(registry)

    assert samples(registry, "goldstream_rejected_total") == {(reason,): 0 for reason in RejectionReason}
    assert samples(registry, "goldstream_duplicates_total") == {(kind,): 0 for kind in EVENT_TYPES}
    assert samples(registry, "goldstream_dropped_total") == {(reason,): 0 for reason in DropReason}
    assert samples(registry, "goldstream_fenced_total") == {(fence,): 0 for fence in Fence}


def test_a_stage_and_a_source_start_at_zero_when_they_are_added() -> None:
    """A worker shows only the stages that it runs."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.add_stage("project")
    metrics.add_source("goldstream.events.v1")

    assert samples(registry, "goldstream_stage_up") == {("project",): 0}
    assert samples(registry, "goldstream_stage_restarts_total") == {("project",): 0}
    assert samples(registry, "goldstream_records_total") == {
        (outcome, "goldstream.events.v1"): 0 for outcome in ("admitted", "anonymous", "rejected")
    }


def test_a_revoked_partition_leaves_no_gauges() -> None:
    """Its alerts must not keep firing from a worker that no longer owns it."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    for partition in ("0", "1", "11"):
        metrics.clock_lag_seconds.labels(partition).set(90)
        metrics.recovery_remaining_records.labels(partition).set(7)
        metrics.consumer_lag.labels("goldstream.journal.v1", partition).set(5)
        metrics.unflushed_records.labels("segment", partition).set(3)
        metrics.unflushed_records.labels("project", partition).set(3)
        metrics.journal_records.labels(partition).inc(100)

    metrics.forget_partition("segment", "goldstream.journal.v1", 1)

    assert set(samples(registry, "goldstream_clock_lag_seconds")) == {("0",), ("11",)}
    assert set(samples(registry, "goldstream_recovery_remaining_records")) == {("0",), ("11",)}
    assert ("1", "goldstream.journal.v1") not in samples(registry, "goldstream_consumer_lag")
    assert ("1", "segment") not in samples(registry, "goldstream_unflushed_records")
    assert ("1", "project") in samples(registry, "goldstream_unflushed_records")
    assert ("1",) in samples(registry, "goldstream_journal_records_total"), "a counter must not fall"


def test_a_partition_revoked_from_one_stage_leaves_the_others_alone() -> None:
    """Each stage gets its partitions from its own consumer group."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.clock_lag_seconds.labels("1").set(1)
    metrics.consumer_lag.labels("goldstream.customers.v1", "1").set(5)

    metrics.forget_partition("project", "goldstream.customers.v1", 1)

    assert samples(registry, "goldstream_clock_lag_seconds") == {("1",): 1}
    assert samples(registry, "goldstream_consumer_lag") == {}


def test_a_revoked_source_partition_leaves_no_gauges() -> None:
    """Removing a partition that was never seen is not an error."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.source_time_lag_seconds.labels("goldstream.events.v1", "0").set(3)
    metrics.consumer_lag.labels("goldstream.events.v1", "0").set(3)

    metrics.forget_source("goldstream.events.v1", 0)
    metrics.forget_source("goldstream.events.v1", 1)

    assert samples(registry, "goldstream_source_time_lag_seconds") == {}
    assert samples(registry, "goldstream_consumer_lag") == {}


def test_at_most_one_source_partition_stalls_the_watermark() -> None:
    """The latest one that was set."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.set_watermark_stall("goldstream.events.v1", 2, "unread")
    metrics.set_watermark_stall("goldstream.refunds.v1", 0, "silent")
    stalled = samples(registry, "goldstream_clock_held_by")
    metrics.clear_watermark_stall()

    assert stalled == {("0", "silent", "goldstream.refunds.v1"): 1}
    assert samples(registry, "goldstream_clock_held_by") == {}


def test_a_segment_without_customers_is_not_exposed() -> None:
    """A new policy may have dropped it."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.set_customers({"golden": 2, "churned": 40})
    metrics.set_customers({"golden": 3})

    assert samples(registry, "goldstream_customers") == {("golden",): 3}


def test_redis_is_neither_up_nor_down_before_the_first_attempt() -> None:
    """`goldstream_redis_up == 0` must not fire for a worker that has no Redis."""
    registry = CollectorRegistry()
    Metrics(registry)

    assert math.isnan(samples(registry, "goldstream_redis_up")[()])


def test_the_build_info_has_only_the_latest_policy() -> None:
    """One series for each worker, or joins with it would be ambiguous."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.set_build("0.1.0", "", "")
    metrics.set_build("0.1.0", "retail-27@1", "retail@1")
    python = ".".join(str(part) for part in sys.version_info[:3])

    assert samples(registry, "goldstream_build_info") == {("retail@1", "retail-27@1", python, "0.1.0"): 1}


def test_two_workers_in_one_process_do_not_share_metrics() -> None:
    """Each has its own registry; a second set of metrics in one registry is refused."""
    first, second = CollectorRegistry(), CollectorRegistry()
    Metrics(first).projected.inc(5)
    Metrics(second)

    assert samples(second, "goldstream_projected_total") == {(): 0}
    with pytest.raises(ValueError, match="Duplicated timeseries"):
        Metrics(first)


def test_process_metrics_are_exposed_without_creation_times() -> None:
    """Memory, CPU and garbage collections, without a second series for each counter."""
    registry = worker_registry()
    Metrics(registry).add_stage("admit")
    text = exposed(registry)

    assert {"process_cpu_seconds_total", "process_resident_memory_bytes", "python_gc_collections_total"} <= {
        line.split("{")[0].split(" ")[0] for line in text.splitlines()
    }
    assert "_created" not in text


def test_promtool_accepts_the_metrics_of_a_worker() -> None:
    """`promtool check metrics` checks the conventions of names, units and help texts."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.add_stage("segment")
    metrics.set_build("0.1.0", "retail-27@1", "retail@1")
    metrics.set_customers({"golden": 1})
    metrics.event_latency_seconds.observe(0.012, 3)
    metrics.flush_seconds.labels("segment").observe(0.004)

    run_promtool("check", "metrics", text=exposed(registry))


@given(st.lists(st.tuples(st.floats(0, 120) | st.sampled_from(SECONDS_BUCKETS), st.integers(1, 5))))
def test_the_batched_histogram_equals_that_of_the_library(observations: list[tuple[float, int]]) -> None:
    """Batches of equal observations give the same values as single ones, except for rounding."""
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    batched = BatchedHistogram("lag_seconds", "A lag.", SECONDS_BUCKETS, ours)
    stock = Histogram("lag_seconds", "A lag.", registry=theirs, buckets=SECONDS_BUCKETS)
    for seconds, count in observations:
        batched.observe(seconds, count)
        for _ in range(count):
            stock.observe(seconds)

    for name in ("lag_seconds_bucket", "lag_seconds_count"):
        assert samples(ours, name) == samples(theirs, name)
    assert samples(ours, "lag_seconds_sum")[()] == pytest.approx(samples(theirs, "lag_seconds_sum")[()])


def test_a_negative_duration_counts_as_zero() -> None:
    """Clocks that disagree can produce one, and a sum must not decrease."""
    registry = CollectorRegistry()
    BatchedHistogram("lag_seconds", "A lag.", SECONDS_BUCKETS, registry).observe(-0.5, 3)
    assert samples(registry, "lag_seconds_sum")[()] == 0
    assert samples(registry, "lag_seconds_count")[()] == 3
    assert min(samples(registry, "lag_seconds_bucket").values()) == 3


@pytest.mark.parametrize("buckets", [(), (1.0, 1.0), (2.0, 1.0)], ids=["none", "equal", "falling"])
def test_buckets_that_do_not_rise_are_refused(buckets: tuple[float, ...]) -> None:
    """The error names the histogram and the buckets."""
    with pytest.raises(ValueError, match="buckets of lag_seconds must rise: got"):
        BatchedHistogram("lag_seconds", "A lag.", buckets, CollectorRegistry())
