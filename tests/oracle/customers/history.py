"""A customer's history: every order and refund ever applied, and everything counted from them at a moment."""

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

from tests.oracle import money
from tests.oracle.campaigns.campaign_history import CampaignHistory
from tests.oracle.customers.consents import Person


@dataclass(eq=False)
class Refund:
    """A refund; ``applied_at`` is its ``as_of``, or its order's if it waited for it."""

    refund_id: str
    order_id: str | None
    occurred_at: int
    applied_at: int
    amount_minor: int
    currency: str
    rate: Fraction | None
    """1 for the base currency, else the event's, else the policy's; None if there is none."""
    base: str

    @cached_property
    def value(self) -> int:
        """Return the value in base minor units at the refund's own rate."""
        if self.rate is None:
            message = f"refund {self.refund_id!r} in {self.currency} has no rate of its own"
            raise ValueError(message)
        return money.converted(self.amount_minor, self.currency, self.rate, self.base)


@dataclass(eq=False)
class Order:
    """A purchase with the refunds that name it."""

    order_id: str
    occurred_at: int
    applied_at: int
    amount_minor: int
    discount_minor: int
    currency: str
    rate: Fraction
    base: str
    store: str = ""
    channel: str = ""
    """Channel and store are empty if the purchase does not name them."""
    refunds: list[Refund] = field(default_factory=list)

    @cached_property
    def paid(self) -> int:
        """Return the amount paid, in base minor units."""
        return money.converted(self.amount_minor, self.currency, self.rate, self.base)

    @cached_property
    def discount(self) -> int:
        """Return the discount, in base minor units at the rate of the purchase."""
        return money.converted(self.discount_minor, self.currency, self.rate, self.base)

    def _claimed_in_own_currency(self) -> int:
        return sum(refund.amount_minor for refund in self.refunds if refund.currency == self.currency)

    def _claimed_elsewhere(self) -> int:
        return sum(refund.value for refund in self.refunds if refund.currency != self.currency)

    def _claimed(self) -> int:
        """Return the refunds in base minor units, before the cap.

        Those in the purchase's currency are summed in that currency and converted once, at the purchase's rate, so that
        refunding an order piece by piece leaves exactly zero; each other one is converted by itself.
        """
        own = min(self._claimed_in_own_currency(), self.amount_minor)
        return money.converted(own, self.currency, self.rate, self.base) + self._claimed_elsewhere()

    @property
    def refunded(self) -> int:
        """Return the amount refunded, in base minor units, at most the amount paid."""
        return min(self._claimed(), self.paid)

    @property
    def net(self) -> int:
        """Return the net revenue of the order, in base minor units."""
        return self.paid - self.refunded

    @property
    def fully_refunded(self) -> bool:
        """Return whether refunds >= amount > 0.

        Amounts are compared in the purchase's currency, or in base units if a refund in another currency is involved.
        """
        if self.amount_minor == 0:
            return False
        if self._claimed_in_own_currency() >= self.amount_minor:
            return True
        return self._claimed_elsewhere() > 0 and self._claimed() >= self.paid

    @property
    def over_refunded(self) -> bool:
        """Return whether more was refunded than paid."""
        return self._claimed_in_own_currency() > self.amount_minor or self._claimed() > self.paid


@dataclass
class History:
    """Everything applied to one customer, and the counting over it; moments and the window are milliseconds."""

    window_ms: int
    base: str
    orders: list[Order] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    """Every refund that arrived, even if it was dropped: their ids are remembered."""
    refunds_without_order: list[Refund] = field(default_factory=list)
    """Refunds that name no order."""
    waiting_refunds: list[Refund] = field(default_factory=list)
    person: Person = field(default_factory=Person)
    event_ids: list[str] = field(default_factory=list)
    """Event ids of signups, consents and contacts, oldest first."""
    contacts: Counter[str] = field(default_factory=Counter)
    referrals: list[tuple[str, str]] = field(default_factory=list)
    """Customer id and event id of each signup that named this customer and counted."""
    referred_at: list[int] = field(default_factory=list)
    """When each of them occurred."""
    campaigns: CampaignHistory = field(default_factory=CampaignHistory)

    # Remembered ids.

    def remembered_until(self, record: Order | Refund) -> int:
        """Return the moment from which on an order or a refund id is forgotten."""
        return max(record.occurred_at + self.window_ms, record.applied_at) + self.window_ms

    def remembered_order(self, order_id: str, as_of: int) -> Order | None:
        """Return the order of that id that is remembered at ``as_of``; there is at most one."""
        found = [order for order in self.orders if order.order_id == order_id and as_of < self.remembered_until(order)]
        return found[0] if found else None

    def remembers_refund(self, refund_id: str, as_of: int) -> bool:
        """Return whether a refund of that id is remembered at ``as_of``, even if it is waiting or was dropped."""
        return any(refund.refund_id == refund_id and as_of < self.remembered_until(refund) for refund in self.refunds)

    def dropped_at(self, refund: Refund) -> int:
        """Return the moment at which a waiting refund is dropped."""
        return refund.applied_at + self.window_ms

    # Figures at a moment.

    def in_window(self, record: Order | Refund, at: int) -> bool:
        """Return whether an order or a refund without order counts: it leaves at exactly ``occurred_at`` + window."""
        return at - self.window_ms < record.occurred_at

    def frequency(self, at: int) -> int:
        """Count the orders in the window that are not fully refunded."""
        return sum(self.in_window(order, at) and not order.fully_refunded for order in self.orders)

    def monetary(self, at: int) -> int:
        """Return the net revenue of the orders in the window minus refunds without order, in base minor units."""
        net_of_orders = sum(order.net for order in self.orders if self.in_window(order, at))
        return net_of_orders - sum(refund.value for refund in self.refunds_without_order if self.in_window(refund, at))

    # Lifetime figures.

    def kept_orders(self) -> list[Order]:
        """Return all orders ever that are not fully refunded."""
        return [order for order in self.orders if not order.fully_refunded]

    def first_order_at(self) -> int | None:
        """Return the earliest order that is not fully refunded."""
        return min((order.occurred_at for order in self.kept_orders()), default=None)

    def last_order_at(self) -> int | None:
        """Return the latest order that is not fully refunded, even outside the window: recency counts from here."""
        return max((order.occurred_at for order in self.kept_orders()), default=None)

    def lifetime_orders(self) -> int:
        """Count all orders that are not fully refunded."""
        return len(self.kept_orders())

    def gross(self) -> int:
        """Return everything ever paid, before refunds, including fully refunded orders."""
        return sum(order.paid for order in self.orders)

    def refunded(self) -> int:
        """Return everything ever refunded, with or without an order, without excess."""
        return sum(order.refunded for order in self.orders) + sum(refund.value for refund in self.refunds_without_order)

    def refund_count(self) -> int:
        """Count the refunds that reached an order or named none, including those that were all excess."""
        return sum(len(order.refunds) for order in self.orders) + len(self.refunds_without_order)

    def lifetime_value(self) -> int:
        """Return the net revenue ever: gross minus refunded."""
        return self.gross() - self.refunded()

    def discounts(self) -> int:
        """Return all discounts on orders that are not fully refunded."""
        return sum(order.discount for order in self.kept_orders())

    def discounted_orders(self) -> int:
        """Count the orders with a discount that are not fully refunded."""
        return sum(order.discount > 0 for order in self.kept_orders())

    def average_check(self) -> int:
        """Return lifetime value / lifetime orders in minor units, half to even."""
        return round(_quotient(self.lifetime_value(), self.lifetime_orders()))

    def discount_share(self) -> Decimal:
        """Return 0.2 x discounted orders / orders + 0.8 x discounts / (net + discounts), to 4 digits, half to even."""
        by_orders = _quotient(self.discounted_orders(), self.lifetime_orders())
        by_money = _quotient(self.discounts(), self.lifetime_value() + self.discounts())
        share = Fraction(2, 10) * by_orders + Fraction(8, 10) * by_money
        return Decimal(round(share * 10_000)) / 10_000


def _quotient(numerator: int, denominator: int) -> Fraction:
    return Fraction(numerator, denominator) if denominator > 0 else Fraction(0)
