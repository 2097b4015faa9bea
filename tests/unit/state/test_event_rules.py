"""The table of events is complete."""

from typing import get_args

from state.fold.event_rules import EVENT_RULES
from state.records.events import CustomerErased, CustomerEvent


def test_every_event_of_a_customer_except_the_erasure_has_a_row() -> None:
    assert set(EVENT_RULES) == set(get_args(CustomerEvent)) - {CustomerErased}
