"""The fairness benchmark: its options and figures."""

import asyncio
import contextlib
import json
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from bench import __main__ as command
from bench import console_output, fairness
from bench.fairness import Burst
from bench.figures import Figure
from bench.steady.latency_report import Spread
from bench.steady.steady_plan import SteadyResult
from bench.testbed.purchase_publisher import purchase_value


def test_the_latencies_before_and_during_a_burst_are_shown_with_the_target() -> None:
    before, during = Spread(300, 5, 9, 9, 12), Spread(200, 300, 1500, 1700, 1800)
    burst = Burst("100 due", seconds=2.0, size=100, before=before, during=during, late_ms=1.5)
    figures = {figure.what: figure for figure in burst.figures()}
    assert figures["100 due: from begin to end"].value == 2
    assert figures["100 due: rate"].value == 50
    assert figures["100 due: live, before, p99"] == Figure("100 due: live, before, p99", 9, "ms")
    assert figures["100 due: live, during, p99"] == Figure("100 due: live, during, p99", 1500, "ms", "at most 2,000")
    assert figures["100 due: live, during, maximum"].value == 1800
    assert figures["100 due: live, during, changes"].value == 200


def test_a_burst_too_short_for_a_live_purchase_is_shown_without_latencies() -> None:
    burst = Burst("1 imported", seconds=0.1, size=1, before=None, during=None, late_ms=0)
    assert Figure("1 imported: live, during, changes", 0, "") in burst.figures()


def test_how_late_purchases_were_published_follows_from_begin_and_rate() -> None:
    result = SteadyResult(published_s=[10.0, 10.25, 10.5])
    assert result.late_s(10.1, 11.0, begin_s=10.0, rate=5) == pytest.approx([0.05, 0.1])


def test_imported_purchases_are_history() -> None:
    assert orjson.loads(purchase_value("c-1", 0, 1, backfill=True))["backfill"] is True
    assert "backfill" not in orjson.loads(purchase_value("c-1", 0, 1))


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ([], {"due": 100_000, "import": 200_000, "rate": 50, "before": 10.0}),
        (
            ["--due", "0", "--import", "1000000", "--rate", "20", "--before", "5"],
            {"due": 0, "import": 1_000_000, "rate": 20, "before": 5.0},
        ),
    ],
    ids=["defaults", "all options"],
)
def test_the_command_measures_what_its_options_say(
    arguments: list[str], asked: dict[str, float], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[tuple[object, ...]] = []

    async def measure(*options: object) -> list[Figure]:
        seen.append(options[1:-1])
        return []

    monkeypatch.setattr(console_output, "machine", lambda: {"cores": 2, "load_before": 0.0})
    monkeypatch.setattr(fairness, "peers_python", lambda _: "python")
    monkeypatch.setattr(fairness, "running_redis", lambda: contextlib.nullcontext("redis://unused"))
    monkeypatch.setattr(fairness, "run_on_testbed", lambda _, __, run: asyncio.run(run("testbed")))
    monkeypatch.setattr(fairness, "_measure", measure)
    out = tmp_path / "out.json"
    outcome = CliRunner().invoke(command.app, ["fairness", *arguments, "--json", str(out)])
    assert outcome.exit_code == 0, outcome.output
    assert seen == [tuple(asked.values())]
    assert json.loads(out.read_text())["asked"] == asked
