"""Declare what is stored of a local day in one partition.

These are msgspec Structs, which decode themselves from MessagePack arrays. So this module is never compiled (decision
0007), and the order of the fields is the format.
"""

from typing import ClassVar

import msgspec

FoldPosition = tuple[int, int, str]
"""A position in the journal of a partition: everything before an offset and, of a record at that offset that touches
many customers, those up to a due moment and customer id."""


class DayTotalsHead(msgspec.Struct, array_like=True, gc=False):
    """The first field of a day's totals, which can be decoded without the rest.

    Attributes:
        counted_to: Everything before this position is counted; folding it again adds nothing.
    """

    counted_to: FoldPosition = (0, -1, "")


class DayTotalsRecord(DayTotalsHead, array_like=True, gc=True):
    """The totals of one local day in one partition. Sums are in minor units of the policy's base currency.

    This is the only declaration of the fields. `state.daily.native_day_totals` is generated from it (`make generate`)
    and has the class that the fold uses. After a change of the fields raise `state.daily.day_totals.FORMAT`.

    Attributes:
        signups: Customers who became known by a signup, by its source.
        known_by_order: Customers who became known by a purchase; `known_by_other` by anything else.
        purchases: Numbers and sums of first and repeat orders, by the buyer's segment before the purchase. The columns
            are `FIRST_ORDERS` to `REPEAT_GROSS` of `state.daily.day_totals`.
        discounts: Sum deducted; `refunds` and `refund_count` are the sum and the number of refunds.
        anonymous_orders: Anonymous sales; likewise `anonymous_gross` to `anonymous_refunds`.
        buyers: Distinct customers with a purchase.
        lapses: Segment changes that count as lapses; `returns` those that count as reactivations.
        messages: Number of messages by campaign, outcome and step; step 0 is the campaign as a whole.
        moves: By the segments before and after an evaluation: the number of customers who moved, and orders and net
            revenue in the window of all evaluated customers, before and after (columns `MOVED` to `NET_AFTER`). For a
            customer who stays in a segment only the difference is stored, under after. `UNKNOWN` is the segment before
            a customer becomes known and after an erasure.
        reachable: By how much the number of reachable customers grew on this day; likewise `silenced`.
        base_changed: In memory only, not stored: whether the day's effect on the customer base changed since the last
            flush.
    """

    signups: dict[str, int] = {}
    known_by_order: int = 0
    known_by_other: int = 0
    purchases: dict[str, list[int]] = {}
    discounts: int = 0
    refund_count: int = 0
    refunds: int = 0
    anonymous_orders: int = 0
    anonymous_gross: int = 0
    anonymous_discounts: int = 0
    anonymous_refund_count: int = 0
    anonymous_refunds: int = 0
    buyers: int = 0
    lapses: int = 0
    returns: int = 0
    messages: dict[tuple[str, str, int], int] = {}
    moves: dict[tuple[str, str], list[int]] = {}
    reachable: int = 0
    silenced: int = 0
    base_changed: ClassVar[bool] = False
