"""A policy suggested from a history: thresholds that follow from how the customers of this shop buy.

Recency: by the first threshold three of four of those who return have returned; at the second, the churn threshold, the
chance of returning has fallen below a tenth (`state.suggestion.survival` estimates it). Frequency and monetary: half of
the customers with an order in the window are below the first threshold, four of five below the second. Thresholds are
rounded to plain numbers.
"""

import math
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from state.customer.packed_orders import unpack_orders
from state.customer.profile import Profile
from state.suggestion.survival import AbsenceLog, Survival
from state.units.timestamps import DAY_MS

RETURNED_SHARE: Final = 0.75
"""Of those who return, the share that has returned by the first threshold of recency."""
CHURN_CHANCE: Final = 0.1
"""The chance of returning below which a customer is churned."""
NEARLY_ALL: Final = 0.95
"""Of those who return, the share that has returned by the churn threshold if hardly any customer returns."""
MIDDLE: Final = 0.5
TOP: Final = 0.8
"""The shares of customers below the thresholds of frequency and of monetary."""
MIN_RETURNS: Final = 50
MIN_CUSTOMERS: Final = 50
MIN_DAYS: Final = 14


class InsufficientHistory(Exception):
    """The history is too short to suggest anything."""

    def __init__(self, customers: int, returns: int, days: int) -> None:
        super().__init__(
            f"the history is too short to suggest a policy: {customers:,} customers with orders, {returns:,} "
            f"purchases by customers who returned, {days:,} days; at least {MIN_CUSTOMERS}, {MIN_RETURNS} and "
            f"{MIN_DAYS} are needed; supply more history, or start with the built-in policy"
        )


class Threshold(Struct, frozen=True):
    """A threshold as computed and as written in the policy; in days, orders or minor units."""

    exact: int
    written: int


class Suggestion(Struct, frozen=True):
    """The thresholds that a history suggests, and the numbers behind them.

    Attributes:
        begin: the moment of the first order.
        end: the end of the history.
        customers: customers with orders.
        orders: their orders that were not fully refunded.
        survival: how long customers stay away.
        by_returns: whether the churn threshold is where the chance of returning falls below `CHURN_CHANCE`. If not, the
            chance is that small from the beginning, and the threshold is the day by which `NEARLY_ALL` have returned.
        buyers: customers with an order in the window.
        below: the shares of buyers below the two thresholds of frequency, then of monetary, as written.
    """

    begin: int
    end: int
    customers: int
    orders: int
    survival: Survival
    recency: tuple[Threshold, Threshold]
    by_returns: bool
    frequency: tuple[Threshold, Threshold]
    monetary: tuple[Threshold, Threshold]
    buyers: int
    below: tuple[float, float, float, float]


class Evidence:
    """What a suggestion is made from, collected customer by customer.

    Attributes:
        measures: four numbers per customer, one customer after the other: the time since the last order at the end of
            the history, the orders in the window, their revenue, and all orders.
        window_ms: the window of the policy.
    """

    def __init__(self, begin: int, end: int, window_ms: int) -> None:
        """Take the moment of the first order, the end of the history, and the window."""
        self.measures = array("q")
        self._begin = begin
        self._end = end
        self.window_ms = window_ms
        self._order_count = 0
        self._absences = AbsenceLog()

    def add(self, profile: Profile) -> None:
        """Add a customer, all of whose orders must be remembered; customers without orders that count are ignored."""
        unpack_orders(profile)
        orders = [order for order in profile.orders if not order.fully_refunded]
        if not orders:
            return
        window_start = self._end - self.window_ms
        recent = [order.net for order in orders if order.at > window_start]
        unlinked = profile.refunds.unlinked if profile.refunds is not None else []
        monetary = sum(recent) - sum(refund.amount for refund in unlinked if refund.at > window_start)
        self.measures.extend((self._end - orders[-1].at, len(recent), monetary, len(orders)))
        self._order_count += len(orders)
        self._absences.add([order.at for order in orders], self._end)

    def suggest(self) -> Suggestion:
        """Return the suggested thresholds.

        Raises:
            InsufficientHistory: there are too few customers, returns or days.
        """
        survival, customer_count = self._absences.survival(), len(self.measures) // 4
        days = (self._end - self._begin) // DAY_MS
        if customer_count < MIN_CUSTOMERS or survival.returned < MIN_RETURNS or days < MIN_DAYS:
            raise InsufficientHistory(customer_count, survival.returned, days)
        recency, by_returns = _recency(survival)
        buyers = [at for at in range(0, len(self.measures), 4) if self.measures[at + 1]]
        order_counts = sorted(self.measures[at + 1] for at in buyers)
        revenues = sorted(self.measures[at + 2] for at in buyers)
        frequency, monetary = _frequency(order_counts), _monetary(revenues)
        below = [bisect_left(order_counts, threshold.written) / len(order_counts) for threshold in frequency]
        below += [bisect_left(revenues, threshold.written) / len(revenues) for threshold in monetary]
        return Suggestion(
            begin=self._begin,
            end=self._end,
            customers=customer_count,
            orders=self._order_count,
            survival=survival,
            recency=recency,
            by_returns=by_returns,
            frequency=frequency,
            monetary=monetary,
            buyers=len(buyers),
            below=(below[0], below[1], below[2], below[3]),
        )


def _recency(survival: Survival) -> tuple[tuple[Threshold, Threshold], bool]:
    """Return both thresholds in days, and whether the second follows from the chance of returning.

    If few customers return at all, the chance may fall below `CHURN_CHANCE` before `RETURNED_SHARE` have returned. The
    first threshold is then half of the second.
    """
    by_returns = survival.chance_of_returning(0) >= CHURN_CHANCE
    by_chance, by_share = survival.days_until_chance_below(CHURN_CHANCE), survival.days_until_returned(NEARLY_ALL)
    churned = max(2, by_chance if by_returns else by_share)
    second = Threshold(churned, round_days(churned, up=True))
    late = survival.days_until_returned(RETURNED_SHARE)
    if late >= churned:
        late = churned // 2
    first = max(1, min(round_days(late), second.written - 1))
    return (Threshold(max(1, late), first), second), by_returns


def _frequency(order_counts: Sequence[int]) -> tuple[Threshold, Threshold]:
    """Return both thresholds in orders; a customer with one order is always below the first."""
    middle = max(2, _quantile(order_counts, MIDDLE) + 1)
    first = Threshold(middle, round_to(middle, _second_digit_unit(middle)))
    top = max(first.written + 1, _quantile(order_counts, TOP) + 1)
    return first, Threshold(top, max(first.written + 1, round_to(top, _second_digit_unit(top))))


def _monetary(revenues: Sequence[int]) -> tuple[Threshold, Threshold]:
    """Return both thresholds in minor units, above 0."""
    middle, top = _quantile(revenues, MIDDLE), _quantile(revenues, TOP)
    first = max(1, round_to(middle, _second_digit_unit(middle)))
    second = round_to(top, _second_digit_unit(top))
    if second <= first:
        second = first + _second_digit_unit(first)
    return Threshold(middle, first), Threshold(top, second)


def _quantile(values: Sequence[int], share: float) -> int:
    """Return the smallest of the sorted values that this share of them does not exceed."""
    return values[max(0, math.ceil(share * len(values)) - 1)]


def round_days(days: int, *, up: bool = False) -> int:
    """Return a plain number of days: a multiple of 5 from 20, of 10 from 100, of 100 from 1,000.

    Args:
        days: at least 1.
        up: whether to round up rather than to the nearest.
    """
    step = 1 if days < 20 else 5 if days < 100 else 10 if days < 1000 else 100
    return -(-days // step) * step if up else round_to(days, step)


def round_to(number: int, step: int) -> int:
    """Return the multiple of `step` that is nearest, the greater of two."""
    return (number + step // 2) // step * step


def _second_digit_unit(number: int) -> int:
    """Return the unit of the number's second digit; 1 for numbers below 100."""
    unit: int = 10 ** max(0, len(str(max(0, number))) - 2)
    return unit
