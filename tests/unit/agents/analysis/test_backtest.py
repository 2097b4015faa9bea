"""The comparison of two policies on the same journal."""

import json
from collections import Counter
from collections.abc import Iterable

import msgspec
import pytest
from aiokafka.errors import KafkaError

from agents.analysis.backtest.backtest import Backtest
from agents.analysis.backtest.report import backtest_report, report_lines
from agents.analysis.backtest.result import EMPTY_RESULT, TOP_MOVERS, BacktestResult
from agents.analysis.backtest.runner import BacktestTask, run_backtest
from state.config.policy import Policy
from state.config.policy_reader import parse_policy
from state.records.erasure import Erasure, erasure_key
from state.records.events import (
    CustomerErased,
    CustomerSignedUp,
    JournalRecord,
    OrderPlaced,
    PolicyApplied,
    Tick,
    encode_record,
)
from state.units.timestamps import DAY_MS, parse_rfc3339
from streams.defaults import campaigns_text, policy_text
from streams.settings.settings import Settings

BEGIN_MS = parse_rfc3339("2026-01-01T09:30:00Z")
A = policy_text()
B = A.replace("retail-27", "other").replace("edges = [60, 180]", "edges = [30, 90]").replace("[2, 5]", "[2, 3]")
POLICIES = (parse_policy(A), parse_policy(B))


def days(number: float) -> int:
    return BEGIN_MS + int(number * DAY_MS)


def bought(number: int, at_ms: int, minor: int) -> OrderPlaced:
    head = ("events", 0, number, f"e-{number}", at_ms, False)
    return OrderPlaced(*head, f"o-{number}", minor, "RUB", minor, None, 0, None, None, None)


def signed_up(number: int, at_ms: int) -> CustomerSignedUp:
    head = ("events", 0, number, f"e-{number}", at_ms, False)
    return CustomerSignedUp(*head, "till", {"email": True}, None, None, None, None, None, None)


def tick(at_day: float) -> tuple[str, JournalRecord]:
    return "", Tick(days(at_day), None)


def compare(
    records: Iterable[tuple[str, JournalRecord]],
    *,
    until: int | None = None,
    ledger: dict[bytes, Erasure] | None = None,
) -> BacktestResult:
    backtest = Backtest((A, B), campaigns_text(), ledger or {}, until)
    for offset, (customer, record) in enumerate(records):
        if not backtest.add(offset, customer, encode_record(record)):
            break
    return backtest.compare()


JOURNAL: list[tuple[str, JournalRecord]] = [
    ("", PolicyApplied("control", 0, 0, "a policy of the journal, which is ignored")),
    ("three", signed_up(0, days(0))),
    ("three", bought(1, days(0), 900_000)),
    ("three", bought(2, days(1), 900_000)),
    ("three", bought(3, days(2), 900_000)),
    ("quiet", bought(4, days(0), 100_000)),
    tick(20),
    ("back", bought(5, days(20), 200_000)),
    tick(40),
]
"""On day 40 under A, three is active (loyal requires five orders); quiet and back are new. Under B, three was golden
until day 32, and quiet has been at risk since day 30."""


def test_customers_who_move_and_their_revenue() -> None:
    result = compare(JOURNAL)
    assert result.customers == {("active", "at_risk"): 1, ("new", "at_risk"): 1, ("new", "new"): 1}
    assert result.net == {("active", "at_risk"): 2_700_000, ("new", "at_risk"): 100_000, ("new", "new"): 200_000}
    assert result.reachable == {("active", "at_risk"): 1}  # only three signed up
    assert [(mover.customer_id, mover.net) for mover in result.top_movers] == [("three", 2_700_000), ("quiet", 100_000)]
    assert (result.record_count, result.watermark_ms) == (len(JOURNAL), days(40))


def test_messages_are_those_that_each_policy_would_have_sent() -> None:
    result = compare(JOURNAL)
    assert result.a.sent["golden-welcome"] == 0
    assert result.b.sent["golden-welcome"] == 1
    assert result.b.sent["come-back-soon"] == 2  # twice within a week
    assert result.a.changes < result.b.changes


def test_the_comparison_ends_at_until() -> None:
    late: list[tuple[str, JournalRecord]] = [("later", bought(9, days(25), 1)), *JOURNAL[-1:]]
    result = compare([*JOURNAL[:-1], *late], until=days(22))
    assert result.watermark_ms == days(22)
    assert result.customers.total() == 3  # the order of day 25 is excluded although no tick precedes it
    assert result.customers == {("active", "golden"): 1, ("new", "new"): 2}


def test_an_erased_customer_counts_as_an_unknown_one() -> None:
    erasure = ("three", CustomerErased("events", 0, 6, "e-6", days(40), False))
    with_erasure = compare([*JOURNAL, erasure])
    assert with_erasure.customers.total() == 2
    assert with_erasure.b.sent["golden-welcome"] == 1

    ledger = {erasure_key("three"): Erasure(4, days(40), len(JOURNAL))}
    with_ledger = compare([*JOURNAL, erasure], ledger=ledger)
    unknown = compare([each for each in JOURNAL if each[0] != "three"])
    assert with_ledger._replace(record_count=0) == unknown._replace(record_count=0)


def test_results_of_partitions_add_up() -> None:
    ticks = [each for each in JOURNAL if isinstance(each[1], Tick)]

    def part(customers: set[str]) -> list[tuple[str, JournalRecord]]:
        return [each for each in JOURNAL if each[0] in customers or each in ticks]

    one, other = compare(part({"three"})), compare(part({"quiet", "back"}))
    both = EMPTY_RESULT.merge(one).merge(other)
    undivided = compare(JOURNAL)
    assert both._replace(record_count=0) == undivided._replace(record_count=0)
    assert both.record_count == one.record_count + other.record_count


def test_top_movers_are_few_and_sorted() -> None:
    records: list[tuple[str, JournalRecord]] = [
        (f"c-{number:02}", bought(number, days(0), 1_000 + number)) for number in range(TOP_MOVERS + 5)
    ]
    result = compare([*records, tick(40)])
    assert [each.net for each in result.top_movers] == [1_000 + number for number in range(TOP_MOVERS + 4, 4, -1)]


def test_merging_keeps_negative_revenue() -> None:
    move = ("new", "at_risk")
    negative = EMPTY_RESULT._replace(customers=Counter({move: 1}), net=Counter({move: -700}))
    assert EMPTY_RESULT.merge(negative).merge(negative).net == {move: -1400}


def test_the_json_has_all_amounts_in_major_units() -> None:
    result = json.loads(msgspec.json.encode(backtest_report(POLICIES, "retail@1", compare(JOURNAL))))
    assert (result["as_of"], result["customers"], result["moved"]) == ("2026-02-10T09:30:00.000Z", 3, 2)
    assert (result["net"], result["moved_net"], result["currency"]) == ("30000.00", "28000.00", "RUB")
    assert result["moved_reachable"] == 1
    assert result["moves"] == [
        {"from": "active", "to": "at_risk", "customers": 1, "net": "27000.00", "reachable": 1},
        {"from": "new", "to": "at_risk", "customers": 1, "net": "1000.00", "reachable": 0},
    ]
    assert result["dearest"][0] == {
        "customer_id": "three",
        "from": "active",
        "to": "at_risk",
        "net": "27000.00",
        "lifetime_value": "27000.00",
    }
    assert result["a"]["policy"] == "retail-27@1"
    assert result["a"]["segments"] == {
        **dict.fromkeys(("golden", "loyal"), 0),
        "new": 2,
        "active": 1,
        **dict.fromkeys(("at_risk", "churned", "potential"), 0),
    }
    assert result["b"]["sent"]["golden-welcome"] == 1


def test_the_text_report() -> None:
    lines = list(report_lines(backtest_report(POLICIES, "retail@1", compare(JOURNAL))))
    assert lines[0] == "A is retail-27@1, B is other@1; campaigns retail@1 with both"
    assert lines[1] == "3 customers as of 2026-02-10 09:30 (UTC), 9 records of the journal"
    assert lines[2] == (
        "2 of them (66.7%) are in another segment by B, with 28,000.00 of 30,000.00 RUB net revenue of the last "
        "365 days"
    )
    assert "active    at_risk          1  27,000.00" in lines
    assert "at_risk    0  2     +2" in lines
    assert any(line.startswith("golden-welcome") and line.split()[1:] == ["0", "1", "+1"] for line in lines)


def test_the_text_report_has_titles_and_the_shop_s_time_zone() -> None:
    report = backtest_report(POLICIES, "retail@1", compare(JOURNAL))
    lines = list(report_lines(report, "Europe/Moscow", {"at_risk": "В зоне риска"}))
    assert lines[1] == "3 customers as of 2026-02-10 12:30 (Europe/Moscow), 9 records of the journal"
    assert "active    В зоне риска          1  27,000.00" in lines


def test_an_empty_journal_has_a_report() -> None:
    result = backtest_report(POLICIES, "retail@1", EMPTY_RESULT)
    assert result.as_of is None
    lines = list(report_lines(result))
    assert lines[1] == "0 customers before any time, 0 records of the journal"
    assert lines[2].startswith("0 of them (0%) are in another segment")


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.ref)
def test_comparing_a_policy_with_itself_moves_no_customers(policy: Policy) -> None:
    backtest = Backtest((policy.text, policy.text), campaigns_text(), {})
    for offset, (customer, record) in enumerate(JOURNAL):
        backtest.add(offset, customer, encode_record(record))
    result = backtest.compare()
    assert result.top_movers == []
    assert result.a == result.b


def test_a_failure_in_a_child_process_is_raised_by_the_command() -> None:
    unreachable = BacktestTask(Settings(kafka="127.0.0.1:1"), {0: 5}, (A, B), campaigns_text(), None)
    with pytest.raises(KafkaError, match=r"127\.0\.0\.1"):
        run_backtest(unreachable, lambda _: None)
