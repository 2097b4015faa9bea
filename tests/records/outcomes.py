"""Outcomes of campaigns, as a worker publishes them."""

from typing import Any

import msgspec

from state.records.outputs import Outcome
from state.records.reasons import Group


def make_outcome(customer_id: str, group: str = "treated", **fields: Any) -> Outcome:
    """Return the outcome of a customer who entered `win-back` and bought nothing, with other values of some fields."""
    outcome = Outcome(
        customer_id=customer_id,
        campaign="win-back",
        change=None,
        group=Group(group),
        sent=int(group == "treated"),
        opened=0,
        clicked=0,
        redeemed=0,
        cost="0.00",
        orders=0,
        net="0.00",
        currency="RUB",
        from_at="2026-05-12T09:30:00.000Z",
        to_at="2026-05-26T09:30:00.000Z",
        campaigns="retail@1",
    )
    return msgspec.structs.replace(outcome, **fields)
