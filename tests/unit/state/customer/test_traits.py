"""Customer traits: places, habits and birthdays, at limits that the property tests seldom reach."""

from decimal import Decimal
from fractions import Fraction

import pytest

from state.config.policy_reader import parse_policy
from state.config.ruleset import Ruleset
from state.customer.packed_orders import append_order
from state.customer.profile import Profile, new_profile
from state.customer.profile_schema import ContactProfile, Order, SignupFact
from state.customer.traits import (
    MAX_PLACES,
    birthday_at,
    count_places,
    is_difficult,
    is_discount_seeker,
    most_frequent,
    overdue_at,
    overdue_ratio,
    usual_gap,
)
from state.fold.partition import Partition
from state.records.events import JournalRecord, OrderPlaced, OrderRefunded, PolicyApplied
from state.units.timestamps import DAY_MS, format_ms, parse_rfc3339
from streams.defaults import policy_text
from streams.tables.customers_table import CustomersTable

POLICY = parse_policy(policy_text())
RULES = Ruleset(POLICY, None)
BEGIN_MS = parse_rfc3339("2026-01-01T09:30:00Z")


def purchase(number: int, day: int = 0, **places: str) -> OrderPlaced:
    """Return an order of 10.00 on a day, with a channel or store."""
    head = ("events", 0, number, f"e-{number}", BEGIN_MS + day * DAY_MS, False)
    place = places.get("channel"), places.get("store_id")
    return OrderPlaced(*head, f"o-{number}", 1000, "RUB", 1000, None, 0, None, *place)


def bought_on(*days: int, evaluated_day: int = 0) -> Profile:
    """Return a customer with orders on these days, evaluated on the last of them or on a later day."""
    profile = new_profile(0, 0, BEGIN_MS)
    for number, day in enumerate(days):
        order = purchase(number, day)
        assert append_order(profile, order, order.occurred_at, POLICY.window_ms)
    profile.evaluated_at = BEGIN_MS + max(evaluated_day, *days) * DAY_MS
    return profile


def customer_born(date: str, timezone: str | None = None) -> Profile:
    """Return a customer with a birth date."""
    profile = new_profile(0, 0, BEGIN_MS)
    facts = {"birth_date": SignupFact(0, date)} | ({} if timezone is None else {"timezone": SignupFact(0, timezone)})
    profile.contact_profile = ContactProfile(facts, {}, {}, [])
    return profile


def test_a_favourite_has_the_most_purchases_or_else_the_smaller_name() -> None:
    assert most_frequent(None) is None
    assert most_frequent({}) is None
    assert most_frequent({"b": 2, "a": 1}) == "b"
    assert most_frequent({"b": 2, "ы": 2, "a": 2}) == "a"


def test_the_number_of_places_and_the_length_of_their_names_are_limited() -> None:
    profile = new_profile(0, 0, BEGIN_MS)
    for number in range(MAX_PLACES + 10):
        count_places(profile, purchase(number, store_id=f"s-{number}"))
    assert profile.channels is None
    assert profile.stores == {f"s-{number}": 1 for number in range(MAX_PLACES)}
    count_places(profile, purchase(0, store_id="s-3", channel="c" * 129))
    assert (most_frequent(profile.stores), profile.channels) == ("s-3", None)
    count_places(profile, purchase(0, channel="c" * 128))
    assert profile.channels == {"c" * 128: 1}


@pytest.mark.parametrize(
    ("orders", "returned", "refunded", "difficult"),
    [(2, 0, 2, False), (2, 1, 1, True), (7, 3, 3, True), (7, 4, 3, False), (10, 0, 3, True), (10, 0, 2, False)],
)
def test_a_customer_with_three_of_ten_orders_refunded_is_difficult(
    orders: int, returned: int, refunded: int, *, difficult: bool
) -> None:
    """Fully refunded orders are included in the number of orders."""
    profile = new_profile(0, 0, BEGIN_MS)
    profile.lifetime_orders, profile.returned_orders, profile.refunded_orders = orders, returned, refunded
    assert is_difficult(profile) is difficult


def test_an_order_with_several_refunds_counts_once_as_refunded() -> None:
    """A refund without an order counts for none; one that arrives before its order counts for it."""
    partition = Partition(CustomersTable())
    refunds = [("a", "o-1", 100), ("b", "o-1", 200), ("c", None, 300), ("d", "o-2", 1000), ("e", "o-2", 1)]
    records: list[JournalRecord] = [PolicyApplied("control", 0, 0, policy_text()), purchase(1)]
    for number, (refund_id, order_id, amount) in enumerate(refunds):
        head = ("refunds", 0, number, refund_id, BEGIN_MS, False)
        records.append(OrderRefunded(*head, refund_id, amount, "RUB", amount, None, order_id))
    for offset, record in enumerate([*records, purchase(2), purchase(3)]):
        assert partition.apply(offset, "c" if offset else "", record, [])
    profile = partition.customers.get("c")
    assert profile is not None
    assert (profile.refund_count, profile.refunded_orders, profile.returned_orders) == (5, 2, 1)
    assert (profile.lifetime_orders, is_difficult(profile)) == (2, True)


@pytest.mark.parametrize(
    ("orders", "discounted", "discounts", "net", "expected"),
    [
        (3, 3, 300, 500, True),  # 0.2 + 0.8 x 300 / 800: exactly a half
        (3, 3, 2999, 5000, False),  # 0.4999
        (3, 3, 299_999, 500_001, True),  # 0.499998 is 0.5 when rounded to four digits
        (2, 2, 300, 300, False),
        (3, 0, 0, 0, False),
        (3, 3, 300, -300, False),  # the net amount is negative: 0.2
    ],
)
def test_the_policy_sets_the_share_of_a_discount_seeker(
    orders: int, discounted: int, discounts: int, net: int, *, expected: bool
) -> None:
    profile = new_profile(0, 0, BEGIN_MS)
    profile.lifetime_orders, profile.discounted_orders = orders, discounted
    profile.discounts, profile.lifetime_net = discounts, net
    assert is_discount_seeker(profile, POLICY) is expected


def test_the_usual_gap_is_the_median_of_the_last_twelve_gaps() -> None:
    assert usual_gap(bought_on(0), POLICY.window_ms) is None
    assert usual_gap(bought_on(0, 10), POLICY.window_ms) == 10 * DAY_MS
    assert usual_gap(bought_on(0, 10, 13), POLICY.window_ms) == 13 * DAY_MS // 2
    assert usual_gap(bought_on(0, 10, 13, 14), POLICY.window_ms) == 3 * DAY_MS
    frequent_days = (0, 100, 200, 300, *range(301, 313))
    assert usual_gap(bought_on(*frequent_days), POLICY.window_ms) == DAY_MS, (
        "only one of the last twelve gaps is a hundred days"
    )


def test_the_usual_gap_uses_an_order_until_it_may_be_forgotten() -> None:
    days = (0, 400, 410)
    assert usual_gap(bought_on(*days, evaluated_day=729), POLICY.window_ms) == (400 + 10) * DAY_MS // 2
    assert usual_gap(bought_on(*days, evaluated_day=730), POLICY.window_ms) == 10 * DAY_MS
    late = bought_on(400, 410)
    late.packed_orders = late.packed_order_ids = b""
    at = [BEGIN_MS, BEGIN_MS + 400 * DAY_MS, BEGIN_MS + 410 * DAY_MS]
    late.orders = [Order(each, f"o{each}", 1000, 0, 0, max(each, BEGIN_MS + 401 * DAY_MS)) for each in at]
    late.evaluated_at = BEGIN_MS + 765 * DAY_MS
    assert usual_gap(late, POLICY.window_ms) == (400 + 10) * DAY_MS // 2, "a late order is remembered longer"
    late.evaluated_at = BEGIN_MS + 766 * DAY_MS
    assert usual_gap(late, POLICY.window_ms) == 10 * DAY_MS


def test_a_customer_is_overdue_by_a_multiple_of_the_gap() -> None:
    assert overdue_ratio(10, 100, 115) == Fraction(3, 2)
    assert overdue_ratio(None, 100, 115) is None
    assert overdue_ratio(0, 100, 115) is None
    profile = bought_on(0, 10, 20)
    assert overdue_at(profile, Decimal("2.5"), RULES) == BEGIN_MS + 45 * DAY_MS
    assert overdue_at(bought_on(0), Decimal(2), RULES) is None
    assert overdue_at(bought_on(0, 10, evaluated_day=31), Decimal(2), RULES) is None, "it is in the past"
    assert overdue_at(bought_on(0, 10, evaluated_day=30), Decimal(2), RULES) == BEGIN_MS + 30 * DAY_MS


def test_an_overdue_moment_accounts_for_orders_forgotten_before_it() -> None:
    """The first order is forgotten on day 730: later moments depend on the later orders."""
    assert overdue_at(bought_on(0, 364), Decimal(2), RULES) is None
    assert overdue_at(bought_on(0, 300, 500), Decimal(2), RULES) == BEGIN_MS + 900 * DAY_MS
    assert overdue_at(bought_on(0, 300, 500), Decimal("0.9"), RULES) == BEGIN_MS + 725 * DAY_MS


@pytest.mark.parametrize(
    ("birth_date", "timezone", "after", "begin", "year"),
    [
        ("1990-05-12", None, "2026-05-11T20:59:59.999Z", "2026-05-11T21:00:00.000Z", 2026),
        ("1990-05-12", None, "2026-05-11T21:00:00Z", "2027-05-11T21:00:00.000Z", 2027),
        ("1990-05-12", "America/New_York", "2026-05-11T21:00:00Z", "2026-05-12T04:00:00.000Z", 2026),
        ("1990-05-12", "Mars/Phobos", "2026-05-11T20:00:00Z", "2026-05-11T21:00:00.000Z", 2026),
        ("1990-01-01", None, "2026-12-31T20:59:59.999Z", "2026-12-31T21:00:00.000Z", 2027),
        ("1992-02-29", None, "2026-01-01T00:00:00Z", "2026-02-28T21:00:00.000Z", 2026),
        ("1992-02-29", None, "2026-03-01T00:00:00Z", "2027-02-28T21:00:00.000Z", 2027),
        ("1992-02-29", None, "2027-06-01T00:00:00Z", "2028-02-28T21:00:00.000Z", 2028),
        ("1990-11-04", "America/Sao_Paulo", "2018-11-01T00:00:00Z", "2018-11-04T03:00:00.000Z", 2018),
        ("1990-12-30", "Pacific/Apia", "2011-12-01T00:00:00Z", "2011-12-30T10:00:00.000Z", 2011),
        ("1990-11-01", "America/Havana", "2026-10-01T00:00:00Z", "2026-11-01T04:00:00.000Z", 2026),
        ("2026-05-12", None, "2026-01-01T00:00:00Z", "2027-05-11T21:00:00.000Z", 2027),  # not the day of birth
    ],
)
def test_a_birthday_begins_at_local_midnight(
    birth_date: str, timezone: str | None, after: str, begin: str, year: int
) -> None:
    found = birthday_at(customer_born(birth_date, timezone), parse_rfc3339(after), "Europe/Moscow")
    assert found is not None
    assert (format_ms(found[0]), found[1]) == (begin, year)


def test_an_unknown_birth_date_or_a_year_after_9999_has_no_birthday() -> None:
    assert birthday_at(new_profile(0, 0, BEGIN_MS), BEGIN_MS, "UTC") is None
    assert birthday_at(customer_born("1990-05-12"), parse_rfc3339("2199-12-31T23:59:59Z"), "UTC") is not None
    assert birthday_at(customer_born("1990-12-31"), 253_370_764_800_000, "UTC") is None  # the year 9999
