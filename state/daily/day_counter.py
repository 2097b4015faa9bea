"""Count what the fold does into the daily totals of a partition.

Events are counted on a local day: sales and refunds on the day of their own `occurred_at`; changes, messages and new
customers on the day at which they take effect. The state of the customer base (customers, their orders and net revenue
in the window, reachable customers) is stored as the difference that each day makes, by the time of the evaluation.
Summed up to a day, the differences give the base at the end of that day, independent of where ticks are.

Each day records how far it counts (`DayTotals.counted_to`). A record that is folded again after a crash adds nothing to
a day that already contains it. So totals are exact if days are written before anything that keeps a record from being
folded again.
"""

from typing import Final

from state.config.policy import Policy
from state.customer.orders import order_times_between
from state.customer.profile import Profile
from state.daily.day_store import DayStore
from state.daily.day_totals import (
    FIRST_GROSS,
    FIRST_ORDERS,
    MOVED,
    NET_AFTER,
    NET_BEFORE,
    NONE,
    ORDERS_AFTER,
    ORDERS_BEFORE,
    REPEAT_GROSS,
    REPEAT_ORDERS,
    UNKNOWN,
    new_day,
)
from state.daily.day_totals_schema import FoldPosition
from state.daily.native_day_totals import DayTotals
from state.records.events import AnonymousSale, CustomerEvent, CustomerSignedUp, OrderPlaced
from state.records.outputs import SENT, TIME_CAUSE, MessageSent, MessageSuppressed, Output, SegmentChanged
from state.units.local_days import LocalDays
from state.units.timestamps import NEVER

MAX_SOURCES: Final = 100
"""Signup sources that are counted separately per day and partition; further ones count as `OTHER_SOURCE`."""
MAX_SOURCE_LENGTH: Final = 64
OTHER_SOURCE: Final = "other"
BEFORE_DAYS: Final = -(1 << 31)
"""A day before all days: that of a partition without a watermark."""
PURCHASE: Final = "purchase"
RECENCY: Final = "recency_days"
_ALL_CUSTOMERS: Final = NEVER
_NOT_REACHABLE: Final = 0
_REACHABLE: Final = 1
_SILENCED: Final = 2

EvaluatedState = tuple[str, int, int, int]
"""Segment (empty for an unknown customer), orders and net revenue in the window, and `_reach_of`."""


class DayCounter:
    """Counts into the daily totals of one partition.

    Most moments are on the same day as the one before. So two days are cached: that of the last sale, and another one
    for changes over time. While records are refolded that some days already count, nothing is cached.

    Attributes:
        days: The totals.
        is_refolding: Whether records are folded that were folded before a crash; then the caller must report each
            record by `set_position`.
    """

    __slots__ = (
        "_cached_day",
        "_cached_end",
        "_cached_start",
        "_discarded",
        "_local_days",
        "_position",
        "_ranks",
        "_sale_day",
        "_sale_day_start",
        "_sale_end",
        "_sale_start",
        "days",
        "is_refolding",
    )

    def __init__(self, days: DayStore) -> None:
        self.days = days
        self.is_refolding = False
        self._position: FoldPosition = (0, _ALL_CUSTOMERS, "")
        self._discarded = new_day()
        self._sale_day = self._cached_day = self._discarded
        self._sale_start = self._sale_end = self._cached_start = self._cached_end = self._sale_day_start = 0
        self._local_days = LocalDays("UTC")
        self._ranks: dict[str, int] = {}

    def set_policy(self, policy: Policy) -> None:
        """Use the active policy's time zone and order of segments. Before the first policy, days are those of UTC."""
        if policy.timezone != self._local_days.name:
            self._local_days = LocalDays(policy.timezone)
        self._ranks = {name: rank for rank, name in enumerate(policy.segment_names)}
        self._clear_cache()

    def start(self) -> None:
        """Start with the totals that were recovered."""
        self.is_refolding = self.days.counted_to[0] > 0
        self._clear_cache()

    def set_position(self, offset: int, due: int = _ALL_CUSTOMERS, customer_id: str = "") -> None:
        """Set the position of the record that is folded next. Required only while `is_refolding`.

        Args:
            offset: The record's journal offset.
            due: For a record that touches many customers, the due moment of the customer.
            customer_id: Likewise, the customer.
        """
        if offset > self.days.counted_to[0]:
            self.is_refolding = False
        self._position = (offset, due, customer_id)

    def flush(self, counted_to: FoldPosition) -> list[tuple[bytes, bytes | None]]:
        """Return the records of the days that changed. They must be written before anything else of the flush.

        Args:
            counted_to: The position up to which everything has been folded.
        """
        self._clear_cache()
        return self.days.flush(counted_to)

    def day_of(self, moment: int) -> int:
        """Return the local day of a moment; `BEFORE_DAYS` for one before 1970."""
        return self._local_days.bounds_and_day(moment)[2] if moment >= 0 else BEFORE_DAYS

    # Counting.

    def count_new_customer(self, event: CustomerEvent, moment: int) -> None:
        """Count a customer who becomes known at `moment` by an event."""
        day = self._day_at(moment)
        if isinstance(event, OrderPlaced):
            day.known_by_order += 1
        elif isinstance(event, CustomerSignedUp):
            source = event.source or NONE
            if source not in day.signups and (len(day.signups) >= MAX_SOURCES or len(source) > MAX_SOURCE_LENGTH):
                source = OTHER_SOURCE
            day.signups[source] = day.signups.get(source, 0) + 1
        else:
            day.known_by_other += 1

    def count_order(self, profile: Profile, event: OrderPlaced, as_of: int, window_ms: int) -> None:
        """Count a purchase that is not a duplicate, just before it is applied to the profile."""
        at = event.occurred_at
        day = self._sale_day if self._sale_start <= at < self._sale_end else self._move_to_day_at(at)
        row = day.purchases.get(profile.segment)
        if row is None:
            row = day.purchases[profile.segment] = [0, 0, 0, 0]
        last = profile.last_order_at
        if last is None and not profile.gross:  # a fully refunded order of base amount 0 (rounded) leaves no trace
            row[FIRST_ORDERS] += 1
            row[FIRST_GROSS] += event.base
        else:
            row[REPEAT_ORDERS] += 1
            row[REPEAT_GROSS] += event.base
        if event.discount:
            day.discounts += event.discount
        is_first_of_day = profile.refunds is None and (last is None or last < self._sale_day_start)
        if is_first_of_day or not self._has_order_on_day_of(at, profile, as_of, window_ms):
            day.buyers += 1

    def count_refund(self, occurred_at: int, amount: int) -> None:
        """Count the part of a refund that takes effect; 0 counts nothing."""
        if not amount:
            return
        day = self._day_at(occurred_at)
        day.refund_count += 1
        day.refunds += amount

    def count_anonymous_sale(self, sale: AnonymousSale) -> None:
        """Count an anonymous purchase or refund. A refund without a base amount adds to the number of refunds only."""
        if not sale.event_id:  # not a sale: a replay's marker that everything up to an offset is in the journal
            return
        day = self._day_at(sale.occurred_at)
        if sale.sale == "purchase":
            day.anonymous_orders += 1
            day.anonymous_gross += sale.base or 0
            day.anonymous_discounts += sale.discount
        else:
            day.anonymous_refund_count += 1
            day.anonymous_refunds += sale.base or 0

    def count_messages(self, outputs: list[Output], start: int) -> None:
        """Count the messages sent and suppressed among the outputs from index `start` on."""
        for output in outputs[start:]:
            if isinstance(output, SegmentChanged):
                continue
            if isinstance(output, MessageSent):
                campaign, outcome, step, at = output.value.campaign, SENT, output.value.attempt, output.at
            elif isinstance(output, MessageSuppressed):
                suppression = output.value
                campaign, outcome, step, at = (
                    suppression.campaign,
                    suppression.reason,
                    suppression.attempt or 0,
                    output.at,
                )
            else:
                continue
            day = self._day_at(at)
            key = (campaign, outcome, step)
            day.messages[key] = day.messages.get(key, 0) + 1

    def count_evaluation(
        self, profile: Profile, moment: int, before: EvaluatedState, change: SegmentChanged | None
    ) -> None:
        """Count what the evaluation of a customer changed.

        Args:
            profile: The customer after the evaluation.
            moment: The time of the evaluation.
            before: The customer's state just before (`evaluated_state`).
            change: The segment change, if there was one.
        """
        segment, orders, net, reach = before
        orders_after, net_after = profile.frequency, profile.monetary
        has_contacts = profile.contact_profile is not None or profile.engagement is not None
        reach_after = _reach_of(profile) if has_contacts else _NOT_REACHABLE
        if change is None:
            if orders_after == orders and net_after == net and reach_after == reach:
                return
            pair = (segment, segment)
        else:
            pair = (segment, profile.segment)
        day = self._sale_day if self._sale_start <= moment < self._sale_end else self._day_at(moment)
        day.base_changed = True
        row = day.moves.get(pair)
        if row is None:
            row = day.moves[pair] = [0, 0, 0, 0, 0]
        if change is None:
            row[ORDERS_AFTER] += orders_after - orders
            row[NET_AFTER] += net_after - net
        else:
            row[MOVED] += 1
            row[ORDERS_BEFORE] += orders
            row[NET_BEFORE] += net
            row[ORDERS_AFTER] += orders_after
            row[NET_AFTER] += net_after
            if change.kind == TIME_CAUSE:
                if self._ranks.get(pair[1], -1) > self._ranks.get(segment, -1):
                    day.lapses += 1
            elif change.kind == PURCHASE:
                why = change.move.why
                if why and why[0].measure == RECENCY and why[0].is_ > why[0].was:
                    day.returns += 1
        if reach_after != reach:
            _add_reach(day, reach, -1)
            _add_reach(day, reach_after, 1)

    def count_erasure(self, profile: Profile, moment: int) -> None:
        """Count the erasure of a known customer."""
        day = self._day_at(moment)
        day.base_changed = True
        row = day.moves.setdefault((profile.segment, UNKNOWN), [0, 0, 0, 0, 0])
        row[MOVED] += 1
        row[ORDERS_BEFORE] += profile.frequency
        row[NET_BEFORE] += profile.monetary
        _add_reach(day, _reach_of(profile), -1)

    # Days.

    def _has_order_on_day_of(self, at: int, profile: Profile, as_of: int, window_ms: int) -> bool:
        """Whether the customer has a remembered order on the local day of `at`."""
        number = self._local_days.bounds_and_day(at)[2]
        start, end = self._local_days.bounds(number)
        times = order_times_between(profile, start, end, as_of, window_ms)
        return any(self._local_days.bounds_and_day(time)[2] == number for time in times)

    def _day_at(self, moment: int) -> DayTotals:
        """Return the totals to count into at a moment."""
        if self._sale_start <= moment < self._sale_end:
            return self._sale_day
        if self._cached_start <= moment < self._cached_end:
            return self._cached_day
        start, end, number = self._local_days.bounds_and_day(moment)
        day = self._open_day(number)
        if not self.is_refolding:
            self._cached_start, self._cached_end, self._cached_day = start, end, day
        return day

    def _move_to_day_at(self, moment: int) -> DayTotals:
        """Return the totals to count a sale into, and cache them: the next sale is most likely on the same day."""
        start, end, number = self._local_days.bounds_and_day(moment)
        day = self._open_day(number)
        self._sale_day_start = self._local_days.bounds(number)[0]
        if not self.is_refolding:
            self._sale_start, self._sale_end, self._sale_day = start, end, day
        return day

    def _open_day(self, number: int) -> DayTotals:
        """Return a day that changes now. If it already counts the current record, return totals that are discarded."""
        day = self.days.get(number)
        if self.is_refolding and self._position <= day.counted_to:
            return self._discarded
        self.days.changed_days.add(number)
        return day

    def _clear_cache(self) -> None:
        self._sale_start = self._sale_end = self._cached_start = self._cached_end = 0
        self._sale_day = self._cached_day = self._discarded = new_day()


def evaluated_state(profile: Profile) -> EvaluatedState:
    """Return the state of a customer, to be passed to `count_evaluation` after the change."""
    has_contacts = profile.contact_profile is not None or profile.engagement is not None
    reach = _reach_of(profile) if has_contacts else _NOT_REACHABLE
    return profile.segment, profile.frequency, profile.monetary, reach


def _reach_of(profile: Profile) -> int:
    """Return whether the customer is silenced, reachable (some channel is granted), or not reachable."""
    engagement = profile.engagement
    if engagement is not None and engagement.silence is not None:
        return _SILENCED
    contact_profile = profile.contact_profile
    if contact_profile is not None:
        for consent in contact_profile.consents.values():
            if consent.granted:
                return _REACHABLE
    return _NOT_REACHABLE


def _add_reach(day: DayTotals, reach: int, change: int) -> None:
    if reach == _REACHABLE:
        day.reachable += change
    elif reach == _SILENCED:
        day.silenced += change
