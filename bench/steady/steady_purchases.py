"""Generate the purchases of a steady load: half of them change their customer's segment, in every second alike.

Shared with the process that publishes them, which runs in the peers' environment: it imports nothing else.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

VISITS: Final = 4
"""Purchases of a customer."""
CHANGING_VISITS: Final = 2
"""The first of them make a `new` customer, then an `active` one; the others leave the segment as it is."""
ROUBLES: Final = 1000
"""Of each purchase; the fourth one is still below every further threshold of the policy."""


@dataclass(frozen=True, slots=True)
class SteadyPurchase:
    """A purchase of the load, and whether it changes the segment; `visit` counts the customer's purchases from 1."""

    number: int
    customer_id: str
    visit: int

    @property
    def is_changing(self) -> bool:
        """Whether a change of segment follows from it."""
        return self.visit <= CHANGING_VISITS


def steady_purchases(name: str, rate: float) -> Iterator[SteadyPurchase]:
    """Yield the purchases of a load without end, in order.

    Of four in a row, one is its customer's first, one the second, and so on; a customer comes back after some seconds.
    In the first three seconds, customers who would have come earlier are new instead, so more purchases change a
    segment.

    Args:
        name: of the load; ids contain it, so that loads differ.
        rate: purchases per second.
    """
    customers_apart = max(1, round(rate / VISITS))
    visits: Counter[int] = Counter()
    number = 0
    while True:
        newest, step = divmod(number, VISITS)
        customer = newest - step * customers_apart
        visits[customer] += 1
        yield SteadyPurchase(number, f"{name}-{customer}", visits[customer])
        if step == VISITS - 1:
            del visits[customer]  # it was the last visit
        number += 1


def event_id_marker(name: str) -> bytes:
    """Return what stands before the number of a purchase of this load in the JSON of its event and of its change."""
    return f'"event_id":"{name}-'.encode()


def number_in(value: bytes, marker: bytes) -> int | None:
    """Return the number of the purchase that a JSON value names, without decoding it; None if it names none."""
    found = value.find(marker)
    if found < 0:
        return None
    begin = found + len(marker)
    return int(value[begin : value.index(b'"', begin)])


def value_of(purchase: SteadyPurchase, name: str, occurred_at: str, kind: str = "") -> bytes:
    """Return the JSON of a purchase, of some 250 bytes.

    Args:
        purchase: which.
        name: of its load.
        occurred_at: RFC 3339.
        kind: the `type` that a topic of several kinds needs; empty for none.
    """
    event_id = f"{name}-{purchase.number}"
    kind_field = f'"type":"{kind}",' if kind else ""
    return (
        f'{{{kind_field}"event_id":"{event_id}","customer_id":"{purchase.customer_id}","order_id":"o-{event_id}",'
        f'"occurred_at":"{occurred_at}","amount":"{ROUBLES}.00","currency":"RUB","discount":"0.00","channel":"pos",'
        '"store_id":"msk-001","till":3}'
    ).encode()
