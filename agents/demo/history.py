"""The history that the demo replays: real purchases from CDNOW, with what the data do not say made up by rule.

Made up are the time of day of each purchase, and for a share of the customers a signup with consents, some minutes
before the first one. The same at every run.
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

import msgspec

from state.config.campaigns import is_in_share
from state.units.timestamps import DAY_MS, format_ms

CUSTOMERS: Final = 23_570
PURCHASES: Final = 69_659
HISTORY_END: Final = "1998-07-01T00:00:00Z"
"""The data end with the day before."""

SIGNUP_SHARE: Final = 0.6
EMAIL_CONSENT_SHARE: Final = 0.8
SMS_CONSENT_SHARE: Final = 0.25

_EPOCH: Final = date(1970, 1, 1).toordinal()
_MINUTE_MS: Final = 60_000
_OPENS_MS: Final = 9 * 60 * _MINUTE_MS
_OPEN_FOR_MINUTES: Final = 12 * 60
_NEXT_ORDER_MS: Final = 5 * _MINUTE_MS
_SIGNED_UP_BEFORE_MS: Final = 10 * _MINUTE_MS


class Purchase(NamedTuple):
    """A row of the data; `amount` in US dollars, as written."""

    customer: str
    day: str
    amount: str


class HistoryEvent(NamedTuple):
    """An event as a shop publishes it to `events`; `at_ms` is when it occurred."""

    at_ms: int
    customer_id: str
    value: bytes


def read_purchases(customers: int | None = None) -> Iterator[Purchase]:
    """The purchases of the first so many customers, of all unless given; by customer, then by day."""
    with files(__package__).joinpath("cdnow.csv.gz").open("rb") as packed, gzip.open(packed, "rt", newline="") as text:
        rows = csv.reader(text)
        next(rows)
        seen, last = 0, None
        for customer, day, _quantity, amount in rows:
            if customer != last:
                seen, last = seen + 1, customer
                if customers is not None and seen > customers:
                    return
            yield Purchase(customer, day, amount)


def build_history(purchases: Iterable[Purchase]) -> list[HistoryEvent]:
    """The purchases as events, with the signups, in the order in which they occurred."""
    events: list[HistoryEvent] = []
    for customer, bought in groupby(purchases, key=itemgetter(0)):
        events.extend(_customer(customer, bought))
    events.sort(key=itemgetter(0, 1))
    return events


def _customer(customer: str, bought: Iterable[Purchase]) -> Iterator[HistoryEvent]:
    customer_id = f"c-{customer}"
    number = 0
    for day, of_the_day in groupby(bought, key=itemgetter(1)):
        at_ms = (date.fromisoformat(day).toordinal() - _EPOCH) * DAY_MS + _opened_since_ms(customer_id, day)
        for purchase in of_the_day:
            number += 1
            if number == 1 and is_in_share("signup", customer_id, SIGNUP_SHARE):
                yield _signup(customer_id, at_ms - _SIGNED_UP_BEFORE_MS)
            yield _purchase(customer_id, number, at_ms, purchase.amount)
            at_ms += _NEXT_ORDER_MS


def _opened_since_ms(customer_id: str, day: str) -> int:
    """The time of day of a customer's first order of a day: some minute between nine and nine."""
    lot = int.from_bytes(sha256(f"{customer_id} {day}".encode()).digest()[:4], "big")
    return _OPENS_MS + lot % _OPEN_FOR_MINUTES * _MINUTE_MS


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
    return HistoryEvent(at_ms, customer_id, msgspec.json.encode(fields))


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
    return HistoryEvent(at_ms, customer_id, msgspec.json.encode(fields))
