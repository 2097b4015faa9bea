"""The next drop by time alone, and the least purchase that raises the segment: one case of each kind."""

import pytest

from state.config.policy_reader import parse_policy
from state.customer.profile import Profile
from state.customer.segment_forecast import NextDrop, NextRise, SegmentForecast
from state.fold.partition import Partition
from state.records.events import JournalRecord, OrderPlaced, OrderRefunded, PolicyApplied
from state.units.timestamps import DAY_MS
from streams.tables.customers_table import CustomersTable

HEAD = """
name = "shop"
version = 1
currency = "{}"
recency_days.edges = [60, 180]
frequency.edges = [2, 5]
monetary.edges = {}
"""


def shop(*conditions: str, currency: str = "RUB", edges: str = "[5, 20]") -> str:
    """Return a policy with the segments s0, s1, … for these conditions, and `rest` for all others."""
    segments = (f'[[segment]]\nname = "s{number}"\nwhen = {{ {when} }}\n' for number, when in enumerate(conditions))
    return HEAD.format(currency, edges) + "".join(segments) + '[[segment]]\nname = "rest"\n'


def order(day: int, major: int, order_id: str = "", currency: str = "RUB") -> OrderPlaced:
    minor = major * (100 if currency == "RUB" else 1)
    head = ("events", 0, day, f"e-{day}", day * DAY_MS, False)
    return OrderPlaced(*head, order_id or f"o-{day}", minor, currency, minor, None, 0, None, None, None)


def refund(day: int, major: int, order_id: str | None = None) -> OrderRefunded:
    head = ("events", 1, day, f"r-{day}", day * DAY_MS, False)
    return OrderRefunded(*head, f"r-{day}", major * 100, "RUB", major * 100, None, order_id)


def customer_after(policy: str, *events: OrderPlaced | OrderRefunded) -> Profile:
    """Return the customer after these events, folded in this order."""
    partition = Partition(CustomersTable())
    records: list[JournalRecord] = [PolicyApplied("control", 0, 0, policy), *events]
    for offset, record in enumerate(records):
        assert partition.apply(offset, "c" if offset else "", record, [])
    profile = partition.customers.get("c")
    assert profile is not None
    return profile


GOLD = shop("f = [3], m = [3]", "f = [2, 3]")


@pytest.mark.parametrize(
    ("policy", "events", "segment", "up"),
    [
        (GOLD, [refund(0, 1)], "potential", NextRise("rest", 1, None)),
        (GOLD, [order(0, 1)], "rest", NextRise("s1", 1, None)),
        (GOLD, [order(0, 5), order(1, 5)], "s1", NextRise("s0", 3, 1000)),
        (GOLD, [order(0, 20), order(1, 5)], "s1", NextRise("s0", 3, None)),
        (GOLD, [order(day, 1) for day in range(5)], "s1", NextRise("s0", None, 1500)),
        (GOLD, [order(day, 1) for day in range(4)], "s1", NextRise("s0", None, 1600)),
        (GOLD, [order(day, 4) for day in range(4)], "s1", NextRise("s0", None, 400)),
        (GOLD, [order(day, 5) for day in range(4)], "s1", NextRise("s0", 1, None)),
        (GOLD, [order(day, 5) for day in range(5)], "s0", None),
        (shop("m = [3]"), [order(0, 5), refund(1, 8)], "rest", NextRise("s0", None, 2300)),
        (shop("m = [3]"), [order(0, 3)], "rest", NextRise("s0", None, 1700)),
        (shop("m = [2]"), [order(0, 30)], "rest", None),
        # a rule for customers with few orders precedes a rule for all others: unusual, but allowed
        (
            shop("f = [3]", "orders_max = 2") + '[[segment]]\nname = "s0"\n',
            [order(0, 1)],
            "s1",
            NextRise("s0", 4, None),
        ),
        (
            shop("m = [3]", "orders_max = 2").replace('"rest"', '"s0"'),
            [order(0, 1)],
            "s1",
            NextRise("s0", None, 1900),
        ),
        (
            shop("f = [3], m = [3]", "orders_max = 2").replace('"rest"', '"s0"'),
            [order(0, 1)],
            "s1",
            NextRise("s0", 2, None),
        ),
        # both thresholds are equal in whole yen: the score between them cannot be reached
        (
            shop("m = [3]", "m = [2]", currency="JPY", edges="[4.1, 4.2]"),
            [order(0, 1, currency="JPY")],
            "rest",
            NextRise("s0", None, 4),
        ),
    ],
)
def test_the_least_purchase_that_raises_the_segment(
    policy: str, events: list[OrderPlaced | OrderRefunded], segment: str, up: NextRise | None
) -> None:
    """One more order of any amount if possible, else one of a minimum amount, else several, of a minimum if needed."""
    profile = customer_after(policy, *events)
    assert profile.segment == segment
    assert SegmentForecast(parse_policy(policy)).next_rise(profile) == up


LOYAL = shop("f = [3]", "f = [2]")


@pytest.mark.parametrize(
    ("policy", "events", "down"),
    [
        (LOYAL, [order(0, 1)], None),
        (LOYAL, [order(0, 1), order(9, 1)], NextDrop(365 * DAY_MS, "rest")),
        (LOYAL, [order(0, 1), order(3, 1), order(9, 1)], NextDrop(368 * DAY_MS, "rest")),
        (LOYAL, [order(0, 1), order(3, 1), order(9, 1), refund(10, 1, "o-0")], NextDrop(368 * DAY_MS, "rest")),
        (LOYAL, [order(0, 1), order(3, 1), order(9, 1), refund(10, 1, "o-3")], NextDrop(365 * DAY_MS, "rest")),
        (LOYAL, [order(day, 1) for day in range(5)], NextDrop(365 * DAY_MS, "s1")),
        (LOYAL, [order(day, 1) for day in (0, 1, 400, 401, 402)], NextDrop(766 * DAY_MS, "rest")),
        (shop("r = [3]"), [order(0, 1)], NextDrop(60 * DAY_MS, "rest")),
        (shop("r = [2]"), [order(0, 1)], NextDrop(60 * DAY_MS, "s0")),
        (shop("m = [3]"), [order(0, 10), order(5, 9), order(6, 9)], NextDrop(365 * DAY_MS, "rest")),
        (shop("m = [3]"), [order(0, 10), order(5, 9), order(6, 11)], NextDrop(370 * DAY_MS, "rest")),
        # time may also lead to a better segment
        (shop("m = [3]"), [refund(0, 9), order(6, 21)], NextDrop(365 * DAY_MS, "s0")),
        (shop("m = [2]"), [refund(0, 9), order(1, 2), order(6, 21)], NextDrop(365 * DAY_MS, "rest")),
        (shop("m = [2, 3]", "r = [1]"), [refund(0, 9)], None),  # without orders the customer stays potential
    ],
)
def test_the_next_drop_by_time_alone(
    policy: str, events: list[OrderPlaced | OrderRefunded], down: NextDrop | None
) -> None:
    """When an order or a refund without an order leaves the window, or when recency drops."""
    assert SegmentForecast(parse_policy(policy)).next_drop(customer_after(policy, *events)) == down


def test_a_drop_is_computed_from_a_limited_number_of_orders() -> None:
    profile = customer_after(shop("f = [2]"), *(order(day, 1) for day in range(12)))
    forecast = SegmentForecast(parse_policy(shop("f = [2]")))
    exact = forecast.next_drop(profile)
    assert exact == NextDrop(365 * DAY_MS + 7 * DAY_MS, "s0")
    assert forecast.next_drop(profile, 8) == exact
    assert forecast.next_drop(profile, 7) is None
