"""Apply refunds: of an order, of an order that has not arrived yet, or of no order in particular.

docs/topics.md has the rules. All functions change the profile in place and keep its sums exact.
"""

from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

from state.config.policy import Policy
from state.customer.order_chunks import is_long, mark_changed, open_index
from state.customer.packed_orders import unpack_orders
from state.customer.profile import Profile
from state.customer.profile_schema import Order, RefundId, Refunds, UnlinkedRefund, WaitingRefund
from state.customer.retention import earlier, find_order, find_refund, forget_expired, forget_order_at, later
from state.records.events import OrderRefunded
from state.records.reasons import DropReason
from state.units.money import DIGITS, MAX_TOTAL, convert

RefundEffect = tuple[int, int]
"""`occurred_at` of a refund that takes effect, and the sum by which it lowers net revenue."""


def apply_refund(
    profile: Profile, event: OrderRefunded, as_of: int, policy: Policy, dropped: Counter[DropReason]
) -> Sequence[RefundEffect]:
    """Apply a refund that is not a duplicate.

    Returns:
        The effect of the refund; empty if it waits for its order or is dropped.
    """
    window_ms = policy.window_ms
    unpack_orders(profile)
    refunds = profile.refunds
    if refunds is None:
        refunds = profile.refunds = Refunds([], [], [])
    forget_at = max(event.occurred_at + window_ms, as_of) + window_ms
    if find_refund(profile, event.refund_id) is not None:  # forgotten, but not yet removed: not a duplicate
        forget_expired(profile, as_of, window_ms)
    seen = RefundId(event.refund_id, forget_at)
    refunds.seen.append(seen)
    if profile.order_index is not None:
        profile.order_index.refunds[seen.refund_id] = seen
        profile.order_index.refunds_changed = True
    elif is_long(refunds):
        open_index(profile)
    profile.next_forget_at = min(profile.next_forget_at, forget_at)
    if event.order_id is None:
        return _apply_unlinked(profile, refunds, event, as_of, window_ms)
    order = find_order(profile, event.order_id)
    if order is not None and forget_order_at(order, window_ms) <= as_of:
        forget_expired(profile, as_of, window_ms)
        order = None
    waiting = WaitingRefund(
        as_of + window_ms,
        event.refund_id,
        event.order_id,
        event.amount,
        event.currency,
        event.base,
        event.occurred_at,
    )
    if order is None:
        insort(refunds.waiting, waiting, key=_waits_until)
        return ()
    return _refund_order(profile, order, waiting, as_of, policy, dropped)


def apply_waiting_refunds(
    profile: Profile, order: Order, as_of: int, policy: Policy, dropped: Counter[DropReason]
) -> Sequence[RefundEffect]:
    """Apply the refunds that waited for a new order, and return their effects."""
    refunds, effects = profile.refunds, list[RefundEffect]()
    if refunds is None:
        return ()
    for waiting in [each for each in refunds.waiting if each.order_id == order.order_id]:
        refunds.waiting.remove(waiting)
        seen = find_refund(profile, waiting.refund_id)
        if seen is not None:  # it is applied only now, so it is remembered longer
            seen.forget_at = max(seen.forget_at, as_of + policy.window_ms)
        if profile.order_index is not None:
            profile.order_index.refunds_changed = True
        effects.extend(_refund_order(profile, order, waiting, as_of, policy, dropped))
    return effects


def expire_refunds(
    profile: Profile, refunds: Refunds, as_of: int, window_ms: int, dropped: Counter[DropReason]
) -> None:
    """Remove unlinked refunds that have left the window, and drop refunds whose order did not arrive in time."""
    expired = bisect_right(refunds.unlinked, as_of - window_ms, key=_refunded_at)
    profile.monetary += sum(refund.amount for refund in refunds.unlinked[:expired])
    abandoned = bisect_right(refunds.waiting, as_of, key=_waits_until)
    dropped[DropReason.REFUND_WITHOUT_ORDER] += abandoned
    if expired or abandoned:
        del refunds.unlinked[:expired], refunds.waiting[:abandoned]
        if profile.order_index is not None:
            profile.order_index.refunds_changed = True


def _apply_unlinked(
    profile: Profile, refunds: Refunds, event: OrderRefunded, as_of: int, window_ms: int
) -> Sequence[RefundEffect]:
    """Apply a refund that names no order."""
    amount = event.base if event.base is not None else 0
    profile.lifetime_net -= amount
    profile.refunded += amount
    profile.refund_count += 1
    if event.occurred_at + window_ms > as_of:
        insort(refunds.unlinked, UnlinkedRefund(event.occurred_at, amount), key=_refunded_at)
        profile.monetary -= amount
    return [(event.occurred_at, amount)]


def _refund_order(
    profile: Profile, order: Order, refund: WaitingRefund, as_of: int, policy: Policy, dropped: Counter[DropReason]
) -> Sequence[RefundEffect]:
    """Apply a refund to its order. What exceeds the order's amount has no effect and is counted as dropped."""
    foreign = order.foreign_amount
    in_order_currency = refund.currency == (policy.currency if foreign is None else foreign.currency)
    if not in_order_currency and refund.base is None:
        dropped[DropReason.REFUND_WITHOUT_RATE] += 1
        return ()
    was_full, net_before, was_untouched = order.fully_refunded, order.net, not _any_refunded(order)
    _add_to_sums(profile, order, as_of, policy.window_ms, -1)
    if foreign is None:
        order.refunded = min(order.refunded + (refund.amount if in_order_currency else refund.base or 0), MAX_TOTAL)
    else:
        if in_order_currency:
            foreign.refunded = min(foreign.refunded + refund.amount, MAX_TOTAL)
        else:
            foreign.other = min(foreign.other + (refund.base or 0), MAX_TOTAL)
        own = min(foreign.refunded, foreign.amount)
        own_in_base = convert(own, DIGITS[foreign.currency], Fraction(foreign.rate), policy.digits)
        order.refunded = own_in_base + foreign.other
    if profile.order_index is not None:
        mark_changed(profile.order_index, order)
    _add_to_sums(profile, order, as_of, policy.window_ms, 1)
    profile.refunded += net_before - order.net
    profile.refund_count += 1
    if was_untouched:
        profile.refunded_orders += 1
    if order.refunded > order.amount or (foreign is not None and foreign.refunded > foreign.amount):
        dropped[DropReason.EXCESS_REFUND] += 1
    if order.fully_refunded and not was_full:
        profile.returned_orders += 1
        _update_first_and_last(profile, order)
    return [(refund.occurred_at, net_before - order.net)]


def _add_to_sums(profile: Profile, order: Order, as_of: int, window_ms: int, sign: int) -> None:
    """Add an order to the sums, or with sign -1 subtract it. A fully refunded order counts in none but the net."""
    if order.fully_refunded:
        profile.lifetime_net += sign * order.net
        return
    profile.lifetime_orders += sign
    profile.lifetime_net += sign * order.net
    if order.discount:
        profile.discounts += sign * order.discount
        profile.discounted_orders += sign
    if order.at + window_ms > as_of:
        profile.frequency += sign
        profile.monetary += sign * order.net


def _any_refunded(order: Order) -> bool:
    foreign = order.foreign_amount
    return order.refunded > 0 or (foreign is not None and foreign.refunded > 0)


def _update_first_and_last(profile: Profile, refunded: Order) -> None:
    """Set the times of the first and last order after `refunded` was fully refunded."""
    if refunded.at == profile.last_order_at:
        last = next((order.at for order in reversed(profile.orders) if not order.fully_refunded), None)
        profile.last_order_at = later(last, profile.forgotten_last)
    if refunded.at == profile.first_order_at:
        first = next((order.at for order in profile.orders if not order.fully_refunded), None)
        profile.first_order_at = earlier(first, profile.forgotten_first)


def _refunded_at(refund: UnlinkedRefund) -> int:
    return refund.at


def _waits_until(refund: WaitingRefund) -> int:
    return refund.until
