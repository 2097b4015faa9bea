"""The oracle against cases computed by hand from docs/topics.md."""

from decimal import Decimal
from typing import Any

import pytest

from tests.oracle import Result, moments, money
from tests.unit.state.steps import RETAIL, bought, day, event, refunded, run, tick


def path(result: Result) -> list[tuple[Any, ...]]:
    """Return each change as seq, from, to, cells, moment and kind of cause."""
    names = ("seq", "from", "to", "from_cell", "to_cell", "effective_at")
    return [(*(change[name] for name in names), change["cause"]["kind"]) for change in result.changes]


# Time.


def test_a_single_order_passes_from_new_through_at_risk_to_churned() -> None:
    result = run(bought("o", day(0), "6000"), tick(day(364)), tick(day(365)))
    assert path(result) == [
        (1, None, "new", None, "312", day(0), "purchase"),
        (2, "new", "at_risk", "312", "212", day(60), "time"),
        (3, "at_risk", "churned", "212", "112", day(180), "time"),
    ]
    facts = result.customers["c"]
    assert (facts.cell, facts.frequency, facts.monetary, facts.lifetime_value) == ("111", 0, 0, 600_000)
    assert facts.as_of == moments.parse(day(365))


def test_a_change_carries_every_documented_field() -> None:
    result = run(bought("o", day(0), "12400"), tick(day(60)))
    assert result.changes[1] == {
        "customer_id": "c",
        "seq": 2,
        "from": "new",
        "to": "at_risk",
        "from_cell": "312",
        "to_cell": "212",
        "effective_at": "2026-03-02T00:00:00.000Z",
        "cause": {"kind": "time"},
        "facts": {
            "recency_days": 60,
            "frequency": 1,
            "monetary": "12400.00",
            "currency": "RUB",
            "last_order_at": "2026-01-01T00:00:00.000Z",
        },
        "why": [{"measure": "recency_days", "edge": 60, "was": 3, "is": 2}],
        "policy": "retail-27@1",
        "backfill": False,
    }
    assert result.outputs[1].headers == {
        "ce_specversion": "1.0",
        "ce_id": "c:2",
        "ce_type": "goldstream.segment-changed.v1",
        "ce_source": "/goldstream/goldstream",
        "ce_subject": "c",
        "ce_time": "2026-03-02T00:00:00.000Z",
        "content-type": "application/json",
    }


@pytest.mark.parametrize(("at", "segment"), [(day(59, "23:59:59.999Z"), "new"), (day(60), "at_risk")])
def test_recency_drops_exactly_at_the_threshold(at: str, segment: str) -> None:
    assert run(bought("o", day(0)), tick(at)).customers["c"].segment == segment


def test_a_fractional_threshold_is_passed_at_the_next_millisecond() -> None:
    policy = RETAIL.replace("[60, 180]", "[0.00000001, 180]")  # 0.864 ms
    result = run(bought("o", day(0)), tick(day(1)), policy=policy)
    assert result.changes[1]["effective_at"] == day(0, "00:00:00.001Z")
    assert result.changes[1]["why"][0]["edge"] == Decimal("0.00000001")


def test_a_due_change_precedes_that_of_a_later_purchase() -> None:
    result = run(bought("a", day(0)), bought("b", day(70)))
    assert [entry[2:3] + entry[5:] for entry in path(result)] == [
        ("new", day(0), "purchase"),
        ("at_risk", day(60), "time"),
        ("active", day(70), "purchase"),
    ]
    assert result.changes[2]["why"] == [
        {"measure": "recency_days", "edge": 60, "was": 2, "is": 3},
        {"measure": "frequency", "edge": 2, "was": 1, "is": 2},
    ]


@pytest.mark.parametrize("ticks", [[], [30], [60, 61], [59, 70]])
def test_the_position_of_ticks_makes_no_difference(ticks: list[int]) -> None:
    history = run(bought("a", day(0)), *(tick(day(at)) for at in ticks), bought("b", day(70)))
    assert history.outputs == run(bought("a", day(0)), bought("b", day(70))).outputs


def test_a_cell_reached_without_a_change_is_the_next_from_cell() -> None:
    orders = [bought(f"o{number}", day(number), "1000") for number in (0, 310, 320, 330, 340)]
    result = run(*orders, tick(day(400)))
    # new, at_risk, churned, active; with five orders and 5000.00 loyal "332"; "321" when one leaves on day 365;
    # at_risk on day 400, which is 340 + 60
    assert path(result)[-2:] == [
        (6, "loyal", "active", "332", "321", day(365), "time"),
        (7, "active", "at_risk", "321", "221", day(400), "time"),
    ]
    unchanged_segment = run(bought("a", day(0), "6000"), bought("b", day(350), "100"), tick(day(410)))
    assert path(unchanged_segment)[-1] == (5, "active", "at_risk", "311", "211", day(410), "time")
    assert unchanged_segment.changes[-1]["why"] == [{"measure": "recency_days", "edge": 60, "was": 3, "is": 2}]


def test_changes_due_at_one_moment_are_one_change_with_all_reasons() -> None:
    result = run(bought("a", day(0), "6000"), bought("b", day(305), "10"), tick(day(365)))
    assert path(result)[-1] == (5, "active", "at_risk", "322", "211", day(365), "time")
    assert result.changes[-1]["why"] == [
        {"measure": "recency_days", "edge": 60, "was": 3, "is": 2},
        {"measure": "frequency", "edge": 2, "was": 2, "is": 1},
        {"measure": "monetary", "edge": 5000, "was": 2, "is": 1},
    ]


def test_an_earlier_tick_is_ignored_and_events_are_evaluated_at_the_latest() -> None:
    result = run(tick(day(70)), tick(day(1)), bought("o", day(5)))
    assert path(result) == [(1, None, "at_risk", None, "211", day(70), "purchase")]


# Orders, refunds, duplicates.


def test_an_order_outside_the_window_counts_for_recency_and_lifetime_only() -> None:
    facts = run(tick(day(366)), bought("o", day(0))).customers["c"]
    assert (facts.segment, facts.cell, facts.frequency, facts.monetary) == ("churned", "111", 0, 0)
    assert (facts.lifetime_orders, facts.lifetime_value) == (1, 100_000)


def test_a_customer_whose_only_order_is_fully_refunded_is_potential() -> None:
    result = run(bought("o", day(0)), refunded("r", day(1), "1000", order_id="o"))
    change = result.changes[-1]
    assert (change["to"], change["to_cell"], change["why"]) == ("potential", "000", [])
    assert change["cause"] == {"kind": "refund", "event_id": f"refund-{day(1)}"}
    assert change["facts"]["recency_days"] is None
    facts = result.customers["c"]
    assert (facts.gross, facts.refunded, facts.lifetime_value, facts.lifetime_orders) == (100_000, 100_000, 0, 0)
    assert facts.redis_fields()["last_order_at"] is None


def test_excess_is_dropped_and_counted_in_any_order_of_the_refunds() -> None:
    big, small = refunded("r1", day(1), "900", order_id="o"), refunded("r2", day(2), "300", order_id="o")
    for refunds in ([big, small], [small, big]):
        result = run(bought("o", day(0)), *refunds)
        facts = result.customers["c"]
        assert (facts.monetary, facts.refunded, facts.refund_count, result.dropped["excess"]) == (0, 100_000, 2, 1)


def test_a_refund_without_an_order_lowers_monetary_until_it_expires() -> None:
    result = run(bought("o", day(0)), refunded("r", day(10), "1500"), tick(day(374)))
    assert (result.customers["c"].frequency, result.customers["c"].monetary) == (0, -150_000)
    later = run(bought("o", day(0)), refunded("r", day(10), "1500"), tick(day(375))).customers["c"]
    assert (later.monetary, later.lifetime_value, later.average_check) == (0, -50_000, -50_000)


def test_a_refund_waits_for_its_order_and_is_dropped_after_the_window() -> None:
    refund = refunded("r", day(1), "400", order_id="o")
    matched = run(refund, bought("o", day(0)))
    assert [change["to"] for change in matched.changes] == ["potential", "new"]
    assert matched.customers["c"].monetary == 60_000
    expired = run(refund, tick(day(366)), bought("o", day(0)))
    assert (expired.dropped["order_never_came"], expired.customers["c"].lifetime_value) == (1, 100_000)


def test_a_refund_of_an_order_outside_the_window_lowers_lifetime_sums() -> None:
    refund = refunded("r", day(400), "400", order_id="o")
    facts = run(bought("o", day(0)), bought("p", day(399)), refund).customers["c"]
    assert (facts.monetary, facts.lifetime_value) == (100_000, 160_000)


@pytest.mark.parametrize(("at", "known"), [(day(729, "23:59:59.999Z"), True), (day(730), False)])
def test_an_order_is_forgotten_one_window_after_it_left_the_window(at: str, *, known: bool) -> None:
    result = run(bought("o", day(0)), bought("o", at, "7"))
    assert result.duplicates == ({"purchase": 1} if known else {})
    assert result.customers["c"].lifetime_orders == (1 if known else 2)


def test_a_duplicate_has_no_effect_even_on_time() -> None:
    result = run(bought("o", day(0)), bought("o", day(100), "5"), event("signup", day(1), city="Riga"))
    assert [change["to"] for change in result.changes] == ["new"]
    assert result.customers["c"].as_of == moments.parse(day(1))
    assert result.duplicates == {"purchase": 1}


def test_other_events_are_duplicates_of_the_last_sixty_four_ids() -> None:
    consents = [event("consent", day(n), channel="sms", granted=True, event_id=f"e{n}") for n in range(65)]
    result = run(*consents, consents[1], consents[0])
    assert result.duplicates == {"consent": 1}


@pytest.mark.parametrize(
    ("refunds", "expected"),
    [
        # 1.00 EUR at 0.33 is 0.33; each half is 0.165, but both together are the whole order
        ([("0.50", "EUR", None), ("0.50", "EUR", None)], (0, 0)),
        ([("0.50", "EUR", "7")], (33 - 16, 1)),  # the purchase's rate, 16.5 half to even
        ([("0.10", "RUB", None)], (23, 1)),
        ([("1.00", "USD", "0.325")], (1, 1)),  # 32.5 half to even is 32
    ],
)
def test_refunds_of_an_order_in_another_currency(
    refunds: list[tuple[str, str, str | None]], expected: tuple[int, int]
) -> None:
    steps = [
        refunded(f"r{n}", day(1), amount, order_id="o", currency=currency, rate=rate)
        for n, (amount, currency, rate) in enumerate(refunds)
    ]
    facts = run(bought("o", day(0), "1.00", currency="EUR", rate="0.33"), *steps).customers["c"]
    assert (facts.monetary, facts.frequency) == expected


def test_the_policys_rate_applies_and_a_refund_without_a_rate_is_dropped() -> None:
    result = run(
        bought("o", day(0), 10, currency="EUR"),
        refunded("r", day(1), "1", order_id="o", currency="USD"),
    )
    assert (result.customers["c"].monetary, result.dropped["no_rate"]) == (98_400, 1)


def test_lifetime_figures_follow_the_formulas() -> None:
    result = run(
        bought("a", day(0), "100.01", discount="25.00"),
        bought("b", day(1), "0", discount="10"),
        bought("c", day(2), "50", discount="50"),
        refunded("r", day(3), "50", order_id="c"),
        refunded("s", day(3), "0.51"),
    )
    facts = result.customers["c"]
    assert (facts.lifetime_orders, facts.lifetime_value, facts.average_check) == (2, 9_950, 4_975)
    assert (facts.gross, facts.refunded, facts.refund_count) == (15_001, 5_051, 2)
    assert (facts.discounts, facts.discounted_orders) == (3_500, 2)
    assert facts.discount_share == Decimal("0.4082")  # 0.2 + 0.8 x 3500 / 13450 = 0.408178...


# Contact profiles, policies, erasures.


def test_the_latest_consent_counts_and_at_equal_moments_the_refusal() -> None:
    facts = run(
        event("signup", day(2), city="Ufa", consent={"email": True, "sms": True}),
        event("signup", day(1), city="Omsk", language="ru", event_id="older"),
        event("signup", day(2), city="Уфа", event_id="greater"),
        event("consent", day(2), channel="email", granted=False),
        event("consent", day(0), channel="all", granted=True),
    ).customers["c"]
    assert (facts.signup["city"], facts.signup["language"], facts.signup["country"]) == ("Уфа", "ru", None)
    assert facts.consents == {
        "email": "refused",
        "sms": "granted",
        "push": "granted",
        "messenger": "granted",
        "call": "granted",
    }


def test_a_new_policy_changes_segments_at_the_later_of_both_times() -> None:
    stricter = RETAIL.replace("version = 1", "version = 2").replace("[60, 180]", "[5, 180]")
    result = run(bought("o", day(0)), tick(day(10)), {"type": "policy", "text": stricter})
    assert path(result)[-1] == (2, "new", "at_risk", "311", "211", day(10), "policy")
    change = result.changes[-1]
    assert (change["why"], change["policy"], change["cause"]) == ([], "retail-27@2", {"kind": "policy"})


def test_an_erased_customer_returns_only_with_a_later_signup_or_purchase() -> None:
    result = run(
        bought("o", day(0)),
        event("erasure", day(61)),
        bought("late", day(61)),
        event("consent", day(62), channel="sms", granted=True),
        event("contact", day(62), message_id="m", kind="opened"),
        bought("o", day(63)),
        event("contact", day(63), "stranger", message_id="m", kind="opened"),
        event("erasure", day(63), "stranger"),
    )
    assert result.tombstones == ["c:2:erased", "stranger:0:erased"]
    assert result.dropped == {"erased": 3, "unknown_customer": 1}
    assert path(result)[-1] == (3, None, "new", None, "311", day(63), "purchase")
    assert result.customers["c"].lifetime_orders == 1


# Values.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T03:00:01.9999+03:00", 1_999),
        ("1969-12-31T23:00:00.5-01:00", 500),
        ("2026-05-12T09:30:00.000Z", 1_778_578_200_000),
    ],
)
def test_moments_are_truncated_to_the_millisecond(text: str, expected: int) -> None:
    assert moments.parse(text) == expected


@pytest.mark.parametrize(
    ("amount", "currency", "units", "text"),
    [
        ("12.50", "RUB", 1_250, "12.50"),
        (0.1, "RUB", 10, "0.10"),
        ("7.000", "JPY", 7, "7"),
        ("-0.005", "KWD", -5, "-0.005"),
    ],
)
def test_amounts_are_whole_minor_units(amount: str | float, currency: str, units: int, text: str) -> None:
    assert money.minor(amount, currency) == units
    assert money.major_text(units, currency) == text
