"""Histories so long that they are written in chunks."""

from typing import Any

from state.customer.order_chunks import LONG_HISTORY
from streams.defaults import policy_text
from tests.property.folding import Lane, journal_of


def purchase(number: int, at: str) -> dict[str, Any]:
    event = {"type": "purchase", "event_id": f"e{number}", "customer_id": "a", "order_id": f"o{number}"}
    return event | {"occurred_at": at, "amount": "100.00", "currency": "RUB"}


def test_who_comes_back_when_a_long_history_is_all_forgotten_begins_a_new_one() -> None:
    """What they buy then is remembered, by who folds on and by who reads what was written."""
    many = [purchase(number, f"2020-01-01T00:{number // 60:02}:{number % 60:02}Z") for number in range(LONG_HISTORY)]
    late = purchase(LONG_HISTORY, "2019-12-31T00:00:00Z")
    back = purchase(LONG_HISTORY + 1, "2024-01-01T00:00:00Z")
    again = back | {"occurred_at": "2024-01-02T00:00:00Z"}
    journal = journal_of([{"type": "policy", "text": policy_text()}, *many, late, back, again, again])
    at_back = len(journal) - 3
    lane = Lane(journal).run(recoveries={len(journal) - 2}, writes={at_back})
    profile = lane.written.profiles()["a"]
    assert lane.duplicates["purchase"] == 2
    assert (profile.frequency, profile.lifetime_orders) == (1, LONG_HISTORY + 2)
