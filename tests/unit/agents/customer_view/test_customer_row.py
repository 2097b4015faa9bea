"""The Redis hash of a customer, computed from the single changelog record that `project` reads."""

import pytest

from agents.project.customer_row import customer_row, format_days, format_overdue
from state.config.policy_reader import parse_policy
from state.customer.profile import decode_profile, new_profile
from state.customer.segment_forecast import SegmentForecast
from state.fold.partition import Partition
from state.records.events import OrderPlaced, OrderRefunded, PolicyApplied
from state.units.timestamps import DAY_MS, parse_rfc3339
from streams.defaults import policy_text
from streams.tables.customers_table import CustomersTable, is_chunk

FORECAST = SegmentForecast(parse_policy(policy_text()))
BEGIN_MS = parse_rfc3339("2026-01-01T09:30:00Z")


RICH = """
name = "rich"
version = 1
recency_days.edges = [1, 2]
frequency.edges = [2, 5]
monetary.edges = [5, 20]
currency = "RUB"
[[segment]]
name = "rich"
when = { m = [3] }
[[segment]]
name = "poor"
"""


@pytest.mark.parametrize(("orders", "refunds"), [(1, 0), (256, 0), (300, 0), (700, 3), (300, 270), (100, 300)])
def test_a_row_of_a_long_history_does_not_need_its_chunks(orders: int, refunds: int) -> None:
    table = CustomersTable()
    partition = Partition(table)
    assert partition.apply(0, "", PolicyApplied("control", 0, 0, RICH), [])
    forecast = SegmentForecast(parse_policy(RICH))
    for number in range(1, orders + 1):
        head = ("events", 0, number, f"e-{number}", BEGIN_MS + number * DAY_MS // 2, False)
        order = OrderPlaced(*head, f"o-{number}", 1000, "RUB", 1000, None, 0, None, "web", "s-1")
        assert partition.apply(number, "c", order, [])
    for number in range(refunds):  # early and without an order: they leave the window before many of the orders
        head = ("events", 0, orders + 1 + number, f"r-{number}", BEGIN_MS + number, False)
        refund = OrderRefunded(*head, f"r-{number}", 10, "RUB", 10, None, None)
        assert partition.apply(orders + 1 + number, "c", refund, [])
    complete = table.get("c")
    assert complete is not None
    flushed = table.flush(forecast.stored_forecast)
    assert bool(flushed.chunks) == (orders > 256 or refunds > 256)
    (value,) = (value for key, value in flushed.profiles if not is_chunk(key))
    assert value is not None
    without_chunks = decode_profile(value)
    row = customer_row(without_chunks, forecast)
    complete.chunks, complete.refund_chunks = [], []
    assert row == customer_row(complete, forecast)
    assert bool(row["next_down"]) == (orders > 1)
    assert row["order_gap_days"] == ("" if orders == 1 else "0.5")


def test_unknown_values_are_empty_texts() -> None:
    profile = new_profile(0, 0, BEGIN_MS)
    profile.segment, profile.cell, profile.policy = "potential", "000", "retail-27@1"
    row = customer_row(profile, FORECAST)
    names = ("last_order_at", "next_down", "favourite_store", "favourite_channel", "order_gap_days", "overdue")
    assert {row[name] for name in names} == {""}
    assert row["next_up"] == '{"to":"new","orders":1}'
    assert (row["discount_seeker"], row["difficult"], row["referrals"]) == (0, 0, 0)


def test_gaps_and_multiples_are_truncated_decimals() -> None:
    assert [format_days(ms) for ms in (0, DAY_MS, DAY_MS * 3 // 2, DAY_MS + 86_400, 86_399)] == [
        *("0", "1", "1.5", "1.001", "0"),
    ]
    assert format_overdue(1000, 0, 1999) == "1.99"
    assert format_overdue(1000, 0, 2000) == "2.00"
    assert format_overdue(0, 0, 2000) == format_overdue(None, 0, 5) == format_overdue(5, None, 5) == ""
