"""The latency benchmark: its load, its arithmetic, its options and its report."""

import dataclasses
import json
from collections import Counter, defaultdict
from contextlib import nullcontext
from itertools import islice, pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from rich.console import Console
from typer.testing import CliRunner

from bench import __main__ as command
from bench.steady import latency
from bench.steady.latency import LatencyPlan, programs_for
from bench.steady.latency_programs import RunningProgram
from bench.steady.latency_report import LatencyRun, Spread, print_report, ratios, report_as_json
from bench.steady.redis_watch import RedisWatch
from bench.steady.steady_plan import SteadyResult
from bench.steady.steady_purchases import (
    VISITS,
    SteadyPurchase,
    event_id_marker,
    number_in,
    steady_purchases,
    value_of,
)
from state.intake.admission import AdmissionRules, Admitted, admit
from state.records.events import OrderPlaced
from streams.defaults import policy_text
from tests.oracle import Oracle
from tests.servers import Missing

RATE = 40
MOMENT = "2026-11-29T17:00:00.000+00:00"


def load(count: int, rate: float = RATE) -> list[SteadyPurchase]:
    return list(islice(steady_purchases("s", rate), count))


def spread(milliseconds: float) -> Spread:
    return Spread(10, milliseconds, 2 * milliseconds, 3 * milliseconds, 4 * milliseconds)


def run(program: str, rate: int, milliseconds: float, cpu: float | None = 20.0, **fields: object) -> LatencyRun:
    whole = LatencyRun(program, rate, spread(milliseconds), spread(1), None, 0.5, cpu, 30.0, 5.0)
    return dataclasses.replace(whole, **fields)  # type: ignore[arg-type]  # of a test's choice


# The load.


def test_half_of_the_purchases_change_the_segment_once_the_first_customers_return() -> None:
    later = load(10 * RATE)[4 * RATE :]
    for begin in range(0, len(later), VISITS):
        assert [each.is_changing for each in later[begin : begin + VISITS]] == [True, True, False, False]


def test_a_customer_makes_four_purchases_apart_from_those_cut_off_at_either_end() -> None:
    purchases = load(10 * RATE)
    visits = Counter(each.customer_id for each in purchases)
    assert Counter(visits.values())[VISITS] == 10 * RATE // VISITS - 3 * RATE // VISITS
    assert max(visits.values()) == VISITS
    by_customer: defaultdict[str, list[SteadyPurchase]] = defaultdict(list)
    for each in purchases:
        by_customer[each.customer_id].append(each)
    for own in by_customer.values():
        assert [each.visit for each in own] == list(range(1, len(own) + 1))
        gaps = [later.number - earlier.number for earlier, later in pairwise(own)]
        assert all(gap >= RATE for gap in gaps), "two purchases of a customer within a second"


@pytest.mark.parametrize("rate", [0.5, 1, 3, 50, 1000])
def test_the_purchases_that_change_a_segment_are_those_of_the_oracle(rate: float) -> None:
    purchases = load(400, rate)
    steps = [{"type": "policy", "text": policy_text()}]
    for each in purchases:
        occurred_at = f"2026-11-29T17:{each.number // 60:02d}:{each.number % 60:02d}.000Z"
        steps.append({"type": "purchase", **orjson.loads(value_of(each, "s", occurred_at))})
    outputs = [json.loads(orjson.dumps(each.value, default=str)) for each in Oracle().run(steps).outputs]
    changed = [number_in(orjson.dumps(value), event_id_marker("s")) for value in outputs if "seq" in value]
    assert sorted(number for number in changed if number is not None) == [
        each.number for each in purchases if each.is_changing
    ]


@pytest.mark.parametrize(("topic", "kind"), [("purchases", ""), ("events", "purchase")])
def test_every_purchase_is_admitted(topic: str, kind: str) -> None:
    (first,) = load(1)
    admitted = admit(topic, 0, 0, value_of(first, "s", MOMENT, kind), AdmissionRules("RUB", 2, {}), None)
    assert isinstance(admitted, Admitted)
    assert isinstance(admitted.event, OrderPlaced)
    assert (admitted.customer_id, admitted.event.amount) == (first.customer_id, 100_000)


def test_the_number_of_a_purchase_is_found_in_its_event_and_its_change() -> None:
    marker = event_id_marker("s0-1000")
    (first,) = load(1)
    assert number_in(value_of(first, "s0-1000", MOMENT), marker) == 0
    assert number_in(b'{"cause":{"kind":"purchase","event_id":"s0-1000-17"},"seq":1}', marker) == 17
    assert number_in(b'{"cause":{"kind":"purchase","event_id":"s0-100-17"},"seq":1}', marker) is None
    assert number_in(b'{"cause":{"kind":"time"},"seq":1}', marker) is None


def test_the_sampled_customers_of_redis_are_spread_over_all_visits() -> None:
    watch = RedisWatch("redis://unused", "bench", "s", 1000, begin_s=100.0, from_s=110.0, until_s=120.0)
    samples = watch._samples()
    assert 400 < len(samples) < 600
    assert samples == sorted(samples, key=lambda each: -each.number), "the next one is last"
    assert {each.number % VISITS for each in samples} == set(range(VISITS))
    assert all(10_000 <= each.number < 20_000 for each in samples)


# Its result.


def result() -> SteadyResult:
    return SteadyResult(
        published_s=[1.0, 2.0, 3.0, 4.0],
        changing=[0, 1, 3],
        purchase_read_s={0: 1.001, 1: 2.001, 2: 3.001, 3: 4.001},
        change_read_s={0: 1.010, 1: 2.020, 3: 4.040},
        repeated=[1],
    )


def test_a_result_survives_json() -> None:
    assert SteadyResult.from_json(json.loads(json.dumps(dataclasses.asdict(result())))) == result()


def test_latencies_are_those_of_purchases_published_in_the_period() -> None:
    assert result().change_latencies_s(2.0, 4.0) == pytest.approx([0.020])
    assert result().purchase_latencies_s(2.0, 4.0) == pytest.approx([0.001, 0.001])


def test_a_change_repeated_with_the_same_contents_is_no_fault() -> None:
    assert result().faults() == ()


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"change_read_s": {0: 1.0}}, "2 purchases without their change"),
        ({"changing": [0, 1]}, "1 purchases with a change that they must not cause"),
        ({"contradicted": [1, 1]}, "1 purchases with two different changes"),
        ({"undelivered": ["refused"]}, "1 purchases not delivered"),
    ],
    ids=str,
)
def test_every_wrong_change_is_a_fault(fields: dict[str, object], fault: str) -> None:
    assert dataclasses.replace(result(), **fields).faults() == (fault,)  # type: ignore[arg-type]  # as above


def test_quantiles_are_samples_in_milliseconds() -> None:
    measured = Spread.of([number / 1000 for number in range(1000, 0, -1)])
    assert measured is not None
    assert dataclasses.astuple(measured) == pytest.approx((1000, 501, 991, 1000, 1000))
    assert Spread.of([]) is None


async def test_each_program_is_warmed_up_at_the_highest_rate_and_its_faults_then_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    measured: list[tuple[int, float, float]] = []

    async def measure_at_rate(
        _: object, program: RunningProgram, name: str, rate: int, warm: float, seconds: float
    ) -> LatencyRun:
        measured.append((rate, warm, seconds))
        return run(program.name, rate, 5, faults=(f"a fault of {name}",))

    monkeypatch.setattr(latency, "measure_at_rate", measure_at_rate)
    program = RunningProgram("goldstream", "purchases", "changes", lambda: 0.0, lambda: True)
    testbed: Any = SimpleNamespace(log=lambda _: None)
    plan = LatencyPlan([100, 1000], seconds=30, warm=10, programs=["goldstream"])
    runs = [each async for each in latency._at_each_rate(testbed, plan, nullcontext(program))]
    assert measured == [(1000, 0, 10), (100, 10, 30), (1000, 10, 30)]
    assert [each.faults for each in runs] == [("a fault of warm", "a fault of s0-100"), ("a fault of s1-1000",)]


# The report.


def test_ratios_are_those_of_the_same_rate() -> None:
    runs = [
        run("goldstream", 100, 6),
        run("goldstream, Redis", 1000, 9, cpu=40.0),
        run("kafka-streams", 1000, 3, cpu=10.0),
    ]
    assert ratios(runs) == {
        f"goldstream, Redis / kafka-streams, 1,000/s, {what}": ratio
        for what, ratio in {"p50": 3.0, "p99": 3.0, "p99.9": 3.0, "max": 3.0, "CPU per event": 4.0}.items()
    }


def test_processor_time_per_purchase_follows_from_the_rate() -> None:
    assert run("goldstream", 1000, 1, cpu=40.0).cpu_us == pytest.approx(400)
    assert run("goldstream", 100, 1, cpu=None).cpu_us is None


def test_the_report_shows_ratios_aims_and_late_publishing(capsys: pytest.CaptureFixture[str]) -> None:
    runs = [
        run("goldstream, Redis", 1000, 9, redis=spread(70), late_ms=80.0),
        run("kafka-streams", 1000, 3, change=None, cpu=None),
    ]
    print_report(Console(width=110), runs, {"cores": 2, "load_before": 0.0})
    shown = capsys.readouterr().out
    assert "15, aim 8" in shown
    assert "visible in Redis" in shown
    assert "over 50 ms late" in shown


def test_the_json_has_ratios_first_and_every_run() -> None:
    figures = report_as_json([run("goldstream", 100, 6)], {"rates": [100]}, {"cores": 2}, {"kafka-streams": "no Java"})
    assert next(iter(figures)) == "ratios"
    assert figures["runs"][0]["change"]["p50_ms"] == 6
    assert figures["runs"][0]["cpu_us"] == 2000
    assert figures["missing"] == {"kafka-streams": "no Java"}


# The options.


@pytest.mark.parametrize(
    ("redis", "beside", "programs"),
    [
        (None, "kafka-streams", ["goldstream", "goldstream, Redis", "kafka-streams"]),
        (True, "none", ["goldstream, Redis"]),
        (False, "none", ["goldstream"]),
    ],
    ids=str,
)
def test_the_options_select_the_programs(
    redis: bool | None,  # noqa: FBT001 - with, without, both
    beside: str,
    programs: list[str],
) -> None:
    assert programs_for(redis, beside) == programs


@pytest.mark.parametrize(
    ("arguments", "plan"),
    [
        ([], LatencyPlan((100, 1000), 30.0, 10.0, ["goldstream", "goldstream, Redis", "kafka-streams"])),
        (
            ["--rate", "5", "--rate", "7", "--no-redis", "--beside", "none", "--seconds", "2", "--warm", "0"],
            LatencyPlan([5, 7], 2.0, 0.0, ["goldstream"]),
        ),
    ],
    ids=["defaults", "all options"],
)
def test_the_command_measures_what_its_options_say(
    arguments: list[str], plan: LatencyPlan, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plans: list[LatencyPlan] = []

    def measure(asked: LatencyPlan) -> tuple[list[LatencyRun], dict[str, str]]:
        plans.append(asked)
        return [run("goldstream", 100, 6)], {}

    monkeypatch.setattr(latency, "machine", lambda: {"cores": 2, "load_before": 0.0})
    monkeypatch.setattr(latency, "measure", measure)
    out = tmp_path / "out.json"
    outcome = CliRunner().invoke(command.app, ["latency", *arguments, "--json", str(out)])
    assert outcome.exit_code == 0, outcome.output
    assert plans == [plan]
    assert json.loads(out.read_text())["asked"]["rates"] == list(plan.rates)


def test_wrong_changes_fail_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = run("goldstream", 1000, 6, faults=("3 purchases without their change",))
    monkeypatch.setattr(latency, "machine", lambda: {"cores": 2, "load_before": 0.0})
    monkeypatch.setattr(latency, "measure", lambda _: ([wrong], {}))
    outcome = CliRunner().invoke(command.app, ["latency"])
    assert outcome.exit_code == 1
    assert "goldstream, 1,000/s: 3 purchases without their change" in outcome.output


def test_only_kafka_streams_can_run_alongside() -> None:
    outcome = CliRunner().invoke(command.app, ["latency", "--beside", "faust"])
    assert outcome.exit_code == 2
    assert "valid values: kafka-streams, none" in outcome.output


def test_without_the_environment_of_the_peers_the_reason_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(module: str) -> str:
        raise Missing(f"{module} is not installed")

    monkeypatch.setattr(latency, "machine", dict)
    monkeypatch.setattr(latency, "peers_python", missing)
    outcome = CliRunner().invoke(command.app, ["latency"])
    assert outcome.exit_code == 1
    assert "bench: confluent_kafka is not installed" in outcome.output
