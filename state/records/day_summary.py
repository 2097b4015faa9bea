"""The value of a record of `daily`: what one partition counted on one local day.

Money is text in major units of the base currency. Summing the records of all partitions gives the day.
"""

from typing import NotRequired, TypedDict


class OrdersAndGross(TypedDict):
    """Orders, and their revenue before refunds."""

    orders: int
    gross: str


class FirstAndRepeat(TypedDict):
    """First orders of customers, and the others."""

    first: OrdersAndGross
    repeat: OrdersAndGross


class NewCustomers(TypedDict):
    """Customers who became known: by a signup, by its source; by an order; by anything else."""

    signup: dict[str, int]
    order: int
    other: int


class AnonymousTotals(TypedDict):
    """Sales and refunds that name no customer."""

    orders: int
    gross: str
    discounts: str
    refund_count: int
    refunds: str
    net: str


class SegmentTotals(TypedDict):
    """The customers of a segment at the end of the day, with their orders and net revenue in the window."""

    customers: int
    orders: int
    net: str


class DaySummary(FirstAndRepeat):
    """A day in one partition (docs/health.md).

    `changes` counts segment changes by segment before and after, `messages` by campaign and outcome, `steps` by
    campaign, step and outcome; records of earlier versions have no `steps`. A segment before is `none` for a
    customer's first change.
    """

    day: str
    timezone: str
    currency: str
    new: NewCustomers
    erased: int
    orders: int
    gross: str
    discounts: str
    refund_count: int
    refunds: str
    net: str
    anonymous: AnonymousTotals
    by_segment_before: dict[str, FirstAndRepeat]
    buyers: int
    changes: dict[str, dict[str, int]]
    lapses: int
    returns: int
    messages: dict[str, dict[str, int]]
    steps: NotRequired[dict[str, dict[str, dict[str, int]]]]
    customers: int
    segments: dict[str, SegmentTotals]
    reachable: int
    silenced: int
