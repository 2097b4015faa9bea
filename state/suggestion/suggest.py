"""A policy made of a history: edges from how customers of this shop buy, with the numbers behind each of them.

Recency: at the first edge three of four of those who come back have come back; at the second, the churn edge, the
chance of coming back has fallen below a tenth (`state.suggestion.survival` has how that is estimated). Frequency and
monetary: half of the customers with an order in the window lie below the first edge, four of five below the second.
Edges are rounded to what people write.
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

RETURNED: Final = 0.75
"""The share of those who return that has returned by the first edge of recency."""
LITTLE_CHANCE: Final = 0.1
"""The chance of returning that makes a customer churned."""
NEARLY_ALL: Final = 0.95
"""The share of those who return that has returned by the churn edge where hardly anybody returns."""
MIDDLE: Final = 0.5
TOP: Final = 0.8
"""The shares of customers that lie below the edges of frequency and of monetary."""
FEWEST_RETURNS: Final = 50
FEWEST_CUSTOMERS: Final = 50
FEWEST_DAYS: Final = 14


class InsufficientHistory(Exception):
    """A history that says too little to suggest anything."""

    def __init__(self, customers: int, returns: int, days: int) -> None:
        """Say what there is, and what there must be."""
        super().__init__(
            f"the history is too short to suggest a policy: {customers:,} customers with orders, {returns:,} "
            f"purchases by customers who came back, {days:,} days; there must be {FEWEST_CUSTOMERS}, {FEWEST_RETURNS} "
            f"and {FEWEST_DAYS}; give more of it, or begin with the built-in policy"
        )


class Edge(Struct, frozen=True):
    """An edge: as it came out, and as it is written; days, orders or minor units."""

    exact: int
    written: int


class Suggestion(Struct, frozen=True):
    """What a history suggests.

    Attributes:
        begin: the first order; `end` of the history, both in milliseconds.
        customers: with orders; `orders` those that were not fully refunded.
        survival: how long customers stay away.
        by_returns: whether the second edge of recency is where the chance of returning falls below a tenth; False
            where it is so small from the beginning that it is the day by which 19 of 20 who return have returned.
        buyers: customers with an order in the window; `below` has, by edge of frequency and then of monetary, the
            share of them that lies below it as it is written.
    """

    begin: int
    end: int
    customers: int
    orders: int
    survival: Survival
    recency: tuple[Edge, Edge]
    by_returns: bool
    frequency: tuple[Edge, Edge]
    monetary: tuple[Edge, Edge]
    buyers: int
    below: tuple[float, float, float, float]


class Evidence:
    """What is gathered of a history, customer by customer.

    Attributes:
        standings: of each customer, one after the other: the time since the last order at the end of the history, the
            orders in the window, what they brought in, and all orders.
        window_ms: as given.
    """

    def __init__(self, begin: int, end: int, window_ms: int) -> None:
        """Take the first order's moment, the end of the history, and the window."""
        self.standings = array("q")
        self._begin = begin
        self._end = end
        self.window_ms = window_ms
        self._orders = 0
        self._absences = AbsenceLog()

    def add(self, profile: Profile) -> None:
        """Take a customer, whose orders must all be remembered; one without orders that count says nothing."""
        unpack_orders(profile)
        counting = [order for order in profile.orders if not order.fully_refunded]
        if not counting:
            return
        horizon = self._end - self.window_ms
        recent = [order.net for order in counting if order.at > horizon]
        free = profile.refunds.unlinked if profile.refunds is not None else []
        monetary = sum(recent) - sum(refund.amount for refund in free if refund.at > horizon)
        self.standings.extend((self._end - counting[-1].at, len(recent), monetary, len(counting)))
        self._orders += len(counting)
        self._absences.add([order.at for order in counting], self._end)

    def suggest(self) -> Suggestion:
        """The edges.

        Raises:
            TooLittle: the history does not bear them.
        """
        survival, customers = self._absences.survival(), len(self.standings) // 4
        days = (self._end - self._begin) // DAY_MS
        if customers < FEWEST_CUSTOMERS or survival.returned < FEWEST_RETURNS or days < FEWEST_DAYS:
            raise InsufficientHistory(customers, survival.returned, days)
        recency, by_returns = _recency(survival)
        bought = [at for at in range(0, len(self.standings), 4) if self.standings[at + 1]]
        orders = sorted(self.standings[at + 1] for at in bought)
        sums = sorted(self.standings[at + 2] for at in bought)
        frequency, monetary = _frequency(orders), _monetary(sums)
        below = [bisect_left(orders, edge.written) / len(orders) for edge in frequency]
        below += [bisect_left(sums, edge.written) / len(sums) for edge in monetary]
        return Suggestion(
            begin=self._begin,
            end=self._end,
            customers=customers,
            orders=self._orders,
            survival=survival,
            recency=recency,
            by_returns=by_returns,
            frequency=frequency,
            monetary=monetary,
            buyers=len(bought),
            below=(below[0], below[1], below[2], below[3]),
        )


def _recency(survival: Survival) -> tuple[tuple[Edge, Edge], bool]:
    """Both edges, in days, and whether the second is by the chance of returning.

    Where few return at all, the chance may have fallen below a tenth before three of four have returned; then half of
    the way to the churn edge is the first.
    """
    by_returns = survival.chance_of_returning(0) >= LITTLE_CHANCE
    way = survival.days_until_chance_below if by_returns else survival.days_until_returned
    churned = max(2, way(LITTLE_CHANCE if by_returns else NEARLY_ALL))
    second = Edge(churned, days_as_written(churned, up=True))
    quiet = survival.days_until_returned(RETURNED)
    if quiet >= churned:
        quiet = churned // 2
    first = max(1, min(days_as_written(quiet), second.written - 1))
    return (Edge(max(1, quiet), first), second), by_returns


def _frequency(orders: Sequence[int]) -> tuple[Edge, Edge]:
    """Both edges, in orders; one order is always below the first."""
    middle = max(2, _quantile(orders, MIDDLE) + 1)
    first = Edge(middle, round_to(middle, _step_of_two_digits(middle)))
    top = max(first.written + 1, _quantile(orders, TOP) + 1)
    return first, Edge(top, max(first.written + 1, round_to(top, _step_of_two_digits(top))))


def _monetary(sums: Sequence[int]) -> tuple[Edge, Edge]:
    """Both edges, in minor units, above nothing."""
    middle, top = _quantile(sums, MIDDLE), _quantile(sums, TOP)
    first = max(1, round_to(middle, _step_of_two_digits(middle)))
    second = round_to(top, _step_of_two_digits(top))
    if second <= first:
        second = first + _step_of_two_digits(first)
    return Edge(middle, first), Edge(top, second)


def _quantile(values: Sequence[int], share: float) -> int:
    """The least of the sorted values that this share of them does not exceed."""
    return values[max(0, math.ceil(share * len(values)) - 1)]


def days_as_written(days: int, *, up: bool = False) -> int:
    """Days as people write them: whole ones, from 20 on by fives, from 100 on by tens, from 1,000 on by hundreds.

    Args:
        days: at least 1.
        up: never less than they are.
    """
    step = 1 if days < 20 else 5 if days < 100 else 10 if days < 1000 else 100
    return -(-days // step) * step if up else round_to(days, step)


def round_to(number: int, step: int) -> int:
    """The multiple of `step` that is nearest, the greater of two."""
    return (number + step // 2) // step * step


def _step_of_two_digits(number: int) -> int:
    """What the second digit of a number counts; 1 for small ones, and for those below 0."""
    step: int = 10 ** max(0, len(str(max(0, number))) - 2)
    return step
