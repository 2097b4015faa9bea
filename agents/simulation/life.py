"""Simulate the whole life of one customer with the shop.

Purchases follow the BG/NBD model (Fader, Hardie and Lee, "Counting Your Customers the Easy Way", Marketing Science 24,
2005). The time between purchases is exponential, at a rate that is gamma-distributed over customers: a few buy very
often, most of them seldom. After each purchase the customer drops out with a probability that is beta-distributed over
customers. Unlike in the model, some customers come back.
"""

import math
from collections.abc import Iterator
from random import Random
from typing import Any, Final, NamedTuple

from agents.simulation.world import (
    CITIES,
    CITY_WEIGHTS,
    COUPONS,
    DISCOUNT_PERCENTS,
    HOUR_WEIGHTS,
    SIGNUP_SOURCES,
    City,
    median_order,
)
from state.units.money import DIGITS, format_minor
from state.units.timestamps import DAY_MS

_HOUR_MS: Final = 3_600_000
_HOURS: Final = tuple(range(24))

SIGNUP_SHARE: Final = 0.72
PURCHASE_AFTER_SIGNUP_SHARE: Final = 0.88
RATE_SHAPE: Final = 0.9
RATE_SCALE: Final = 1 / 18  # purchases per day; the mean customer buys every 20 days until dropping out
MIN_RATE: Final = 1 / 300
DROPOUT_ALPHA: Final = 1.2
DROPOUT_BETA: Final = 6.0
REACTIVATED_SHARE: Final = 0.18
ABSENCE_DAYS: Final = (90.0, 330.0)
REFUNDED_SHARE: Final = 0.045
REFUND_WITHOUT_ORDER_SHARE: Final = 0.08
FULL_REFUND_SHARE: Final = 0.6
FREE_ORDER_SHARE: Final = 0.003
CONSENT_CHANGE_SHARE: Final = 0.06
CONSENT_GRANT_SHARE: Final = 0.35
COUPON_SHARE: Final = 0.5
BIRTH_DATE_SHARE: Final = 0.6
CONSENT_SHARES: Final = {"email": 0.75, "sms": 0.45, "push": 0.3}


class LifeEvent(NamedTuple):
    """An event of a customer; `number` counts the customer's events from 0, `fields` are those besides its ids."""

    at_ms: int
    customer: int
    number: int
    fields: dict[str, Any]


class Life:
    """A customer who joins at `joined_ms` and has events until `end_ms`; `seed` and `customer` determine everything."""

    def __init__(self, seed: str, customer: int, joined_ms: int, end_ms: int, currency: str) -> None:
        self.customer = customer
        self.joined_ms = joined_ms
        self.end_ms = end_ms
        self.currency = currency
        self.random = draw = Random(f"{seed}:{customer}")
        self.city: City = draw.choices(CITIES, CITY_WEIGHTS)[0]
        self.store = draw.choice(self.city.stores)
        self._online_share = draw.betavariate(0.6, 0.9)
        self._discount_share = draw.betavariate(0.8, 3.0)
        self._median_order = math.exp(draw.gauss(0.0, 0.55)) * median_order(currency)
        self._orders = 0

    def events(self) -> list[LifeEvent]:
        """Return all events of the customer in order of time."""
        drawn = sorted(self._draw_events(), key=lambda each: each[0])
        return [
            LifeEvent(at_ms, self.customer, number, fields)
            for number, (at_ms, fields) in enumerate(drawn)
            if self.joined_ms <= at_ms < self.end_ms
        ]

    def _draw_events(self) -> Iterator[tuple[int, dict[str, Any]]]:
        draw = self.random
        first = self._open_hour(self.joined_ms)
        if draw.random() < SIGNUP_SHARE:
            yield first, self._signup()
            if draw.random() < CONSENT_CHANGE_SHARE:
                at = first + int(draw.expovariate(1 / 90) * DAY_MS)
                channel = draw.choice(("email", "sms", "push", "all"))
                yield at, {"type": "consent", "channel": channel, "granted": draw.random() < CONSENT_GRANT_SHARE}
            if draw.random() >= PURCHASE_AFTER_SIGNUP_SHARE:
                return
            first = self._open_hour(first + int(draw.expovariate(1 / 6) * DAY_MS))
        at = first
        rate, dropout = self._draw_rate_and_dropout()
        while at < self.end_ms:
            yield from self._order(at)
            if draw.random() < dropout:
                if draw.random() >= REACTIVATED_SHARE:
                    return
                at += int(draw.uniform(*ABSENCE_DAYS) * DAY_MS)
                rate, dropout = self._draw_rate_and_dropout()
            at = max(at + _HOUR_MS, self._open_hour(at + int(draw.expovariate(rate) * DAY_MS)))

    def _draw_rate_and_dropout(self) -> tuple[float, float]:
        """Return purchases per day, and the probability of dropping out after each."""
        draw = self.random
        return max(MIN_RATE, draw.gammavariate(RATE_SHAPE, RATE_SCALE)), draw.betavariate(DROPOUT_ALPHA, DROPOUT_BETA)

    def _order(self, at_ms: int) -> Iterator[tuple[int, dict[str, Any]]]:
        draw = self.random
        self._orders += 1
        order_id = f"o-{self.customer}-{self._orders}"
        digits = DIGITS[self.currency]
        price = max(1, round(self._median_order * math.exp(draw.gauss(0.0, 0.45)) * 10**digits))
        discount = 0
        fields: dict[str, Any] = {"type": "purchase", "order_id": order_id}
        if draw.random() < FREE_ORDER_SHARE:
            discount = price
            fields["coupon"] = "GIFT"
        elif draw.random() < self._discount_share:
            discount = price * draw.choice(DISCOUNT_PERCENTS) // 100
            if draw.random() < COUPON_SHARE:
                fields["coupon"] = draw.choice(COUPONS)
        amount = price - discount
        fields |= {"amount": format_minor(amount, digits), "currency": self.currency}
        if discount:
            fields["discount"] = format_minor(discount, digits)
        if draw.random() < self._online_share:
            fields["channel"] = draw.choice(("web", "app"))
        else:
            fields |= {"channel": "store", "store_id": self.store}
        yield at_ms, fields
        if amount and draw.random() < REFUNDED_SHARE:
            yield self._refund(at_ms, order_id, amount, digits)

    def _refund(self, ordered_ms: int, order_id: str, amount: int, digits: int) -> tuple[int, dict[str, Any]]:
        draw = self.random
        refunded = amount if draw.random() < FULL_REFUND_SHARE else max(1, amount * draw.randrange(10, 90) // 100)
        fields = {"type": "refund", "refund_id": f"r{order_id[1:]}", "amount": format_minor(refunded, digits)}
        fields["currency"] = self.currency
        if draw.random() >= REFUND_WITHOUT_ORDER_SHARE:
            fields["order_id"] = order_id
        return self._open_hour(ordered_ms + int((1 + draw.expovariate(1 / 5)) * DAY_MS)), fields

    def _signup(self) -> dict[str, Any]:
        draw = self.random
        fields: dict[str, Any] = {
            "type": "signup",
            "source": draw.choice(SIGNUP_SOURCES),
            "consent": {channel: draw.random() < share for channel, share in CONSENT_SHARES.items()},
            "city": self.city.name,
            "country": self.city.country,
            "timezone": self.city.timezone,
            "language": self.city.language,
        }
        if draw.random() < BIRTH_DATE_SHARE:
            fields["birth_date"] = f"{draw.randrange(1950, 2008)}-{draw.randrange(1, 13):02}-{draw.randrange(1, 29):02}"
        if self.customer > 1 and fields["source"] == "friend":
            fields["referred_by"] = customer_id(draw.randrange(1, self.customer))
        return fields

    def _open_hour(self, at_ms: int) -> int:
        """Return a moment of the same day, at an hour drawn from shopping hours."""
        hour = self.random.choices(_HOURS, HOUR_WEIGHTS)[0]
        return at_ms - at_ms % DAY_MS + hour * _HOUR_MS + self.random.randrange(_HOUR_MS)


def customer_id(number: int) -> str:
    """Return the id of a customer by number, from 1."""
    return f"c-{number}"
