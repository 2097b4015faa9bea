"""Apply purchases, and let orders and refunds leave the window.

docs/topics.md has the rules. All functions change the profile in place and keep its sums exact, so that an event costs
no more for a long history than for a short one: `frequency` and `monetary` are those of the window at
`profile.evaluated_at`, all other sums are lifetime sums. Packed orders (`state.customer.packed_orders`) are unpacked
where an event does not fit the packed form.
"""

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Iterator, Sequence

from state.config.policy import Policy
from state.customer.order_chunks import LONG_HISTORY, add_to_index, open_index
from state.customer.packed_orders import (
    append_order,
    expire_packed,
    first_in_window,
    packed_orders_latest_first,
    unpack_orders,
)
from state.customer.profile import Profile
from state.customer.profile_schema import ForeignAmount, Order
from state.customer.refunds import RefundEffect, apply_waiting_refunds, expire_refunds
from state.customer.retention import find_order, forget_expired, forget_order_at
from state.records.events import OrderPlaced
from state.records.reasons import DropReason
from state.units.timestamps import NEVER


def apply_order(
    profile: Profile, event: OrderPlaced, as_of: int, policy: Policy, dropped: Counter[DropReason]
) -> Sequence[RefundEffect]:
    """Apply a purchase that is not a duplicate. If it has already left the window, it counts for lifetime sums only.

    Returns:
        The effects of the refunds that waited for this order.
    """
    if append_order(profile, event, as_of, policy.window_ms):
        return ()
    unpack_orders(profile)
    foreign = None
    if event.currency != policy.currency and event.rate is not None:
        foreign = ForeignAmount(event.currency, event.amount, event.rate)
    at = event.occurred_at
    if (
        profile.expired_count and find_order(profile, event.order_id) is not None
    ):  # forgotten, but not yet removed: not a duplicate
        forget_expired(profile, as_of, policy.window_ms)
    order = Order(at, event.order_id, event.base, event.discount, 0, as_of, foreign)
    orders = profile.orders
    if not orders or (orders[-1].at, orders[-1].order_id) <= (at, order.order_id):
        orders.append(order)
    else:
        insort(orders, order, key=_sort_key)
    if profile.order_index is not None:
        add_to_index(profile.order_index, order)
    elif len(orders) > LONG_HISTORY:
        open_index(profile)
    forget_at = forget_order_at(order, policy.window_ms)
    profile.next_forget_at = min(profile.next_forget_at, forget_at)
    _add_to_sums(profile, order, as_of, policy.window_ms)
    if profile.refunds is not None and profile.refunds.waiting:
        return apply_waiting_refunds(profile, order, as_of, policy, dropped)
    return ()


def _add_to_sums(profile: Profile, order: Order, as_of: int, window_ms: int) -> None:
    """Add a new order to the sums."""
    profile.gross += order.amount
    if order.at + window_ms <= as_of:
        # Not just one more: fully refunded orders before it may have left unnoticed, since no timer is set for them.
        profile.expired_count = bisect_right(profile.orders, as_of - window_ms, key=_placed_at)
    else:
        profile.frequency += 1
        profile.monetary += order.amount
    profile.lifetime_orders += 1
    profile.lifetime_net += order.amount
    if order.discount:
        profile.discounts += order.discount
        profile.discounted_orders += 1
    at = order.at
    if profile.last_order_at is None or at > profile.last_order_at:
        profile.last_order_at = at
    if profile.first_order_at is None or at < profile.first_order_at:
        profile.first_order_at = at


def expire(profile: Profile, as_of: int, window_ms: int, dropped: Counter[DropReason]) -> None:
    """Advance the profile to `as_of`: orders and refunds leave the window, are dropped or forgotten."""
    window_start = as_of - window_ms
    if profile.packed_orders:
        expire_packed(profile, window_start)
        if profile.next_forget_at <= as_of:
            unpack_orders(profile)
            forget_expired(profile, as_of, window_ms)
        return
    orders = profile.orders
    expired = profile.expired_count
    while expired < len(orders) and orders[expired].at <= window_start:
        order = orders[expired]
        expired += 1
        if not order.fully_refunded:
            profile.frequency -= 1
            profile.monetary -= order.net
    profile.expired_count = expired
    refunds = profile.refunds
    if refunds is not None:
        expire_refunds(profile, refunds, as_of, window_ms, dropped)
    if profile.next_forget_at <= as_of:
        forget_expired(profile, as_of, window_ms)


def next_expiry(profile: Profile, window_ms: int) -> int:
    """Return when the next order or refund leaves the window or a waiting refund is dropped; `NEVER` if none will."""
    if profile.packed_orders:
        return first_in_window(profile) + window_ms
    orders, expired = profile.orders, profile.expired_count
    while expired < len(orders) and orders[expired].fully_refunded:  # nothing changes when it leaves
        expired += 1
    at = orders[expired].at + window_ms if expired < len(orders) else NEVER
    refunds = profile.refunds
    if refunds is not None:
        if refunds.unlinked:
            at = min(at, refunds.unlinked[0].at + window_ms)
        if refunds.waiting:
            at = min(at, refunds.waiting[0].until)
    return at


def order_times_between(profile: Profile, start: int, end: int, as_of: int, window_ms: int) -> Iterator[int]:
    """Yield the times of the orders from `start` (inclusive) to `end` (exclusive) that are remembered at `as_of`.

    Fully refunded orders are included.
    """
    if profile.packed_orders:
        for at, applied_at in packed_orders_latest_first(profile):
            if at < start:
                return
            if at < end and max(applied_at, at + window_ms) + window_ms > as_of:
                yield at
        return
    orders = profile.orders
    for place in range(bisect_left(orders, start, key=_placed_at), len(orders)):
        order = orders[place]
        if order.at >= end:
            return
        if forget_order_at(order, window_ms) > as_of:
            yield order.at


def _sort_key(order: Order) -> tuple[int, str]:
    return order.at, order.order_id


def _placed_at(order: Order) -> int:
    return order.at
