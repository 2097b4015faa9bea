"""The benchmark's report: ratios, medians, JSON, exit status."""

import json
import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from bench import __main__ as command
from bench import console_output
from bench.figures import Figure
from bench.measurement import Job, Measurement
from bench.testbed import peer_runner, workers
from bench.testbed.broker import BenchFailed
from bench.throughput.comparison import ComparisonResult
from bench.throughput.comparison_report import medians_by_program, ratios, report_as_json


def run(program: str, job: Job, events: int, seconds: float, **fields: Any) -> Measurement:
    return Measurement(program, job, events, seconds, **fields)


def test_the_ratio_is_that_of_the_median_rates() -> None:
    runs = [
        *(run("goldstream", "whole", 1000, seconds) for seconds in (1.0, 2.0, 10.0)),
        *(run("faust", "whole", 100, seconds) for seconds in (1.0, 4.0, 2.0)),
    ]
    assert ratios(medians_by_program(runs)) == {"goldstream / faust, whole path": 10.0}


def test_ratios_are_in_a_fixed_order() -> None:
    runs = [
        run("aiokafka", "read", 3000, 1),
        run("faust", "segment", 30, 1),
        run("goldstream", "segment", 1000, 1),
        run("kafka-streams", "whole", 164, 1),
        run("faust", "whole", 10, 1),
        run("goldstream", "whole", 123, 1),
    ]
    assert list(ratios(medians_by_program(runs)).items()) == [
        ("goldstream / kafka-streams, the best of each, whole path", 0.75),
        ("goldstream / kafka-streams, one worker, one thread, whole path", 0.75),
        ("goldstream / faust, whole path", 12.3),
        ("goldstream / faust, segment stage", 33.3),
        ("goldstream / aiokafka reading, whole path", 0.041),
        ("goldstream / aiokafka reading, segment stage", 0.333),
    ]


def test_the_best_numbers_of_workers_and_threads_are_compared() -> None:
    runs = [
        run("goldstream", "segment", 100, 1),
        run("goldstream ×2", "segment", 180, 1),
        run("kafka-streams", "segment", 150, 1),
        run("kafka-streams ×2", "segment", 120, 1),
    ]
    assert ratios(medians_by_program(runs)) == {
        "goldstream / kafka-streams, the best of each, segment stage": 1.2,
        "goldstream / kafka-streams, one worker, one thread, segment stage": 0.667,
    }


def test_known_processor_time_has_a_ratio_too() -> None:
    runs = [run("goldstream", "whole", 1000, 1, cpu=0.02), run("faust", "whole", 100, 1, cpu=0.05)]
    assert ratios(medians_by_program(runs)) == {
        "goldstream / faust, whole path": 10.0,
        "faust / goldstream, whole path, CPU per event": 25.0,
    }


def test_processor_time_is_per_event_and_absent_if_unknown() -> None:
    (line,) = medians_by_program([run("goldstream", "whole", 1000, 1, cpu=0.02)])
    assert line.cpu_us == pytest.approx(20)
    assert line.broker_us is None


def test_a_program_agrees_only_if_it_agrees_in_every_round() -> None:
    runs = [run("faust", "segment", 10, 1), run("faust", "segment", 10, 1, faults=("c-1: change 1 is missing",))]
    (line,) = medians_by_program(runs)
    assert line.agrees is False


def test_a_program_that_publishes_nothing_neither_agrees_nor_differs() -> None:
    (line,) = medians_by_program([run("aiokafka", "read", 10, 1)])
    assert line.agrees is None


def test_the_ratios_are_first_in_the_json() -> None:
    figures = report_as_json([run("goldstream", "whole", 10, 1)], {"events": 10}, {"cores": 2}, 3)
    assert next(iter(figures)) == "ratios"
    assert figures["asked"] == {"events": 10, "customers_seen": 3}
    assert figures["runs"][0]["rate"] == 10


@pytest.mark.parametrize(
    ("faults", "failed", "status"),
    [
        pytest.param((), [], 0, id="slow but correct"),
        pytest.param(("c-1: change 1 is missing, must be {}",), [], 1, id="wrong changes"),
        pytest.param((), ["bench-quix-whole did not end within 320 s"], 1, id="a program without a result"),
    ],
)
def test_wrong_changes_fail_the_benchmark_and_slow_ones_do_not(
    faults: tuple[str, ...], failed: list[str], status: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    runs = [run("faust", "whole", 1000, 1e6), run("goldstream", "whole", 1000, 1e9, faults=faults)]
    outcome = ComparisonResult(runs, 3, {"bytewax": "has no wheel"}, failed)
    monkeypatch.setattr(command, "machine", lambda: {"cores": 2, "load_before": 0.0})
    monkeypatch.setattr(command, "measure", lambda *_: outcome)
    result = CliRunner().invoke(
        command.app, ["--events", "1000", "--rounds", "1", "--json", str(tmp_path / "out.json")]
    )
    assert result.exit_code == status, result.output
    figures = json.loads((tmp_path / "out.json").read_text())
    assert figures["ratios"] == {"goldstream / faust, whole path": 0.001}
    assert figures["missing"] == {"bytewax": "has no wheel"} | ({"failed": failed} if failed else {})


def test_an_unknown_peer_is_a_usage_error() -> None:
    result = CliRunner().invoke(command.app, ["--beside", "flink,faust"])
    assert result.exit_code == 2
    assert "--beside flink: valid values: kafka-streams, bytewax, quix, faust, aiokafka" in result.output


def test_a_peer_that_is_not_installed_is_skipped_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_runner, "_PYTHON", Path("/nowhere/python"))
    assert peer_runner.unavailable_peers(["quix", "faust"]) == {
        "quix": "quixstreams is not installed for this Python: run `make bench`, which installs it where possible"
    }


def test_a_compiled_build_that_is_older_than_its_sources_is_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(workers, "_ROOT", tmp_path)
    monkeypatch.setattr(workers, "_COMPILED", tmp_path / "compiled")
    assert workers.build_description() == "interpreted"
    source, made = tmp_path / "state" / "fold.py", tmp_path / "compiled" / ".made"
    for moment, file in enumerate((source, made), 1):
        file.parent.mkdir()
        file.touch()
        os.utime(file, (moment, moment))
    assert workers.build_description() == "compiled"
    os.utime(source, (3, 3))
    assert workers.build_description().startswith("compiled, OLDER THAN ITS SOURCES")


def test_dependencies_of_the_peers_are_locked_in_a_separate_file() -> None:
    root = Path(__file__).parents[3]
    entries = (root / "requirements-bench.lock").read_text().replace("\\\n", " ").splitlines()
    locked = {entry.partition("==")[0]: entry for entry in entries if not entry.startswith("#")}
    groups = tomllib.loads((root / "pyproject.toml").read_text())["dependency-groups"]
    assert {name.partition("=")[0].rstrip(">") for name in groups["bench"]} <= locked.keys()
    assert all("--hash=sha256:" in entry for entry in locked.values())
    assert "quixstreams" not in (root / "requirements-dev.lock").read_text()


def test_the_figures_of_one_measurement_are_shown_and_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console_output, "machine", lambda: {"cores": 2, "load_before": 3.0})
    figures = [Figure("recovered", 123456.7, "a second", "100,000"), Figure("memory", None, "MiB")]
    console_output.run_measurement("Recovery", lambda: figures, {"customers": 3}, tmp_path / "out.json")
    shown = capsys.readouterr().out
    assert "123,457" in shown
    assert "The machine was busy before" in shown
    written = json.loads((tmp_path / "out.json").read_text())
    assert written["figures"][0] == {"what": "recovered", "value": 123456.7, "unit": "a second", "aim": "100,000"}
    assert written["asked"] == {"customers": 3}


def test_a_failed_measurement_reports_the_reason_with_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails() -> list[Figure]:
        raise BenchFailed("goldstream worker: partitions [2] did not reach the expected record")

    monkeypatch.setattr(console_output, "machine", dict)
    with pytest.raises(typer.Exit) as caught:
        console_output.run_measurement("Recovery", fails, {}, None)
    assert caught.value.exit_code == 1
    assert "bench: goldstream worker: partitions [2]" in capsys.readouterr().err
