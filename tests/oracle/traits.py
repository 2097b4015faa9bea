"""What is known of a customer beyond the cell, counted from the whole history. Nothing is kept but what came.

Definitions: docs/customers.md.
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from itertools import pairwise
from statistics import median_low
from typing import Any

from tests.oracle.customer import Customer
from tests.oracle.journal import Partition
from tests.oracle.result import Result
from tests.oracle.targeting import favourite_channel, favourite_store, is_difficult, is_discount_seeker

LAST_GAPS = 12


class TraitsOracle:
    """Runs a history as the oracle does, and tells of those who are known at its end."""

    def __init__(self, prefix: str) -> None:
        """Outputs name the prefix."""
        self._partition = Partition(prefix)

    def run(self, steps: Iterable[Mapping[str, Any]]) -> Result:
        """What the steps must give."""
        for step in steps:
            self._partition.take(step)
        self._partition.close()
        return self._partition.result

    def traits(self, customer_id: str, at: int) -> dict[str, Any]:
        """The traits of a customer who was last judged at a moment."""
        customer = self._partition.customers[customer_id]
        history = customer.history
        gap, last = self._gap(customer, at), history.last_order_at()
        return {
            "discount_seeker": is_discount_seeker(history, self._partition.desk().policy.seeker_share),
            "difficult": is_difficult(history),
            "favourite_store": favourite_store(history),
            "favourite_channel": favourite_channel(history),
            "referrals": len(history.brought),
            "gap": gap,
            "overdue": None if not gap or last is None else Fraction(at - last, gap),
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
