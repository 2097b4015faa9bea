"""The events that are sent: purchases, a fifth of them by customers who have none yet, which causes changes."""

import time
from itertools import count
from typing import Final

from state.units.timestamps import format_ms

REGULARS: Final = 200
"""Customers who buy again and again, and whose segment soon stays the same."""
NEW_EVERY: Final = 5
"""Of so many purchases, one is the first of its customer: a change."""

_numbers: Final = count()


def purchase() -> bytes:
    """Return the next purchase as JSON."""
    number = next(_numbers)
    customer = f"n-{number}" if number % NEW_EVERY == 0 else f"r-{number % REGULARS}"
    moment = format_ms(int(time.time() * 1000))
    return (
        f'{{"type":"purchase","event_id":"e-{number}","customer_id":"{customer}","order_id":"o-{number}",'
        f'"occurred_at":"{moment}","amount":"990.00","currency":"RUB","channel":"till"}}'
    ).encode()


def batch(size: int) -> bytes:
    """Return a body with some purchases."""
    return b'{"events":[' + b",".join(purchase() for _ in range(size)) + b"]}"


def regular_customer(number: int) -> str:
    """Return the id of a customer who is known once `REGULARS` purchases are processed."""
    return f"r-{number % REGULARS}" if number % REGULARS % NEW_EVERY else f"r-{number % REGULARS + 1}"
