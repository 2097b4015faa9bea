"""The demo's parts: its history, its rules, its tally, its screen and its summary."""

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
from collections import Counter
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from zoneinfo import available_timezones

import msgspec
import pytest
from rich.console import Console

from agents.demo.history import CUSTOMERS, HISTORY_END, PURCHASES, HistoryEvent, build_history, read_purchases
from agents.demo.run import eventful_customer, read_history
from agents.demo.screen import Screen
from agents.demo.summary import DemoResult, summary_lines
from agents.demo.tally import DemoTally
from state.config.campaigns import parse_campaigns
from state.config.policy_reader import parse_policy
from state.intake.admission import AdmissionRules, Admitted, admit
from state.records.outputs import Cause, Facts, Message, MessageChange, MessageCustomer, ScoreChange, SegmentChangeValue
from state.records.progress import Progress
from state.units.timestamps import format_ms, parse_rfc3339
from tests.lanes.clock import ManualClock

CDNOW_SHA256 = "7c971ffbc399bca552f76c5e8d7d815bade360eefabb3da6aa644f7697fecaea"
SEGMENTS = ("golden", "loyal", "new", "active", "at_risk", "churned", "potential")


@pytest.fixture(scope="module")
def history() -> list[HistoryEvent]:
    """Return the history of all customers."""
    return build_history(read_purchases())


def _text(name: str) -> str:
    return files("agents.demo").joinpath(name).read_text(encoding="utf-8")


def test_the_data_are_the_69_659_purchases_of_23_570_customers_of_cdnow_md() -> None:
    purchases = list(read_purchases())

    assert len(purchases) == PURCHASES
    assert len({purchase.customer for purchase in purchases}) == CUSTOMERS
    assert (min(each.day for each in purchases), max(each.day for each in purchases)) == ("1997-01-01", "1998-06-30")
    packed = files("agents.demo").joinpath("cdnow.csv.gz").read_bytes()
    assert hashlib.sha256(gzip.decompress(packed)).hexdigest() == CDNOW_SHA256


def test_a_limit_keeps_the_first_customers_with_all_their_purchases() -> None:
    purchases = list(read_purchases(3))

    assert [purchase.customer for purchase in purchases] == ["00001", *["00002"] * 2, *["00003"] * 6]
    assert list(read_purchases(CUSTOMERS)) == list(read_purchases())


def test_every_event_is_admitted_and_they_are_in_chronological_order(history: list[HistoryEvent]) -> None:
    policy = parse_policy(_text("cdnow.toml"))
    rules = AdmissionRules(policy.currency, policy.digits, policy.rates, frozenset(available_timezones()))
    kinds: Counter[str] = Counter()

    for offset, event in enumerate(history):
        result = admit("events", 0, offset, event.value, rules, None)
        assert isinstance(result, Admitted), event
        assert (result.customer_id, result.event.occurred_at) == (event.customer_id, event.at_ms)
        kinds[result.event.kind] += 1

    assert kinds["purchase"] == PURCHASES
    assert kinds["signup"] / CUSTOMERS == pytest.approx(0.6, abs=0.01)
    assert all(before.at_ms <= after.at_ms for before, after in pairwise(history))
    assert history[-1].at_ms < parse_rfc3339(HISTORY_END)


def test_moments_per_customer_and_event_ids_are_unique(history: list[HistoryEvent]) -> None:
    assert len({(event.customer_id, event.at_ms) for event in history}) == len(history)
    assert len({json.loads(event.value)["event_id"] for event in history}) == len(history)


def test_purchases_stay_on_their_day_and_in_their_order(history: list[HistoryEvent]) -> None:
    purchases_by_customer: dict[str, list[tuple[str, str]]] = {}
    for event in history:
        fields = json.loads(event.value)
        if fields["type"] == "purchase":
            purchases_by_customer.setdefault(event.customer_id, []).append(
                (fields["occurred_at"][:10], fields["amount"])
            )

    expected: dict[str, list[tuple[str, str]]] = {}
    for purchase in read_purchases():
        expected.setdefault(f"c-{purchase.customer}", []).append((purchase.day, purchase.amount))
    assert purchases_by_customer == expected


def test_signups_are_ten_minutes_before_the_first_purchase(history: list[HistoryEvent]) -> None:
    first: dict[str, HistoryEvent] = {}
    for event in history:
        if json.loads(event.value)["type"] == "signup":
            assert event.customer_id not in first
            first[event.customer_id] = event
        elif event.customer_id in first:
            assert event.at_ms >= first[event.customer_id].at_ms + 600_000
    consents = Counter(json.loads(event.value)["consent"]["email"] for event in first.values())
    assert consents[True] / consents.total() == pytest.approx(0.8, abs=0.01)


def test_every_run_has_the_same_history(history: list[HistoryEvent]) -> None:
    assert build_history(read_purchases()) == history


def test_policy_and_campaigns_match() -> None:
    policy = parse_policy(_text("cdnow.toml"))
    campaigns = parse_campaigns(_text("cdnow-campaigns.toml"), policy.segment_names, available_timezones())

    assert policy.currency == "USD"
    assert policy.segment_names == SEGMENTS
    assert {campaign.topic for campaign in campaigns.campaigns} == {"offers", "reactivations"}


def _change(
    customer_id: str, seq: int, before: str | None, after: str, *, kind: str = "purchase"
) -> SegmentChangeValue:
    return SegmentChangeValue(
        customer_id=customer_id,
        seq=seq,
        from_segment=before,
        to_segment=after,
        from_cell=None if before is None else "333",
        to_cell="233",
        effective_at=format_ms(852_109_080_000 + seq),
        cause=Cause(kind),
        facts=Facts(90, 5, "200.00", "USD", "1997-01-01T08:58:00.000Z"),
        why=(ScoreChange("recency_days", 90, 3, 2),) if kind == "time" else (),
        policy="cdnow@1",
        backfill=False,
    )


def _message(change: SegmentChangeValue, campaign: str) -> Message:
    return Message(
        message_id=f"{change.change_id}:{campaign}:1",
        customer_id=change.customer_id,
        campaign=campaign,
        template="hello",
        incentive="10%",
        channel="email",
        other_channels=[],
        attempt=1,
        attempts=1,
        due_at=change.effective_at,
        expires_at=None,
        timezone="UTC",
        language=None,
        change=MessageChange(
            change.change_id,
            change.from_segment,
            change.to_segment,
            change.effective_at,
            change.cause,
            change.facts,
            change.why,
        ),
        customer=MessageCustomer("1.00", 1, "1.00", 0.0),
        campaigns="cdnow@1",
    )


def _filled_tally() -> DemoTally:
    """Return a tally of two customers, one of them lapsed; everything arrived twice, as after a crash."""
    tally = DemoTally()
    changes = [
        _change("c-1", 1, None, "new"),
        _change("c-1", 2, "new", "golden"),
        _change("c-2", 1, None, "new"),
        _change("c-1", 3, "golden", "at_risk", kind="time"),
    ]
    for _ in range(2):
        for change in changes:
            tally.add_change(change)
        tally.add_message(_message(changes[1], "golden-welcome"))
        tally.add_suppression("c-2:1:second-purchase:1:consent", "consent")
    tally.add_progress(Progress(9, 852_200_000_000, -1, {("control", 0): 1, ("events", 0): 4}))
    return tally


def test_the_tally_counts_repeats_once() -> None:
    tally = _filled_tally()

    assert (tally.applied, tally.time_ms) == (5, 852_200_000_000)
    assert (tally.changes, tally.lapses) == (4, 1)
    assert {name: count for name, count in tally.customers().items() if count} == {"new": 1, "at_risk": 1}
    assert tally.moves[None, "new"] == 2
    assert tally.segments_by_customer == {"c-1": ["new", "golden", "at_risk"], "c-2": ["new"]}
    assert (tally.sent_by_campaign, tally.suppressed_by_reason) == ({"golden-welcome": 1}, {"consent": 1})
    assert [len(tally.new_changes), len(tally.new_messages)] == [4, 1]


def _frame(screen: Screen, width: int, height: int) -> str:
    """Return the next frame on a terminal of this size."""
    output = io.StringIO()
    Console(file=output, width=width, height=height, force_terminal=True, color_system=None).print(screen)
    return output.getvalue()


@pytest.mark.parametrize(("width", "height"), [(60, 15), (80, 24), (200, 60)])
def test_the_screen_shows_segments_changes_with_their_causes_and_messages(width: int, height: int) -> None:
    screen = Screen(SEGMENTS, 10, ManualClock())
    assert "starting broker" in _frame(screen, width, height)

    screen.attach(_filled_tally())
    _frame(screen, width, height)
    lines = _frame(screen, width, height).splitlines()
    assert len(lines) <= height
    assert all(len(line) <= width for line in lines)
    text = "\n".join(lines)
    assert all(name in text for name in SEGMENTS)
    assert "50%" in text
    if width >= 80:
        assert "c-1 golden -> at_risk: 90 da" in text
        assert "c-1 hello with 10%, by" in text


def test_the_screen_shows_the_average_and_the_present_rate_and_what_they_measure() -> None:
    clock, tally = ManualClock(), DemoTally()
    screen = Screen(SEGMENTS, 10_000, clock)
    screen.attach(tally)
    for applied in (1_000, 2_000, 4_000, 7_000):
        clock.advance(1)
        tally.applied = applied
        frame = _frame(screen, 80, 24)
    assert "1,750 events/s on average, 2,500 in the last 2 s" in frame
    assert "measured from publishing an event until its changes and messages are in Kafka" in frame
    assert " of this machine" in frame

    screen.history_s = 4.0
    frame = _frame(screen, 80, 24)
    assert "2,500 events/s on average" in frame
    assert "in the last" not in frame


def test_the_screen_shows_each_change_once_and_the_rare_kinds_first() -> None:
    tally = DemoTally()
    for number in range(50):
        tally.add_change(_change(f"c-{number}", 1, None, "new"))
    tally.add_change(_change("c-7", 2, "new", "golden"))
    screen = Screen(SEGMENTS, 10, ManualClock())
    screen.attach(tally)
    assert _frame(screen, 120, 40).count("c-7 new -> golden") == 1
    assert _frame(screen, 120, 40).count("c-7 new -> golden") == 1
    assert not tally.new_changes


def test_the_summary_has_the_figures() -> None:
    figures = DemoResult(purchases=4, customers=2, signups=1, history_s=2.5, total_s=9.0)
    figures.segment_counts = [
        (parse_rfc3339(HISTORY_END), {"golden": 1234}),
        (parse_rfc3339("1998-09-02T00:00:00Z"), {"at_risk": 7}),
    ]

    text = "\n".join(summary_lines(figures, _filled_tally(), SEGMENTS))

    assert "4 real purchases of 2 customers (of 69,659 of 23,570)" in text
    assert "5 in 2.5 s" in text
    assert "2 on average" in text
    assert max(len(line) for line in text.splitlines()[3:8]) <= 80
    assert "4, 1 of them by time alone" in text
    assert "1 sent, 1 suppressed" in text
    assert "1998-07-01  1998-09-02" in text
    assert "1,234           0" in text
    assert "      1  golden-welcome" in text


@pytest.mark.parametrize(
    ("paths", "chosen"),
    [
        ({}, None),
        ({"c-1": ["new"], "c-2": ["new", "at_risk"]}, "c-1"),
        (
            {
                "c-1": ["new", "at_risk", "churned", "new", "at_risk", "churned", "new"],
                "c-2": ["new", "active", "golden", "at_risk", "churned", "active", "at_risk"],
                "c-3": ["new", "active", "golden", "at_risk", "churned", "active", "churned"],
                "c-4": ["new", "golden", "churned", "active"] * 20,
            },
            "c-2",
        ),
    ],
)
def test_the_story_is_of_a_customer_who_was_golden_churned_and_returned(
    paths: dict[str, list[str]], chosen: str | None
) -> None:
    tally = DemoTally()
    tally.segments_by_customer = paths
    assert eventful_customer(tally) == chosen


def test_the_history_is_counted_as_it_is_read() -> None:
    events, figures = read_history(3)
    assert (figures.purchases, figures.customers, figures.events) == (9, 3, len(events))
    assert msgspec.json.decode(events[0].value)["occurred_at"].startswith("1997-01-01")


def test_the_worker_finds_the_packages_that_this_program_runs_the_compiled_ones_too(tmp_path: Path) -> None:
    repository = Path(__file__).parents[4]
    compiled = tmp_path / "compiled"
    compiled.mkdir()
    (compiled / "state").symlink_to(repository / "state")
    found = subprocess.run(
        [sys.executable, "-c", "from agents.demo.stack import worker_search_path as path; print(path())"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": f"{compiled}{os.pathsep}{repository}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip().split(os.pathsep)[:2] == [str(compiled), str(repository)]
