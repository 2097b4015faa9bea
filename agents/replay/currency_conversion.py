"""A journal in another base currency: every sum as `admit` would have converted it under the new policy.

An event's own rate was a price in the old base currency and says nothing of the new one, so the rates are those of the
new policy. What cannot be told exactly is refused, all of it at once.
"""

from collections import Counter
from fractions import Fraction
from typing import Protocol, TypeVar

import msgspec

from state.config.policy import Policy
from state.records.events import AnonymousSale, CustomerEvent, OrderPlaced, OrderRefunded
from state.units.money import DIGITS, MAX_MINOR, convert

Event = TypeVar("Event", bound=CustomerEvent | AnonymousSale)
_replace = msgspec.structs.replace


class Conversion(Protocol):
    """What becomes of an event's sums."""

    def __call__(self, event: CustomerEvent | AnonymousSale) -> CustomerEvent | AnonymousSale:
        """The event with its sums in the new base currency."""


class NotExact(Exception):
    """A sum that cannot be converted exactly."""


def unchanged(event: CustomerEvent | AnonymousSale) -> CustomerEvent | AnonymousSale:
    """The same base currency: every sum stays, at the rate that the journal has."""
    return event


class IntoCurrency:
    """Converts from the old base currency to that of a policy.

    Attributes:
        refused: what cannot be converted, in words, and how often it was met; filled by `look`.
    """

    def __init__(self, old_currency: str, policy: Policy) -> None:
        """Takes the base currency of the old journal and the new policy."""
        self.refused: Counter[str] = Counter()
        self._old = old_currency
        self._new = policy
        self._rates = {currency: Fraction(rate) for currency, rate in policy.rates.items()}

    def __call__(self, event: CustomerEvent | AnonymousSale) -> CustomerEvent | AnonymousSale:
        """The event with its sums in the new base currency.

        Raises:
            NotExact: one of them cannot be told.
        """
        if isinstance(event, OrderPlaced):
            paid, rate = self._base_and_rate(event.amount, event.currency)
            return _replace(event, base=paid, rate=rate, discount=self._discount(event))
        if isinstance(event, OrderRefunded):
            listed = event.currency == self._new.currency or event.currency in self._rates
            if not listed and event.order_id is not None:  # the rate of the order serves
                return _replace(event, base=None, rate=None)
            paid, rate = self._base_and_rate(event.amount, event.currency)
            return _replace(event, base=paid, rate=rate)
        if isinstance(event, AnonymousSale):
            # what it was paid in is not kept: of a sale in the old base currency this is exact
            base = self._converted(event.base, self._old) if event.base else event.base
            discount = self._converted(event.discount, self._old) if event.discount else 0
            return _replace(event, base=base, discount=discount)
        return event

    def look(self, event: CustomerEvent | AnonymousSale) -> None:
        """Notes what could not be converted, before anything is written."""
        try:
            self(event)
        except NotExact as fault:
            self.refused[str(fault)] += 1

    def _base_and_rate(self, minor: int, currency: str) -> tuple[int, str | None]:
        if currency == self._new.currency:
            return minor, None
        return self._converted(minor, currency), format(self._new.rates[currency], "f")

    def _converted(self, minor: int, currency: str) -> int:
        if currency == self._new.currency:
            return minor
        rate = self._rates.get(currency)
        if rate is None:
            raise NotExact(f"rates must list {currency}: the journal has sums in it; add its price to the policy")
        base = convert(minor, DIGITS[currency], rate, self._new.digits)
        if base > MAX_MINOR:
            raise NotExact(f"a sum in {currency} is over {MAX_MINOR} minor units of {self._new.currency}")
        return base

    def _discount(self, order: OrderPlaced) -> int:
        """The journal has the discount only in the old base currency: back to what was taken off, then forth."""
        own = order.discount
        if own and order.rate is not None:
            own = _unconverted(own, order.currency, Fraction(order.rate), DIGITS[self._old])
        return self._converted(own, order.currency) if own else 0


def _unconverted(base: int, currency: str, rate: Fraction, base_digits: int) -> int:
    """The only sum in `currency` that converts to `base`.

    Raises:
        NotExact: there are several.
    """
    digits = DIGITS[currency]
    nearest = int(Fraction(base * 10**digits, 10**base_digits) / rate)
    fitting = [
        own for own in range(max(0, nearest - 1), nearest + 3) if convert(own, digits, rate, base_digits) == base
    ]
    if len(fitting) != 1:
        raise NotExact(
            f"discounts in {currency} cannot be told exactly from the journal: they were rounded to coarser units; "
            "keep the base currency"
        )
    return fitting[0]
