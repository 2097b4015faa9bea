"""Orders that arrive after they have left the window."""

from typing import Any

import pytest

from streams.defaults import policy_text
from tests.oracle import Oracle
from tests.property.folding import PREFIX, Lane, journal_of
from tests.property.profile_comparison import differences


def purchase(order_id: str, at: str) -> dict[str, Any]:
    event = {"type": "purchase", "event_id": order_id, "customer_id": "a", "order_id": order_id, "currency": "RUB"}
    return event | {"occurred_at": f"{at}T00:00:00Z", "amount": "100.00"}


@pytest.mark.parametrize("late_day", ["2019-12-30", "2020-01-03"])
def test_a_late_order_outside_the_window_counts_only_for_the_lifetime(late_day: str) -> None:
    """A fully refunded order leaves the window without an evaluation; the late order is older or younger."""
    refund = {"type": "refund", "event_id": "r", "customer_id": "a", "refund_id": "r", "order_id": "A"}
    steps: list[dict[str, Any]] = [
        {"type": "policy", "text": policy_text()},
        purchase("A", "2020-01-01"),
        refund | {"occurred_at": "2020-01-02T00:00:00Z", "amount": "100.00", "currency": "RUB"},
        purchase("C", "2020-10-01"),
        {"type": "tick", "at": "2021-01-06T00:00:00Z"},
        purchase("B", late_day),
        {"type": "tick", "at": "2021-01-07T00:00:00Z"},
    ]
    lane = Lane(journal_of(steps)).run()
    assert differences(lane, Oracle(PREFIX).run(steps)) == []
    profile = lane.written.profiles()["a"]
    assert (profile.frequency, profile.monetary, profile.lifetime_orders) == (1, 10_000, 2)
