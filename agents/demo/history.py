"""The history that the demo replays: real purchases of CDNOW, with what the data lack added by rule.

The data have no time of day; each purchase gets one. A share of the customers gets a signup with consents, ten minutes
before their first purchase. All of it is the same in every run.
"""

import csv
import gzip
from collections.abc import Iterable, Iterator
from datetime import date
from hashlib import sha256
from importlib.resources import files
from itertools import groupby
from operator import itemgetter
from typing import Final, NamedTuple

import orjson

from state.config.campaigns import is_in_share
from state.units.timestamps import DAY_MS, format_ms

CUSTOMERS: Final = 23_570
PURCHASES: Final = 69_659
HISTORY_END: Final = "1998-07-01T00:00:00Z"
"""The data end with the day before."""

SIGNUP_SHARE: Final = 0.6
EMAIL_CONSENT_SHARE: Final = 0.8
SMS_CONSENT_SHARE: Final = 0.25

_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
_MINUTE_MS: Final = 60_000
_OPENING_MS: Final = 9 * 60 * _MINUTE_MS
_OPENING_HOURS_MINUTES: Final = 12 * 60
_NEXT_ORDER_MS: Final = 5 * _MINUTE_MS
_SIGNUP_LEAD_MS: Final = 10 * _MINUTE_MS


class Purchase(NamedTuple):
    """A row of the data; `amount` in US dollars, as written."""

    customer: str
    day: str
    amount: str


class HistoryEvent(NamedTuple):
    """An event as a shop publishes it to `events`; `at_ms` is its `occurred_at`."""

    at_ms: int
    customer_id: str
    value: bytes


def read_purchases(max_customers: int | None = None) -> Iterator[Purchase]:
    """Yield the purchases of the first customers, by default of all, by customer, then by day."""
    with files(__package__).joinpath("cdnow.csv.gz").open("rb") as packed, gzip.open(packed, "rt", newline="") as text:
        rows = csv.reader(text)
        next(rows)
        customer_count, previous = 0, None
        for customer, day, _quantity, amount in rows:
            if customer != previous:
                customer_count, previous = customer_count + 1, customer
                if max_customers is not None and customer_count > max_customers:
                    return
            yield Purchase(customer, day, amount)


def build_history(purchases: Iterable[Purchase]) -> list[HistoryEvent]:
    """Return the purchases as events, together with the signups, in the order in which they occurred."""
    events: list[HistoryEvent] = []
    for customer, of_customer in groupby(purchases, key=itemgetter(0)):
        events.extend(_customer_events(customer, of_customer))
    events.sort(key=itemgetter(0, 1))
    return events


def can_be_messaged(customer_id: str) -> bool:
    """Return whether a customer has consented to email: campaigns reach the others at most by SMS."""
    return is_in_share("signup", customer_id, SIGNUP_SHARE) and is_in_share("email", customer_id, EMAIL_CONSENT_SHARE)


def _customer_events(customer: str, purchases: Iterable[Purchase]) -> Iterator[HistoryEvent]:
    customer_id = f"c-{customer}"
    number = 0
    for day, of_day in groupby(purchases, key=itemgetter(1)):
        at_ms = (date.fromisoformat(day).toordinal() - _EPOCH_ORDINAL) * DAY_MS + _time_of_day_ms(customer_id, day)
        for purchase in of_day:
            number += 1
            if number == 1 and is_in_share("signup", customer_id, SIGNUP_SHARE):
                yield _signup(customer_id, at_ms - _SIGNUP_LEAD_MS)
            yield _purchase(customer_id, number, at_ms, purchase.amount)
            at_ms += _NEXT_ORDER_MS


def _time_of_day_ms(customer_id: str, day: str) -> int:
    """Return the time of day of a customer's first order of a day: a minute between 9:00 and 21:00."""
    draw = int.from_bytes(sha256(f"{customer_id} {day}".encode()).digest()[:4], "big")
    return _OPENING_MS + draw % _OPENING_HOURS_MINUTES * _MINUTE_MS


def _signup(customer_id: str, at_ms: int) -> HistoryEvent:
    consent = {"email": is_in_share("email", customer_id, EMAIL_CONSENT_SHARE)}
    if is_in_share("sms", customer_id, SMS_CONSENT_SHARE):
        consent["sms"] = True
    fields = {
        "type": "signup",
        "event_id": f"{customer_id}-signup",
        "customer_id": customer_id,
        "occurred_at": format_ms(at_ms),
        "source": "web",
        "consent": consent,
    }
    return HistoryEvent(at_ms, customer_id, orjson.dumps(fields))


def _purchase(customer_id: str, number: int, at_ms: int, amount: str) -> HistoryEvent:
    order_id = f"{customer_id}-{number}"
    fields = {
        "type": "purchase",
        "event_id": f"{order_id}-paid",
        "customer_id": customer_id,
        "order_id": order_id,
        "occurred_at": format_ms(at_ms),
        "amount": amount,
        "currency": "USD",
        "channel": "web",
    }
    return HistoryEvent(at_ms, customer_id, orjson.dumps(fields))
