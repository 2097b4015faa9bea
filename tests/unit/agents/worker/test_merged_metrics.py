"""The metrics of the processes of a worker are those of one worker: each sample comes from one process."""

from itertools import combinations
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from agents.worker.processes.merged_metrics import PROCESS_PREFIXES, MergedMetrics
from streams.telemetry.metrics import STAGES, Metrics, describe_metrics, worker_registry
from tests.servers.promtool import run_promtool

PROCESSES: Final = (*STAGES, "front")


def _text(process: str | None) -> str:
    """Return what a process exposes that has just started its stage."""
    registry = worker_registry()
    metrics = Metrics(registry, process)
    if process in STAGES:
        metrics.add_stage(process)
    return generate_latest(registry).decode()


def _series(text: str) -> set[tuple[str, frozenset[tuple[str, str]]]]:
    return {
        (sample.name, frozenset(sample.labels.items()))
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _merged(**texts: str) -> str:
    registry = MergedMetrics()
    for process, text in texts.items():
        registry.add(process, text)
    return generate_latest(registry).decode()


def test_no_two_processes_expose_the_same_series_of_goldstream() -> None:
    series = {
        process: {each for each in _series(_text(process)) if each[0].startswith("goldstream_")}
        for process in PROCESSES
    }
    for one, other in combinations(PROCESSES, 2):
        assert series[one] & series[other] == set(), f"{one} and {other}"


def _is_of_serve(metric: str) -> bool:
    return metric.startswith("goldstream_http_")


def test_the_stages_together_expose_what_a_worker_in_one_process_does() -> None:
    whole = {each for each in _series(_text(None)) if each[0].startswith("goldstream_") and not _is_of_serve(each[0])}
    assert whole <= set().union(*(_series(_text(stage)) for stage in STAGES))


def test_every_family_is_described_once_and_promtool_accepts_it() -> None:
    text = _merged(**{process: _text(process) for process in PROCESSES})
    described = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")]
    assert len(described) == len(set(described))
    assert {each.name for each in describe_metrics() if not _is_of_serve(each.name)} <= set(described)
    run_promtool("check", "metrics", text=text)


def test_the_metrics_of_processes_are_told_apart_by_the_label_stage() -> None:
    text = _merged(admit="process_open_fds 7.0\n", front="# TYPE process_open_fds gauge\nprocess_open_fds 5.0\n")
    assert _series(text) == {
        ("process_open_fds", frozenset({("stage", "admit")})),
        ("process_open_fds", frozenset({("stage", "front")})),
    }
    merged = _series(_merged(**{process: _text(process) for process in PROCESSES}))
    processes = [labels for name, labels in merged if name.startswith(PROCESS_PREFIXES)]
    assert {dict(labels)["stage"] for labels in processes} == set(PROCESSES)


def test_merging_one_process_changes_nothing_else() -> None:
    """Values, escapes and the order of families survive."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.messages.labels('a "campaign"\n\\', "sent").inc(3)
    metrics.event_latency_seconds.observe(0.012, 3)
    text = generate_latest(registry).decode()
    assert _merged(segment=text) == text
