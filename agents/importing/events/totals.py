"""Count events for the report."""

from collections import Counter
from decimal import ROUND_HALF_EVEN, Decimal

import msgspec

from agents.importing.events.imported_event import ImportedEvent


class Totals(msgspec.Struct):
    """What the files hold, whether it has been imported before or not. Money is in the base currency.

    Attributes:
        rows: read, of all files.
        events: number by kind.
        orders: purchases, with anonymous ones.
        anonymous: purchases without a customer.
        refunds: refunds.
        customers: distinct ids.
        gross_minor, refunds_minor: sums of known and anonymous orders and refunds, rounded once; of an order, no more
            is refunded than was paid.
        first_ms, last_ms: first and last moment of an order or refund; of any event, if there are none.
        reachable: number of customers with a consent, by channel.
    """

    rows: int = 0
    events: Counter[str] = msgspec.field(default_factory=Counter)
    orders: int = 0
    anonymous: int = 0
    refunds: int = 0
    customers: int = 0
    gross_minor: int = 0
    refunds_minor: int = 0
    first_ms: int | None = None
    last_ms: int | None = None
    reachable: dict[str, int] = msgspec.field(default_factory=dict)

    def restore(self, gross: Decimal, refunds: Decimal) -> None:
        """Add what rounding each order and refund took away, in minor units, and round the sums instead."""
        self.gross_minor = int((self.gross_minor + gross).to_integral_value(ROUND_HALF_EVEN))
        self.refunds_minor = int((self.refunds_minor + refunds).to_integral_value(ROUND_HALF_EVEN))

    def add(self, event: ImportedEvent, counted_minor: int) -> None:
        """Count an event; events come in the order of their moments.

        Args:
            event: the event.
            counted_minor: what it adds to the sums.
        """
        self.events[event.kind] += 1
        is_sale = event.kind in ("purchase", "refund")
        if event.kind == "purchase":
            self.orders += 1
            self.anonymous += not event.customer_id
            self.gross_minor += counted_minor
        elif is_sale:
            self.refunds += 1
            self.refunds_minor += counted_minor
        elif self.orders or self.refunds:
            return
        if self.first_ms is None or (is_sale and self.orders + self.refunds == 1):
            self.first_ms = event.occurred_at_ms
        self.last_ms = event.occurred_at_ms
