"""Convert a journal to another base currency: every sum as `admit` would have converted it under the new policy.

An event's own rate was a price in the old base currency and says nothing about the new one, so the rates are those of
the new policy. Sums that cannot be converted exactly are refused, all of them at once.
"""

from collections import Counter
from fractions import Fraction
from typing import Protocol

import msgspec

from state.config.policy import Policy
from state.records.events import AnonymousSale, CustomerEvent, OrderPlaced, OrderRefunded
from state.units.money import DIGITS, MAX_MINOR, convert

_replace = msgspec.structs.replace


class EventConversion(Protocol):
    """Convert the sums of events to the base currency of a new policy."""

    def __call__(self, event: CustomerEvent | AnonymousSale) -> CustomerEvent | AnonymousSale:
        """Return the event with its sums in the new base currency."""


class InexactConversion(Exception):
    """A sum cannot be converted exactly."""


def keep_sums(event: CustomerEvent | AnonymousSale) -> CustomerEvent | AnonymousSale:
    """Return the event as it is: the base currency stays, and so do the rates in the journal."""
    return event


class CurrencyConversion:
    """Convert from an old base currency to that of a policy.

    Attributes:
        errors: why events cannot be converted, with the number of events; filled by `check`.
    """

    def __init__(self, old_currency: str, policy: Policy) -> None:
        self.errors: Counter[str] = Counter()
        self._old = old_currency
        self._new = policy
        self._rates = {currency: Fraction(rate) for currency, rate in policy.rates.items()}

    def __call__(self, event: CustomerEvent | AnonymousSale) -> CustomerEvent | AnonymousSale:
        """Return the event with its sums in the new base currency.

        Raises:
            InexactConversion: one of them cannot be converted exactly.
        """
        if isinstance(event, OrderPlaced):
            base, rate = self._base_and_rate(event.amount, event.currency)
            return _replace(event, base=base, rate=rate, discount=self._discount(event))
        if isinstance(event, OrderRefunded):
            is_listed = event.currency == self._new.currency or event.currency in self._rates
            if not is_listed and event.order_id is not None:  # the fold uses the rate of the order
                return _replace(event, base=None, rate=None)
            base, rate = self._base_and_rate(event.amount, event.currency)
            return _replace(event, base=base, rate=rate)
        if isinstance(event, AnonymousSale):
            # the journal does not have the currency of the sale; exact if it was the old base currency
            total = self._converted(event.base, self._old) if event.base else event.base
            discount = self._converted(event.discount, self._old) if event.discount else 0
            return _replace(event, base=total, discount=discount)
        return event

    def check(self, event: CustomerEvent | AnonymousSale) -> None:
        """Note in `errors` if the event cannot be converted."""
        try:
            self(event)
        except InexactConversion as error:
            self.errors[str(error)] += 1

    def _base_and_rate(self, minor: int, currency: str) -> tuple[int, str | None]:
        if currency == self._new.currency:
            return minor, None
        return self._converted(minor, currency), format(self._new.rates[currency], "f")

    def _converted(self, minor: int, currency: str) -> int:
        if currency == self._new.currency:
            return minor
        rate = self._rates.get(currency)
        if rate is None:
            raise InexactConversion(
                f"rates must list {currency}: the journal has sums in it; add its price to the policy"
            )
        base = convert(minor, DIGITS[currency], rate, self._new.digits)
        if base > MAX_MINOR:
            raise InexactConversion(f"a sum in {currency} is over {MAX_MINOR} minor units of {self._new.currency}")
        return base

    def _discount(self, order: OrderPlaced) -> int:
        """Return the discount in the new base currency, by way of the order's own currency.

        The journal has it in the old base currency only, so the conversion of `admit` is undone first.
        """
        discount = order.discount
        if discount and order.rate is not None:
            discount = _unconverted(discount, order.currency, Fraction(order.rate), DIGITS[self._old])
        return self._converted(discount, order.currency) if discount else 0


def _unconverted(base: int, currency: str, rate: Fraction, base_digits: int) -> int:
    """Return the only sum in `currency` that converts to `base`, in minor units.

    Raises:
        InexactConversion: there are several.
    """
    digits = DIGITS[currency]
    nearest = int(Fraction(base * 10**digits, 10**base_digits) / rate)
    candidates = range(max(0, nearest - 1), nearest + 3)
    matching = [minor for minor in candidates if convert(minor, digits, rate, base_digits) == base]
    if len(matching) != 1:
        raise InexactConversion(
            f"discounts in {currency} cannot be recovered exactly from the journal: they were rounded to coarser "
            "units; keep the base currency"
        )
    return matching[0]
