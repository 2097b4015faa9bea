"""A year of customers who are erased and return several times: a late write could undo an erasure."""

import json
import random
from typing import Any, Final

from tests.oracle import moments
from tests.records.kafka_records import Published
from tests.retail.rules import STEPPE
from tests.retail.year import BEGIN_MS, DAY_MS, YEAR_MS, Year

ROUNDS: Final = 9
"""An odd number: in the middle of the year every customer is known."""


def draw_erasure_history(seed: int, customers: int) -> Year:
    """Draw rounds in which every customer buys twice and is erased; a customer who buys again starts from null."""
    rng = random.Random(seed)
    year = Year(seed, STEPPE, [], [], [], moments.text(BEGIN_MS + YEAR_MS + 10 * DAY_MS))
    at = BEGIN_MS + 50 * DAY_MS
    for turn in range(ROUNDS):
        for kind in ("purchase", "purchase", "erasure"):
            for number in rng.sample(range(customers), customers):
                at += rng.randint(1_000, 600_000)
                _add_event(year, kind, f"c-{number}", at, f"{turn}-{at}", rng)
    for number in range(customers):
        if rng.random() < 0.7:
            _add_event(year, "purchase", f"c-{number}", at + number + 1, "last", rng)
    return year


def _add_event(year: Year, kind: str, customer: str, at: int, name: str, rng: random.Random) -> None:
    event: dict[str, Any] = {"type": kind, "event_id": f"{customer}-{name}", "customer_id": customer}
    event["occurred_at"] = moments.text(at)
    if kind == "purchase":
        event |= {"order_id": f"{customer}-{name}", "currency": STEPPE.currency}
        event["amount"] = f"{rng.randint(1, 30_000)}.00"
    year.events.append(event)
    year.records.append(Published(json.dumps(event).encode(), customer.encode()))
