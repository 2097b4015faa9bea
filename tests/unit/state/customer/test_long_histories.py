"""Order histories so long that they are stored in chunks."""

from typing import Any

from state.customer.order_chunks import LONG_HISTORY
from streams.defaults import policy_text
from tests.property.folding import Lane, journal_of


def purchase(number: int, at: str) -> dict[str, Any]:
    event = {"type": "purchase", "event_id": f"e{number}", "customer_id": "a", "order_id": f"o{number}"}
    return event | {"occurred_at": at, "amount": "100.00", "currency": "RUB"}


def test_a_customer_whose_long_history_has_expired_starts_a_new_one() -> None:
    """The new orders are remembered by a lane that continues and by one that recovers from the changelog."""
    long_history = [
        purchase(number, f"2020-01-01T00:{number // 60:02}:{number % 60:02}Z") for number in range(LONG_HISTORY)
    ]
    late = purchase(LONG_HISTORY, "2019-12-31T00:00:00Z")
    returning = purchase(LONG_HISTORY + 1, "2024-01-01T00:00:00Z")
    repeated = returning | {"occurred_at": "2024-01-02T00:00:00Z"}
    journal = journal_of(
        [{"type": "policy", "text": policy_text()}, *long_history, late, returning, repeated, repeated]
    )
    returning_index = len(journal) - 3
    lane = Lane(journal).run(recoveries={len(journal) - 2}, writes={returning_index})
    profile = lane.written.profiles()["a"]
    assert lane.duplicates["purchase"] == 2
    assert (profile.frequency, profile.lifetime_orders) == (1, LONG_HISTORY + 2)
