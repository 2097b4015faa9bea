"""Remember orders and refund ids, and forget them in time.

An order or refund id is remembered until W (the window) after it left the window or was applied, whichever is later.
While it is remembered, a second event with the same id is a duplicate. Forgotten items are removed in sweeps, so they
may still be in the profile after their time; `forget_order_at` and `RefundId.forget_at` decide.
"""

from typing import Final

from state.customer.order_chunks import remove_from_index
from state.customer.packed_orders import may_hold_order, unpack_orders
from state.customer.profile import Profile
from state.customer.profile_schema import Order, RefundId
from state.units.timestamps import NEVER

SWEEPS_PER_WINDOW: Final = 64
"""A sweep visits all orders, so there is at most one in this part of the window."""


def find_order(profile: Profile, order_id: str) -> Order | None:
    """Return the order with this id that is still in the profile. The orders must be unpacked."""
    if profile.order_index is not None:
        return profile.order_index.by_id.get(order_id)
    for order in reversed(profile.orders):
        if order.order_id == order_id:
            return order
    return None


def find_refund(profile: Profile, refund_id: str) -> RefundId | None:
    """Return the refund id that is still in the profile."""
    if profile.order_index is not None:
        return profile.order_index.refunds.get(refund_id)
    if profile.refunds is None:
        return None
    return next((seen for seen in reversed(profile.refunds.seen) if seen.refund_id == refund_id), None)


def remembers_order(profile: Profile, order_id: str, as_of: int, window_ms: int) -> bool:
    """Whether a purchase with this id is a duplicate at `as_of`. May unpack the orders."""
    if profile.packed_orders:
        if not may_hold_order(profile, order_id):
            return False
        unpack_orders(profile)
    order = find_order(profile, order_id)
    return order is not None and forget_order_at(order, window_ms) > as_of


def remembers_refund(profile: Profile, refund_id: str, as_of: int) -> bool:
    """Whether a refund with this id is a duplicate at `as_of`."""
    seen = find_refund(profile, refund_id)
    return seen is not None and seen.forget_at > as_of


def forget_order_at(order: Order, window_ms: int) -> int:
    """Return the time from which the order is forgotten."""
    leaves_window_at = order.at + window_ms
    return max(order.applied_at, leaves_window_at) + window_ms


def forget_expired(profile: Profile, as_of: int, window_ms: int) -> None:
    """Remove the orders and refund ids that are forgotten at `as_of`. The orders must be unpacked.

    The sums of removed orders stay in the profile, and so do the times of the first and last of them
    (`forgotten_first`, `forgotten_last`).
    """
    kept, forgotten = [], []
    for order in profile.orders[: profile.expired_count]:
        if forget_order_at(order, window_ms) > as_of:
            kept.append(order)
            continue
        forgotten.append(order)
        if not order.fully_refunded:
            profile.forgotten_first = earlier(profile.forgotten_first, order.at)
            profile.forgotten_last = later(profile.forgotten_last, order.at)
    profile.orders[: profile.expired_count] = kept
    profile.expired_count = len(kept)
    if profile.order_index is not None:
        remove_from_index(profile.order_index, forgotten)
    next_at = min((forget_order_at(order, window_ms) for order in profile.orders), default=NEVER)
    refunds = profile.refunds
    if refunds is not None:
        refunds.seen[:] = [seen for seen in refunds.seen if seen.forget_at > as_of]
        if profile.order_index is not None:
            profile.order_index.refunds = {seen.refund_id: seen for seen in refunds.seen}
            profile.order_index.refunds_changed = True
        next_at = min([next_at, *(seen.forget_at for seen in refunds.seen)])
    profile.next_forget_at = next_at if next_at == NEVER else max(next_at, as_of + window_ms // SWEEPS_PER_WINDOW)


def earlier(a: int | None, b: int | None) -> int | None:
    """Return the earlier of two times, either of which may be missing."""
    if a is None or b is None:
        return b if a is None else a
    return min(a, b)


def later(a: int | None, b: int | None) -> int | None:
    """Return the later of two times, either of which may be missing."""
    if a is None or b is None:
        return b if a is None else a
    return max(a, b)
