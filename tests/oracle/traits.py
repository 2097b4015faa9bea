"""What is known of a customer beyond the cell, counted from the whole history. Nothing is kept but what came.

Definitions, where the issue leaves them open: see "Traits" in the README.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from statistics import median_low
from typing import Any

from tests.oracle.customer import Customer
from tests.oracle.journal import _Partition
from tests.oracle.result import Result

LEAST_ORDERS = 3
LAST_GAPS = 12
MOST_PLACES = 64
LONGEST_NAME = 128
REMEMBERED_REFERRALS = 64


@dataclass
class Beyond:
    """What the history of orders and refunds does not say."""

    stores: list[str] = field(default_factory=list)
    """Of each purchase that counted, in the order of arrival."""
    channels: list[str] = field(default_factory=list)
    brought: list[tuple[str, str]] = field(default_factory=list)
    """Of each signup that counted: whose, and its event id."""


class TraitsOracle:
    """Runs a history as the oracle does, and watches what each step adds."""

    def __init__(self, prefix: str) -> None:
        """Outputs name the prefix."""
        self._partition = _Partition(prefix)
        self._beyond: dict[int, Beyond] = defaultdict(Beyond)
        self._everyone: list[Customer] = []

    def run(self, steps: Iterable[Mapping[str, Any]]) -> Result:
        """What the steps must give, referrals included."""
        partition = self._partition
        for step in steps:
            event = {name: value for name, value in step.items() if value is not None}
            orders = self._orders_of(event)
            partition.take(event)
            if event["type"] == "purchase" and self._orders_of(event) > orders:
                beyond = self.beyond(event["customer_id"])
                beyond.stores += [event["store_id"]] if event.get("store_id") else []
                beyond.channels += [event["channel"]] if event.get("channel") else []
            if event["type"] == "signup" and event.get("referred_by"):
                self._refer(event)
        partition.close()
        return partition.result

    @property
    def customers(self) -> dict[str, Customer]:
        """Everyone who is known."""
        return self._partition.customers

    def beyond(self, customer_id: str) -> Beyond:
        """What else is known of a customer who is known; nothing of it outlives an erasure."""
        customer = self.customers[customer_id]
        self._everyone.append(customer)  # so that no other one gets its identity
        return self._beyond[id(customer)]

    def _orders_of(self, event: Mapping[str, Any]) -> int:
        customer = self.customers.get(event.get("customer_id", ""))
        return 0 if customer is None else len(customer.history.orders)

    def _refer(self, signup: Mapping[str, Any]) -> None:
        partition = self._partition
        referrer_id = signup["referred_by"]
        if referrer_id == signup["customer_id"] or len(referrer_id) > LONGEST_NAME:
            return
        referrer = self.customers.get(referrer_id)
        if referrer is None:
            partition.result.dropped["erased" if referrer_id in partition.result.ledger else "referral_of_unknown"] += 1
            return
        brought = self.beyond(referrer_id).brought
        this = signup["customer_id"], signup["event_id"]
        if this in brought[-REMEMBERED_REFERRALS:]:
            partition.result.duplicates["referral"] += 1
            return
        brought.append(this)

    def traits(self, customer_id: str, at: int, seeker_share: Decimal) -> dict[str, Any]:
        """The traits of a customer who was last judged at a moment."""
        customer, beyond = self.customers[customer_id], self.beyond(customer_id)
        history = customer.history
        lifetime, ever = history.lifetime_orders(), len(history.orders)
        went_back = sum(bool(order.refunds) for order in history.orders)
        gap = self._gap(customer, at)
        last = history.last_order_at()
        return {
            "discount_seeker": lifetime >= LEAST_ORDERS and history.discount_share() >= seeker_share,
            "difficult": ever >= LEAST_ORDERS and 10 * went_back >= 3 * ever,
            "favourite_store": _favourite(beyond.stores),
            "favourite_channel": _favourite(beyond.channels),
            "referrals": len(beyond.brought),
            "gap": gap,
            "overdue": None if not gap or last is None else Decimal(at - last) / gap,
            "next_down": self._next_down(customer, at),
        }

    def _gap(self, customer: Customer, at: int) -> int | None:
        history = customer.history
        remembered = (order for order in history.standing_orders() if at < history.remembered_until(order))
        last = sorted(order.occurred_at for order in remembered)[-LAST_GAPS - 1 :]
        gaps = [later - earlier for earlier, later in pairwise(last)]
        if not gaps:
            return None
        low, high = median_low(gaps), -median_low([-gap for gap in gaps])
        return (low + high) // 2

    def _next_down(self, customer: Customer, at: int) -> tuple[int, str] | None:
        """Looks at every moment at which something could change, one after the other."""
        policy = self._partition.desk().policy
        history = customer.history
        last = history.last_order_at()
        dues = {order.occurred_at + history.window_ms for order in history.orders}
        dues |= {refund.occurred_at + history.window_ms for refund in history.loose}
        dues |= set() if last is None else {last + edge for edge in policy.recency_edges_ms}
        segment = customer.standing_at(at, policy).segment
        for due in sorted(due for due in dues if due > at):
            then = customer.standing_at(due, policy).segment
            if then != segment:
                return due, then
        return None


def _favourite(names: list[str]) -> str | None:
    """The most frequent of the names that are counted: the first 64 different ones, none of them too long."""
    short = [name for name in names if len(name) <= LONGEST_NAME]
    counted = list(dict.fromkeys(short))[:MOST_PLACES]
    counts = Counter(name for name in short if name in counted)
    return min(counts, key=lambda name: (-counts[name], name), default=None)
