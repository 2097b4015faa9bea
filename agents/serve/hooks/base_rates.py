"""What other currencies cost in the policy's, for orders that state a rate to the currency of their shop."""

from decimal import Context, Decimal
from typing import Final

import msgspec

from state.intake.admission_result import AdmissionRules

RATE_CONTEXT: Final = Context(prec=12)
"""For rates that are computed: twelve significant digits."""


class BaseRates(msgspec.Struct, frozen=True):
    """The currency of the policy, and its rates.

    Attributes:
        currency: the base currency.
        rates: price of one unit of another currency in it.
    """

    currency: str
    rates: dict[str, Decimal]

    def of_order(self, currency: str, rate: str, shop_currency: str) -> str:
        """Return the price of one unit of a currency in the base currency, by the rate of an order.

        Empty if the order states none, or none that leads to the base currency: then the policy decides.

        Args:
            currency: of an amount.
            rate: price of one unit of the buyer's currency in the shop's; empty if they are the same.
            shop_currency: of the shop.
        """
        if not rate or currency in (shop_currency, self.currency):
            return ""
        if shop_currency == self.currency:
            return rate
        listed = self.rates.get(shop_currency)
        return "" if listed is None else format(RATE_CONTEXT.multiply(Decimal(rate), listed).normalize(), "f")


def base_rates(rules: AdmissionRules) -> BaseRates:
    """Return those of the active policy."""
    return BaseRates(rules.currency, rules.rates)
