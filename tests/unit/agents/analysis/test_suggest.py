"""Policies suggested from histories with known answers."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import pytest

from agents.analysis.history_builder import HistoryBuilder
from agents.cli import main
from state.config.policy_reader import parse_policy
from state.records.events import CustomerErased, JournalRecord, OrderPlaced, OrderRefunded
from state.suggestion.policy_text import PolicyDetails, policy_text
from state.suggestion.suggest import Evidence, InsufficientHistory, Suggestion, round_days
from state.suggestion.survival import AbsenceLog, Survival
from state.units.timestamps import DAY_MS, format_ms, parse_rfc3339

BEGIN_MS = parse_rfc3339("2025-01-01T12:00:00Z")
END_MS = BEGIN_MS + 400 * DAY_MS
RETURNING = [(700, [0.0, 10.5]), (200, [0.0, 40.5]), (100, [0.0])]
"""Of 1,000 customers, 700 return once after 10.5 days, 200 once after 40.5 days, and 100 never."""


def days(number: float) -> int:
    return BEGIN_MS + int(number * DAY_MS)


def bought(number: int, customer: str, at_ms: int, minor: int = 10_000) -> tuple[str, OrderPlaced]:
    head = ("events", 0, number, f"e-{number}", at_ms, False)
    return customer, OrderPlaced(*head, f"o-{number}", minor, "RUB", minor, None, 0, None, None, None)


def refunded(number: int, customer: str, order: int, minor: int, at_ms: int) -> tuple[str, OrderRefunded]:
    head = ("events", 0, number, f"e-{number}", at_ms, False)
    return customer, OrderRefunded(*head, f"r-{number}", minor, "RUB", minor, None, f"o-{order}")


def groups(sizes: Iterable[tuple[int, Sequence[float]]]) -> list[tuple[str, JournalRecord]]:
    """Return the orders of groups of customers, each with a size and the days of the orders."""
    records: list[tuple[str, JournalRecord]] = []
    for group, (size, at_days) in enumerate(sizes):
        for customer in range(size):
            records += [bought(0, f"c-{group}-{customer}", days(at)) for at in at_days]
    return records


def evidence_of(records: Iterable[tuple[str, JournalRecord]], end_ms: int = END_MS, window_days: int = 365) -> Evidence:
    history = HistoryBuilder("RUB")
    for offset, (customer, record) in enumerate(records):
        if isinstance(record, OrderPlaced) and record.offset == 0:
            record = bought(offset, customer, record.occurred_at, record.base)[1]  # noqa: PLW2901 - numbered here
        history.add(offset, customer, record)
    evidence = Evidence(history.first_order_ms or 0, end_ms, window_days * DAY_MS)
    for profile in history.profiles():
        evidence.add(profile)
    return evidence


def text_of(suggestion: Suggestion, evidence: Evidence) -> str:
    details = PolicyDetails("a test", "suggested", 3, "RUB", 2, "365", "A year.", "Europe/Moscow", {}, ["2 rows."])
    return policy_text(suggestion, evidence, details)


def survival_of(absences: Iterable[tuple[float, float | None]], end_day: float) -> Survival:
    """Return the estimate for customers who buy on one day and, if they return, on another."""
    absence_log = AbsenceLog()
    for first, second in absences:
        absence_log.add([days(first)] + ([] if second is None else [days(second)]), days(end_day))
    return absence_log.survival()


def test_the_share_still_away_is_the_product_limit_estimate() -> None:
    away = evidence_of(groups(RETURNING)).suggest().survival
    # 900 customers return; the absences after their second orders and those of the other 100 are censored
    assert (away.returned, away.censored) == (900, 1000)
    assert away.still_away(10) == 1.0
    assert away.still_away(11) == pytest.approx(1200 / 1900)
    assert away.still_away(41) == pytest.approx(1200 / 1900 * 1000 / 1200)
    assert away.chance_of_returning(40) == pytest.approx(1 / 6)
    assert away.chance_of_returning(41) == 0.0


def test_absences_at_the_end_of_the_history_are_censored() -> None:
    """Every second customer returns after 30.5 days; for purchases of the last 30 days the outcome is unknown."""
    bought_on = [(number * 0.06, number % 2 == 0) for number in range(1000)]
    absences = [(at, at + 30.5 if returns and at + 30.5 <= 60 else None) for at, returns in bought_on]
    return_count = sum(second is not None for _, second in absences)

    away = survival_of(absences, 60)

    assert return_count < 250
    assert 1 - away.away[-1] == pytest.approx(0.5, abs=0.02)


def test_orders_less_than_a_day_apart_are_one_purchase() -> None:
    absence_log = AbsenceLog()
    absence_log.add([days(0), days(0.01), days(0.9), days(20)], days(50))
    assert absence_log.returned == {19: 1}
    assert absence_log.censored == {30: 1}


def test_the_estimate_ends_where_fewer_than_thirty_absences_last() -> None:
    assert survival_of([(0, None)] * 29 + [(50, None)] * 71, 100).reach == 50
    assert survival_of([(0, None)] * 30 + [(50, None)] * 70, 100).reach == 100


def test_recency_thresholds_are_derived_from_the_returns() -> None:
    suggestion = evidence_of(groups(RETURNING)).suggest()
    first, second = suggestion.recency
    assert (first.exact, first.written) == (11, 11)  # 700 of the 900 who return have returned by then: over 75 %
    assert (second.exact, second.written) == (41, 45)  # one in six returned after day 40, none after day 41
    assert suggestion.by_returns


def test_the_churn_threshold_is_where_the_chance_falls_below_a_tenth() -> None:
    away = evidence_of(groups(RETURNING)).suggest()
    assert away.survival.chance_of_returning(away.recency[1].written) < 0.1
    assert away.survival.chance_of_returning(away.recency[1].exact - 1) >= 0.1


def test_thresholds_rise_even_if_hardly_any_customer_returns() -> None:
    records = groups([(60, [0.0, 10.5]), (20, [0.0, 70.5]), (2000, [0.0])])
    suggestion = evidence_of(records).suggest()
    assert not suggestion.by_returns
    assert [threshold.written for threshold in suggestion.recency] == [11, 75]


def test_the_first_threshold_is_always_below_the_churn_threshold() -> None:
    """One in nine returns, evenly over 100 days: the chance is small long before three of four have returned."""
    records = groups([(1, [0.0, day + 0.5]) for day in range(1, 101)] + [(700, [0.0])])
    suggestion = evidence_of(records).suggest()
    first, second = suggestion.recency
    assert suggestion.by_returns
    assert suggestion.survival.days_until_returned(0.75) > second.exact
    assert 1 <= first.written < second.written


def test_frequency_and_monetary_thresholds_split_the_buyers_in_the_window() -> None:
    spread = [0.0, 3.0, 6.0, 9.0, 12.0, 15.0, 18.0]
    sizes = [(60, spread[:1]), (25, spread[:3]), (15, spread)]
    suggestion = evidence_of(groups(sizes), days(100)).suggest()
    assert suggestion.buyers == 100
    assert [threshold.written for threshold in suggestion.frequency] == [2, 4]
    assert [threshold.written for threshold in suggestion.monetary] == [10_000, 30_000]
    assert suggestion.below == (0.6, 0.85, 0.0, 0.6)


def test_orders_outside_the_window_count_only_for_absences() -> None:
    suggestion = evidence_of(groups(RETURNING), days(395)).suggest()
    assert (suggestion.customers, suggestion.buyers) == (1000, 200)  # those who bought on day 40 alone
    assert suggestion.survival.returned == 900


def test_refunds_duplicates_and_erased_customers_do_not_count() -> None:
    returning = groups(RETURNING)
    number = len(returning)
    additional: list[tuple[str, JournalRecord]] = [
        bought(number, "d", days(1)),
        bought(number + 1, "d", days(2), 7_000),
        refunded(number + 2, "d", number, 10_000, days(3)),
        refunded(number + 3, "d", number + 1, 2_000, days(3)),
        bought(number + 4, "erased", days(1)),
        ("erased", CustomerErased("events", 0, number + 5, "x", days(5), False)),
    ]
    repeated = "d", msgspec.structs.replace(bought(number + 1, "d", days(2), 7_000)[1], offset=number + 6)
    evidence = evidence_of([*returning, *additional, repeated], days(50))
    suggestion = evidence.suggest()
    assert (suggestion.customers, suggestion.orders) == (1001, 1901)
    assert list(evidence.measures[-4:]) == [48 * DAY_MS, 1, 5_000, 1]


@pytest.mark.parametrize(
    ("day", "nearest", "up"),
    [
        (1, 1, 1),
        (19, 19, 19),
        (22, 20, 25),
        (23, 25, 25),
        (97, 95, 100),
        (104, 100, 110),
        (325, 330, 330),
        (1049, 1000, 1100),
    ],
)
def test_days_are_rounded_to_round_numbers(day: int, nearest: int, up: int) -> None:
    assert (round_days(day), round_days(day, up=True)) == (nearest, up)


def test_the_text_is_a_valid_policy_with_its_reasons() -> None:
    evidence = evidence_of(groups(RETURNING))
    text = text_of(evidence.suggest(), evidence)
    policy = parse_policy(text)
    assert (policy.ref, policy.currency, policy.timezone) == ("suggested@3", "RUB", "Europe/Moscow")
    assert policy.recency_edges_text == ("11", "45")
    assert policy.segment_names == ("golden", "loyal", "new", "active", "at_risk", "churned", "potential")
    assert "# 1,900 orders of 1,000 customers, 2025-01-01 to 2026-02-05." in text
    assert "900 absences did, 1,000 were" in text
    assert "#          11         63.2%                  16.7%" in text
    assert "falls below 10% on day 41 (0.0%)" in text
    assert "Kaplan-Meier" in text
    assert max(map(len, text.splitlines())) <= 140


def test_the_text_has_the_shares_of_segments() -> None:
    evidence = evidence_of(groups(RETURNING), days(45))
    text = text_of(evidence.suggest(), evidence)
    # on day 45, 100 customers have been away since day 0, 700 for 34 days and 200 for 4 days
    assert "# Away longer than most of those who return. At the end of the history 70.0% of customers" in text
    assert "# Hardly anybody returns after so long. At the end of the history 10.0% of customers" in text


@pytest.mark.parametrize(
    ("records", "end_day"),
    [
        ([], 100.0),
        (groups([(49, [0.0, 2.0, 4.0, 6.0])]), 100.0),
        (groups([(500, [0.0]), (49, [0.0, 2.0])]), 100.0),
        (groups(RETURNING), 13.9),
    ],
    ids=["nothing", "few customers", "few returns", "few days"],
)
def test_an_insufficient_history_is_reported_in_one_line(
    records: list[tuple[str, JournalRecord]], end_day: float
) -> None:
    with pytest.raises(InsufficientHistory, match="too short to suggest") as caught:
        evidence_of(records, days(end_day)).suggest()
    assert "\n" not in str(caught.value)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a file of a shop that sells in euros; no settings come from the environment."""
    for name in ("CONFIG", "POLICY"):
        monkeypatch.delenv(f"GOLDSTREAM_{name}", raising=False)
    monkeypatch.chdir(tmp_path)
    rows = ["customer,date,amount,currency"]
    for group, (size, at_days) in enumerate([(70, [0.0, 10.5]), (20, [0.0, 40.5]), (10, [0.0, 90.0])]):
        for customer in range(size):
            rows += [f"c{group}-{customer},{format_ms(days(at))},{12 + customer}.50,EUR" for at in at_days]
    rows.append("c-none,yesterday,1.00,EUR")
    file = tmp_path / "shop.csv"
    file.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return file


def test_the_command_writes_a_policy_that_passes_its_check(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "suggest", str(shop), "--output", "new.toml"]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "shop.csv:202: occurred_at" in captured.err
    assert "1 of 201 rows cannot be read" in captured.err
    assert "`goldstream policy apply new.toml`" in captured.err

    assert main(["policy", "check", "new.toml"]) == 0
    assert "27 cells, 7 segments" in capsys.readouterr().out
    policy = parse_policy(Path("new.toml").read_text(encoding="utf-8"))
    assert (policy.currency, policy.window_days, policy.name, policy.version) == ("EUR", "90", "suggested", 1)
    assert "# The history is only 90 days long, so the window is too" in policy.text
    assert "# 1 rows could not be read" not in policy.text
    assert "# 1 row could not be read and does not count." in policy.text


def test_several_files_are_one_history(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = shop.read_text(encoding="utf-8").splitlines()[:-1]
    for name, part in (("a.csv", lines[:101]), ("b.csv", [lines[0], *lines[101:]])):
        Path(name).write_text("\n".join(part) + "\n", encoding="utf-8")
    assert main(["policy", "suggest", "a.csv", "b.csv"]) == 0
    from_two_files = capsys.readouterr().out
    Path("all.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert main(["policy", "suggest", "all.csv"]) == 0
    assert from_two_files.splitlines()[1:] == capsys.readouterr().out.splitlines()[1:]


def test_a_failure_is_reported_in_one_line(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = shop.with_name("empty.csv")
    empty.write_text("", encoding="utf-8")
    for file in (empty, shop.with_name("no.csv")):
        assert main(["policy", "suggest", str(file)]) == 1
        captured = capsys.readouterr()
        (line,) = captured.err.splitlines()
        assert line.startswith("goldstream: ")
        assert file.name in line
        assert captured.out == ""
    assert main(["policy", "suggest", str(shop), "--currency", "EURO"]) == 2
    assert "currency must be" in capsys.readouterr().err


def test_a_short_history_gives_the_built_in_thresholds_in_its_currency(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """So the first import of a young shop needs no editing of TOML either."""
    short = shop.with_name("short.csv")
    rows = [f"c{number},{format_ms(days(number))},{4000 + 100 * number}.00,KZT" for number in range(9)]
    short.write_text("\n".join(["customer,date,amount,currency", *rows]) + "\n", encoding="utf-8")
    assert main(["policy", "suggest", str(short), "--output", "new.toml"]) == 0
    captured = capsys.readouterr()
    assert "the history is too short to suggest a policy: 9 customers" in captured.err
    policy = parse_policy(Path("new.toml").read_text(encoding="utf-8"))
    assert (policy.currency, policy.window_days, policy.recency_edges_text) == ("KZT", "365", ("60", "180"))
    assert policy.monetary_edges_text == ("8800", "35200")
    assert main(["import", str(short), "--dry-run"]) == 1
    Path("goldstream.toml").write_text('policy = "new.toml"', encoding="utf-8")
    assert main(["import", str(short), "--dry-run", "--config", "goldstream.toml"]) == 0
