"""Traits and forecast of a customer, counted from the whole history. Definitions: docs/customers.md."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from itertools import pairwise
from statistics import median_low
from typing import Any

from tests.oracle.campaigns.targeting import favourite_channel, favourite_store, is_difficult, is_discount_seeker
from tests.oracle.customers.customer import Customer
from tests.oracle.journal import Partition
from tests.oracle.result import Result

LAST_GAPS = 12


class TraitsOracle:
    """Run a history like `Oracle`, and return the traits of the customers known at its end."""

    def __init__(self, prefix: str) -> None:
        """Create an oracle whose outputs name the prefix."""
        self._partition = Partition(prefix)

    def run(self, steps: Iterable[Mapping[str, Any]]) -> Result:
        """Return what the records must produce."""
        for step in steps:
            self._partition.apply(step)
        self._partition.close()
        return self._partition.result

    def traits(self, customer_id: str, at: int) -> dict[str, Any]:
        """Return the traits of a customer whose last evaluation was at `at`."""
        customer = self._partition.customers[customer_id]
        history = customer.history
        gap, last = self._gap(customer, at), history.last_order_at()
        return {
            "discount_seeker": is_discount_seeker(history, self._partition.active_rules().policy.seeker_share),
            "difficult": is_difficult(history),
            "favourite_store": favourite_store(history),
            "favourite_channel": favourite_channel(history),
            "referrals": len(history.referrals),
            "gap": gap,
            "overdue": None if not gap or last is None else Fraction(at - last, gap),
            "next_down": self._next_down(customer, at),
        }

    def _gap(self, customer: Customer, at: int) -> int | None:
        history = customer.history
        remembered = (order for order in history.kept_orders() if at < history.remembered_until(order))
        last = sorted(order.occurred_at for order in remembered)[-LAST_GAPS - 1 :]
        gaps = [later - earlier for earlier, later in pairwise(last)]
        if not gaps:
            return None
        low, high = median_low(gaps), -median_low([-gap for gap in gaps])
        return (low + high) // 2

    def _next_down(self, customer: Customer, at: int) -> tuple[int, str] | None:
        """Return when and to which segment time alone moves the customer; try every moment that may matter."""
        policy = self._partition.active_rules().policy
        history = customer.history
        last = history.last_order_at()
        dues = {order.occurred_at + history.window_ms for order in history.orders}
        dues |= {refund.occurred_at + history.window_ms for refund in history.refunds_without_order}
        dues |= set() if last is None else {last + threshold for threshold in policy.recency_thresholds_ms}
        segment = customer.evaluation_at(at, policy).segment
        for due in sorted(due for due in dues if due > at):
            then = customer.evaluation_at(due, policy).segment
            if then != segment:
                return due, then
        return None
