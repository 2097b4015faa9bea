"""The metrics are those that are documented, and say nothing of what this worker no longer has."""

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
from tests.promtool import run_promtool

PROMISED: Final = {
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
    *("outcome", "reason", "type", "fence", "version", "python", "policy", "campaigns"),
}


def exposed(registry: CollectorRegistry) -> str:
    """What a scrape of this registry reads."""
    return generate_latest(registry).decode()


def samples(registry: CollectorRegistry, name: str) -> dict[tuple[str, ...], float]:
    """The values of a metric by the values of its labels, sorted by the labels' names."""
    return {
        tuple(sample.labels[label] for label in sorted(sample.labels)): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == name
    }


def test_every_promised_metric_is_there_with_its_labels() -> None:
    """Names and labels that users' dashboards rely on."""
    described = {metric.name: metric.labels for metric in describe_metrics()}

    assert {name: described[name] for name in PROMISED} == PROMISED


def test_names_and_labels_keep_to_the_rules() -> None:
    """Base units, counters end in _total, labels come from closed sets."""
    for metric in describe_metrics():
        assert re.fullmatch(r"goldstream(_[a-z]+)+", metric.name)
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert not re.search(r"_(ms|millis|minutes|hours|kb|mb)(_|$)", metric.name)
        assert set(metric.labels) <= ALLOWED_LABELS
        assert metric.meaning.endswith((".", "…"))


def test_attributes_are_named_as_their_metrics() -> None:
    """So that whoever reads a panel finds the line that counts."""
    metrics = Metrics(CollectorRegistry())

    for metric in metrics.described:
        name = metric.name.removeprefix("goldstream_").removesuffix("_total")
        assert hasattr(metrics, name), f"{metric.name} should be Metrics.{name}"


def test_every_metric_names_its_type_and_meaning_before_it_has_a_value() -> None:
    """A worker that has just started already says what it will count."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    text = exposed(registry)

    for metric in metrics.described:
        assert f"# HELP {metric.name} {metric.meaning}\n" in text
        assert f"# TYPE {metric.name} {'gauge' if metric.kind == 'info' else metric.kind}\n" in text


def test_a_closed_set_of_reasons_starts_at_zero() -> None:
    """A series that appears with its first value has no rise that an alert could see."""
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


def test_a_partition_that_is_given_up_leaves_no_gauge_behind() -> None:
    """Its alerts must not go on firing from a worker that no longer has it."""
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


def test_the_projection_gives_up_a_partition_without_touching_the_lane_of_the_same_number() -> None:
    """Stages have their partitions from different groups."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.clock_lag_seconds.labels("1").set(1)
    metrics.consumer_lag.labels("goldstream.customers.v1", "1").set(5)

    metrics.forget_partition("project", "goldstream.customers.v1", 1)

    assert samples(registry, "goldstream_clock_lag_seconds") == {("1",): 1}
    assert samples(registry, "goldstream_consumer_lag") == {}


def test_a_source_partition_that_is_given_up_leaves_no_gauge_behind() -> None:
    """Giving up one that was never seen is no fault."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.source_time_lag_seconds.labels("goldstream.events.v1", "0").set(3)
    metrics.consumer_lag.labels("goldstream.events.v1", "0").set(3)

    metrics.forget_source("goldstream.events.v1", 0)
    metrics.forget_source("goldstream.events.v1", 1)

    assert samples(registry, "goldstream_source_time_lag_seconds") == {}
    assert samples(registry, "goldstream_consumer_lag") == {}


def test_at_most_one_source_partition_holds_time_back() -> None:
    """The one that is named last."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.set_watermark_stall("goldstream.events.v1", 2, "unread")
    metrics.set_watermark_stall("goldstream.refunds.v1", 0, "silent")
    held = samples(registry, "goldstream_clock_held_by")
    metrics.clear_watermark_stall()

    assert held == {("0", "silent", "goldstream.refunds.v1"): 1}
    assert samples(registry, "goldstream_clock_held_by") == {}


def test_a_segment_without_customers_is_no_longer_shown() -> None:
    """A new policy may have dropped it."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.set_customers({"golden": 2, "churned": 40})
    metrics.set_customers({"golden": 3})

    assert samples(registry, "goldstream_customers") == {("golden",): 3}


def test_redis_is_neither_up_nor_down_before_it_is_tried() -> None:
    """`goldstream_redis_up == 0` must not fire for a worker that has no Redis."""
    registry = CollectorRegistry()
    Metrics(registry)

    assert math.isnan(samples(registry, "goldstream_redis_up")[()])


def test_a_new_policy_replaces_the_old_one_in_what_runs() -> None:
    """One series for each worker, or joins with it would be ambiguous."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.set_build("0.1.0", "", "")
    metrics.set_build("0.1.0", "retail-27@1", "retail@1")
    python = ".".join(str(part) for part in sys.version_info[:3])

    assert samples(registry, "goldstream_build_info") == {("retail@1", "retail-27@1", python, "0.1.0"): 1}


def test_two_workers_in_one_process_do_not_share_metrics() -> None:
    """Each has its registry; a second set in the same one is refused."""
    first, second = CollectorRegistry(), CollectorRegistry()
    Metrics(first).projected.inc(5)
    Metrics(second)

    assert samples(second, "goldstream_projected_total") == {(): 0}
    with pytest.raises(ValueError, match="Duplicated timeseries"):
        Metrics(first)


def test_the_process_speaks_of_itself_and_not_of_when_counters_were_made() -> None:
    """Memory, CPU and garbage collections, without a second series for each counter."""
    registry = worker_registry()
    Metrics(registry).add_stage("admit")
    text = exposed(registry)

    assert {"process_cpu_seconds_total", "process_resident_memory_bytes", "python_gc_collections_total"} <= {
        line.split("{")[0].split(" ")[0] for line in text.splitlines()
    }
    assert "_created" not in text


def test_promtool_finds_no_fault_with_what_a_worker_exposes() -> None:
    """`promtool check metrics` knows the conventions of names, units and help texts."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.add_stage("segment")
    metrics.set_build("0.1.0", "retail-27@1", "retail@1")
    metrics.set_customers({"golden": 1})
    metrics.event_latency_seconds.observe(0.012, 3)
    metrics.flush_seconds.labels("segment").observe(0.004)

    run_promtool("check", "metrics", text=exposed(registry))


@given(st.lists(st.tuples(st.floats(0, 120) | st.sampled_from(SECONDS_BUCKETS), st.integers(1, 5))))
def test_the_batched_histogram_says_what_the_library_s_would(observations: list[tuple[float, int]]) -> None:
    """The same observations, one by one in the library's, by the batch in ours: the same text but for rounding."""
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


def test_a_negative_length_counts_as_zero() -> None:
    """Two clocks that disagree can give one, and a sum must not fall."""
    registry = CollectorRegistry()
    BatchedHistogram("lag_seconds", "A lag.", SECONDS_BUCKETS, registry).observe(-0.5, 3)
    assert samples(registry, "lag_seconds_sum")[()] == 0
    assert samples(registry, "lag_seconds_count")[()] == 3
    assert min(samples(registry, "lag_seconds_bucket").values()) == 3


@pytest.mark.parametrize("buckets", [(), (1.0, 1.0), (2.0, 1.0)], ids=["none", "equal", "falling"])
def test_buckets_that_do_not_rise_are_refused(buckets: tuple[float, ...]) -> None:
    """The error says which histogram and which bounds."""
    with pytest.raises(ValueError, match="buckets of lag_seconds must rise: got"):
        BatchedHistogram("lag_seconds", "A lag.", buckets, CollectorRegistry())
