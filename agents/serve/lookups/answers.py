"""The answers of the look-ups, as JSON has them and as the pages take them.

Money is text in major units, counts are numbers, flags are booleans, unknown values are null, and moments are as in the
segment changes. The names of the fields are a public format. Figures about groups never contain ids of customers.
"""

from typing import Any, Literal

import msgspec

from agents.analysis.backtest.report import BacktestReport

_FROM_AND_TO = {"from_segment": "from", "to_segment": "to"}
_FROM_AND_TO_DAYS = {"first_day": "from", "last_day": "to"}


class RulesInForce(msgspec.Struct, frozen=True):
    """The active policy or campaigns: `ref` is `name@version`."""

    name: str
    version: int
    ref: str


class RedisState(msgspec.Struct, frozen=True):
    """Whether Redis answers; `detail` says why not and what to do."""

    up: bool
    detail: str | None


class Status(msgspec.Struct, frozen=True):
    """How current everything is.

    Attributes:
        time: `wall` or `event`: whether time follows the clock, or only the events.
        as_of: the lowest watermark of the partitions: everything before it is evaluated; null before the first tick.
        lag_seconds: how far that is behind the clock; null in event mode.
        held_back_by: the source partition that holds the watermark back (`purchases:0`); null while nothing does.
        held_back_detail: why, and what to do.
        policy: in force; null before the first one. Likewise `campaigns`.
        timezone: of the policy's days.
    """

    prefix: str
    time: Literal["wall", "event"]
    as_of: str | None
    lag_seconds: float | None
    held_back_by: str | None
    held_back_detail: str | None
    redis: RedisState
    policy: RulesInForce | None
    campaigns: RulesInForce | None
    currency: str | None
    timezone: str | None


class NextDown(msgspec.Struct, frozen=True):
    """When a customer leaves the segment for a worse one, if nothing happens, and for which."""

    at: str
    to: str


class NextUp(msgspec.Struct, frozen=True):
    """What leads to a better segment: so many more orders, or so much more money, or both."""

    to: str
    orders: int | None = None
    spend: str | None = None


class Customer(msgspec.Struct, frozen=True):
    """A customer as Redis has them (docs/customers.md).

    Attributes:
        since: when the customer entered the segment.
        monetary: of the window, net of refunds.
        lifetime_value: net revenue since the first order.
        as_of: the moment of the customer's last evaluation.
        order_gap_days: the usual time between orders.
        overdue: the time since the last order as a multiple of that.
        reachable: whether there is a usable channel: consent is granted and no message bounced permanently since.
        channels: the usable channels.
    """

    customer_id: str
    segment: str
    cell: str
    seq: int
    since: str
    last_order_at: str | None
    first_order_at: str | None
    frequency: int
    monetary: str
    currency: str
    average_check: str
    lifetime_value: str
    lifetime_orders: int
    policy: str
    as_of: str
    next_down: NextDown | None
    next_up: NextUp | None
    discount_seeker: bool
    difficult: bool
    favourite_store: str | None
    favourite_channel: str | None
    referrals: int
    order_gap_days: float | None
    overdue: float | None
    reachable: bool
    channels: list[str]


class CustomersById(msgspec.Struct, frozen=True):
    """The customers that were asked for by id; null for those that are not known."""

    customers: dict[str, Customer | None]


class Titles(msgspec.Struct, frozen=True):
    """The titles of a segment by language, as the policy has them."""

    en: str | None
    ru: str | None


class SegmentCount(msgspec.Struct, frozen=True):
    """A segment of the policy, or one that still has customers.

    Attributes:
        titles: null if the policy gives none.
        revenue: of its customers in the window, net of refunds.
        share: of all customers, from 0 to 1; `revenue_share` of the revenue of all segments, 0 if that is not positive.
    """

    name: str
    titles: Titles
    customers: int
    reachable: int
    revenue: str
    share: float
    revenue_share: float


class Segments(msgspec.Struct, frozen=True):
    """All segments, in the order of the policy; the totals are of the whole base.

    Attributes:
        policy: `name@version`; null before the first policy.
        currency: of all sums.
    """

    policy: str | None
    currency: str | None
    customers: int
    reachable: int
    revenue: str
    segments: list[SegmentCount]


class CellCount(msgspec.Struct, frozen=True):
    """An RFM cell.

    Attributes:
        r: the score of recency, from 1 to the best; 0 in the cell `000` of customers without an order. Likewise `f` of
            frequency and `m` of monetary.
        segments: the segments that its customers can be in by the policy, the first match first.
    """

    cell: str
    r: int
    f: int
    m: int
    segments: list[str]
    customers: int
    reachable: int
    revenue: str
    share: float
    revenue_share: float


class Cells(msgspec.Struct, frozen=True):
    """All cells of the policy, best first, empty ones included."""

    policy: str | None
    currency: str | None
    customers: int
    reachable: int
    revenue: str
    cells: list[CellCount]


class CustomerPage(msgspec.Struct, frozen=True):
    """A part of all customers, or of those of a segment or cell, by monetary, highest first.

    Attributes:
        total: all customers there, also those who are not asked for.
        reachable: of them.
        customers: fewer than `limit`, or none, does not mean that the list ends where only some are asked for.
        cursor: gets the next part; null after the last one.
    """

    total: int
    reachable: int
    customers: list[Customer]
    cursor: str | None


class Daily(msgspec.Struct, frozen=True, rename=_FROM_AND_TO_DAYS):
    """The daily figures, oldest first: each day as in `goldstream health --json` (docs/health.md).

    Attributes:
        restated: the days that late events have changed after they were over.
    """

    first_day: str | None
    last_day: str | None
    days: list[dict[str, Any]]
    restated: list[str] = []


class Flow(msgspec.Struct, frozen=True, rename=_FROM_AND_TO):
    """Customers who moved from one segment to another.

    Attributes:
        from_segment: null for customers who were not known before.
        customers: how many different ones.
        changes: how many times; a customer may have moved the same way repeatedly.
        causes: how many different customers by cause; one may count for several.
    """

    from_segment: str | None
    to_segment: str
    customers: int
    changes: int
    causes: dict[str, int]


class Flows(msgspec.Struct, frozen=True, rename=_FROM_AND_TO_DAYS):
    """Who moved from where to where on these days, both inclusive, in the policy's time zone; most customers first.

    Only the last 90 days are known: `from` is the first of these if an earlier one was asked for. Both are null while
    time has not begun.

    Attributes:
        cause: the only one that counts; null for all.
    """

    first_day: str | None
    last_day: str | None
    timezone: str
    cause: str | None
    flows: list[Flow]


class FlowCustomer(msgspec.Struct, frozen=True, rename=_FROM_AND_TO):
    """A customer who moved: the latest of their moves that were asked for.

    Attributes:
        at: its `effective_at`.
        customer: as of now; null if Redis does not have them yet.
    """

    customer_id: str
    from_segment: str | None
    to_segment: str
    cause: str
    at: str
    customer: Customer | None


class FlowCustomers(msgspec.Struct, frozen=True, rename=_FROM_AND_TO_DAYS):
    """A part of the customers of a flow, the latest move first.

    Attributes:
        total: different customers of the whole flow, also those who are not asked for; null while many are counted, for
            seconds after the first question.
        reachable: how many of them can be reached now; null likewise.
        customers: fewer than `limit`, or none, does not mean that the list ends where only some are asked for.
        cursor: gets the next part; null after the last one.
    """

    first_day: str | None
    last_day: str | None
    timezone: str
    total: int | None
    reachable: int | None
    customers: list[FlowCustomer]
    cursor: str | None


class RejectedEvent(msgspec.Struct, frozen=True):
    """A record that was not admitted.

    Attributes:
        id: its place in the topic of dead letters, as `partition:offset`.
        at: when it was rejected.
        reason: the first that applied (docs/topics.md).
        detail: names the field and the value.
        source: where it came from, as `topic:partition:offset`, or `hook:platform/name`.
    """

    id: str
    at: str
    reason: str
    detail: str
    source: str


class Rejected(msgspec.Struct, frozen=True):
    """The last rejected records, newest first."""

    rejected: list[RejectedEvent]


class PolicyDiff(msgspec.Struct, frozen=True):
    """A comparison of two policies, A and B, on the journal.

    Attributes:
        progress: from 0 to 1.
        result: as `goldstream policy diff --json` writes it, once it is done.
        detail: why it failed, and what to do.
    """

    id: str
    state: Literal["running", "done", "failed"]
    progress: float
    a: str
    b: str
    result: BacktestReport | None
    detail: str | None


class PolicyApplied(msgspec.Struct, frozen=True):
    """A policy was activated, or was active already.

    Attributes:
        policy: `name@version`.
        applied: false if it was active already.
        control_offset: where it is in the topic `control`; null if it was not written again.
    """

    policy: str
    applied: bool
    control_offset: int | None
