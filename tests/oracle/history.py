"""A customer's history: every order and refund ever applied, and all that is counted from them at a moment."""

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

from tests.oracle import money
from tests.oracle.campaign_history import CampaignHistory
from tests.oracle.consents import Person


@dataclass(eq=False)
class Refund:
    """A refund as it came; ``applied_at`` is its ``as_of``, or its order's when it had to wait for it."""

    refund_id: str
    order_id: str | None
    occurred_at: int
    applied_at: int
    amount_minor: int
    currency: str
    rate: Fraction | None
    """1 for the base currency, else the event's, else the policy's; None when nobody named one."""
    base: str

    @cached_property
    def value(self) -> int:
        """Minor units of the base currency at the refund's own rate."""
        if self.rate is None:
            message = f"refund {self.refund_id!r} in {self.currency} has no rate of its own"
            raise ValueError(message)
        return money.converted(self.amount_minor, self.currency, self.rate, self.base)


@dataclass(eq=False)
class Order:
    """A purchase with the refunds that named it."""

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
    """Where it was placed; empty where nobody said."""
    refunds: list[Refund] = field(default_factory=list)

    @cached_property
    def paid(self) -> int:
        """What was paid, in base minor units."""
        return money.converted(self.amount_minor, self.currency, self.rate, self.base)

    @cached_property
    def discount(self) -> int:
        """What was taken off, in base minor units at the rate of the purchase."""
        return money.converted(self.discount_minor, self.currency, self.rate, self.base)

    def _claimed_in_own_currency(self) -> int:
        return sum(refund.amount_minor for refund in self.refunds if refund.currency == self.currency)

    def _claimed_elsewhere(self) -> int:
        return sum(refund.value for refund in self.refunds if refund.currency != self.currency)

    def _claimed(self) -> int:
        """Refunds in base minor units before the cap.

        Those in the purchase's currency are added up in that currency and converted once, at the purchase's rate, so
        that refunding an order piece by piece leaves exactly nothing; each other one is converted by itself.
        """
        own = min(self._claimed_in_own_currency(), self.amount_minor)
        return money.converted(own, self.currency, self.rate, self.base) + self._claimed_elsewhere()

    @property
    def refunded(self) -> int:
        """What was given back, in base minor units, never more than was paid."""
        return min(self._claimed(), self.paid)

    @property
    def net(self) -> int:
        """What the order brought in, in base minor units."""
        return self.paid - self.refunded

    @property
    def fully_refunded(self) -> bool:
        """Refunds >= amount > 0: in the purchase's own currency, or in base units once another one takes part."""
        if self.amount_minor == 0:
            return False
        if self._claimed_in_own_currency() >= self.amount_minor:
            return True
        return self._claimed_elsewhere() > 0 and self._claimed() >= self.paid

    @property
    def overdrawn(self) -> bool:
        """Whether more was refunded than paid."""
        return self._claimed_in_own_currency() > self.amount_minor or self._claimed() > self.paid


@dataclass
class History:
    """Everything applied to one customer, and the counting over it; moments and W are milliseconds."""

    window_ms: int
    base: str
    orders: list[Order] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    """Every refund that came, whatever became of it: their ids are remembered."""
    loose: list[Refund] = field(default_factory=list)
    """Refunds that named no order."""
    waiting: list[Refund] = field(default_factory=list)
    person: Person = field(default_factory=Person)
    event_ids: list[str] = field(default_factory=list)
    """Of signups, consents and contacts, oldest first."""
    contacts: Counter[str] = field(default_factory=Counter)
    brought: list[tuple[str, str]] = field(default_factory=list)
    """Of each signup that named this customer and counted: whose, and its event id."""
    brought_at: list[int] = field(default_factory=list)
    """When each of them occurred."""
    correspondence: CampaignHistory = field(default_factory=CampaignHistory)

    # What is remembered.

    def remembered_until(self, thing: Order | Refund) -> int:
        """The moment from which on an order or a refund id is forgotten."""
        return max(thing.occurred_at + self.window_ms, thing.applied_at) + self.window_ms

    def remembered_order(self, order_id: str, as_of: int) -> Order | None:
        """The order of that id which is remembered at ``as_of``; there is at most one."""
        found = [order for order in self.orders if order.order_id == order_id and as_of < self.remembered_until(order)]
        return found[0] if found else None

    def remembers_refund(self, refund_id: str, as_of: int) -> bool:
        """Whether a refund of that id is remembered at ``as_of``, be it waiting or dropped."""
        return any(refund.refund_id == refund_id and as_of < self.remembered_until(refund) for refund in self.refunds)

    def gives_up_at(self, refund: Refund) -> int:
        """The moment at which a waiting refund is dropped."""
        return refund.applied_at + self.window_ms

    # What counts at a moment.

    def in_window(self, thing: Order | Refund, at: int) -> bool:
        """Whether an order or a loose refund counts: it leaves at exactly ``occurred_at`` + W."""
        return at - self.window_ms < thing.occurred_at

    def frequency(self, at: int) -> int:
        """Orders that count and are not fully refunded."""
        return sum(self.in_window(order, at) and not order.fully_refunded for order in self.orders)

    def monetary(self, at: int) -> int:
        """Net of the orders that count, less the loose refunds that do, in base minor units."""
        brought_in = sum(order.net for order in self.orders if self.in_window(order, at))
        return brought_in - sum(refund.value for refund in self.loose if self.in_window(refund, at))

    # What counts for ever.

    def standing_orders(self) -> list[Order]:
        """All orders ever that are not fully refunded."""
        return [order for order in self.orders if not order.fully_refunded]

    def first_order_at(self) -> int | None:
        """The earliest order not fully refunded."""
        return min((order.occurred_at for order in self.standing_orders()), default=None)

    def last_order_at(self) -> int | None:
        """The latest order not fully refunded, in the window or not: recency counts from here."""
        return max((order.occurred_at for order in self.standing_orders()), default=None)

    def lifetime_orders(self) -> int:
        """Orders ever, without the fully refunded."""
        return len(self.standing_orders())

    def gross(self) -> int:
        """What was ever paid, before refunds, fully refunded orders included."""
        return sum(order.paid for order in self.orders)

    def refunded(self) -> int:
        """What was ever given back, for an order or without one; excess left out."""
        return sum(order.refunded for order in self.orders) + sum(refund.value for refund in self.loose)

    def refund_count(self) -> int:
        """Refunds that reached an order or named none, those included whose money was all excess."""
        return sum(len(order.refunds) for order in self.orders) + len(self.loose)

    def lifetime_value(self) -> int:
        """Net revenue ever: gross less refunded."""
        return self.gross() - self.refunded()

    def discounts(self) -> int:
        """Discounts ever given on orders that are not fully refunded."""
        return sum(order.discount for order in self.standing_orders())

    def discounted_orders(self) -> int:
        """Orders not fully refunded from which something was taken off."""
        return sum(order.discount > 0 for order in self.standing_orders())

    def average_check(self) -> int:
        """Lifetime value by lifetime orders in minor units, half to even."""
        return round(_quotient(self.lifetime_value(), self.lifetime_orders()))

    def discount_share(self) -> Decimal:
        """0.2 x discounted orders / orders + 0.8 x discounts / (net + discounts), to four digits, half to even."""
        by_orders = _quotient(self.discounted_orders(), self.lifetime_orders())
        by_money = _quotient(self.discounts(), self.lifetime_value() + self.discounts())
        share = Fraction(2, 10) * by_orders + Fraction(8, 10) * by_money
        return Decimal(round(share * 10_000)) / 10_000


def _quotient(numerator: int, denominator: int) -> Fraction:
    return Fraction(numerator, denominator) if denominator > 0 else Fraction(0)
