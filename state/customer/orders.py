"""Orders and refunds of one customer: what counts, what leaves the window, what is forgotten.

The rules: docs/topics.md. Each function changes the profile in place and keeps its sums true, so that no event costs
more for a long history than for a short one: `frequency` and `monetary` are those of the window at `profile.judged`,
the other sums those of a lifetime. Plain histories (`state.customer.packed_orders`) are unpacked where what comes is
not plain.
"""

from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

from state.config.policy import Policy
from state.customer.order_chunks import LONG_HISTORY, add_to_index, is_long, mark_changed, open_index, remove_from_index
from state.customer.packed_orders import append_order, expire_packed, first_in_window, may_hold_order, unpack_orders
from state.customer.profile import Profile
from state.customer.profile_schema import ForeignAmount, Order, RefundId, Refunds, UnlinkedRefund, WaitingRefund
from state.records.events import OrderPlaced, OrderRefunded
from state.records.reasons import DropReason
from state.units.money import DIGITS, MAX_TOTAL, convert
from state.units.timestamps import NEVER

RefundEffect = tuple[int, int]
"""When a refund that takes effect occurred, and the sum that goes back to the customer."""
FORGETTING_PARTS = 64
"""A window has so many moments at which what may be forgotten is swept out."""


def find_order(profile: Profile, order_id: str) -> Order | None:
    """The order of that id, remembered or about to be forgotten; the history is not plain."""
    if profile.order_index is not None:
        return profile.order_index.by_id.get(order_id)
    for order in reversed(profile.orders):
        if order.order_id == order_id:
            return order
    return None


def remembers_order(profile: Profile, order_id: str, as_of: int, window_ms: int) -> bool:
    """Whether a purchase with this id would be a duplicate at `as_of`."""
    if profile.packed_orders:
        if not may_hold_order(profile, order_id):
            return False
        unpack_orders(profile)
    order = find_order(profile, order_id)
    return order is not None and forget_order_at(order, window_ms) > as_of


def remembers_refund(profile: Profile, refund_id: str, as_of: int) -> bool:
    """Whether a refund with this id would be a duplicate at `as_of`."""
    seen = find_refund(profile, refund_id)
    return seen is not None and seen.forget_at > as_of


def find_refund(profile: Profile, refund_id: str) -> RefundId | None:
    """The refund of that id, remembered or about to be forgotten."""
    if profile.order_index is not None:
        return profile.order_index.refunds.get(refund_id)
    if profile.refunds is None:
        return None
    return next((seen for seen in reversed(profile.refunds.seen) if seen.refund_id == refund_id), None)


def forget_order_at(order: Order, window_ms: int) -> int:
    """When the order's id may come again: W after it left the window or was applied, whichever is later."""
    leaves_at = order.at + window_ms
    return (max(order.applied_at, leaves_at)) + window_ms


def apply_order(
    profile: Profile, event: OrderPlaced, as_of: int, policy: Policy, dropped: Counter[DropReason]
) -> Sequence[RefundEffect]:
    """A purchase that is no duplicate: it counts, or if it is already out of the window only for a lifetime.

    Returns:
        What goes back by the refunds that waited for it.
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
    ):  # one that may be forgotten: no duplicate
        _forget(profile, as_of, policy.window_ms)
    order = Order(at, event.order_id, event.base, event.discount, 0, as_of, foreign)
    orders = profile.orders
    if not orders or (orders[-1].at, orders[-1].order_id) <= (at, order.order_id):
        orders.append(order)
    else:
        insort(orders, order, key=_position)
    if profile.order_index is not None:
        add_to_index(profile.order_index, order)
    elif len(orders) > LONG_HISTORY:
        open_index(profile)
    forget_at = forget_order_at(order, policy.window_ms)
    profile.next_forget_at = min(profile.next_forget_at, forget_at)
    _add_to_sums(profile, order, as_of, policy.window_ms)
    if profile.refunds is not None and profile.refunds.waiting:
        return _settle_waiting(profile, order, as_of, policy, dropped)
    return ()


def _add_to_sums(profile: Profile, order: Order, as_of: int, window_ms: int) -> None:
    """Counts a new order."""
    profile.gross += order.amount
    if order.at + window_ms <= as_of:  # fully refunded ones that left before it are passed over: nothing woke for them
        profile.expired_count = bisect_right(profile.orders, as_of - window_ms, key=_when)
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


def apply_refund(
    profile: Profile, event: OrderRefunded, as_of: int, policy: Policy, dropped: Counter[DropReason]
) -> Sequence[RefundEffect]:
    """A refund that is no duplicate: of an order, of an order that has not come yet, or of none.

    Returns:
        What goes back by it; nothing if it takes no effect, or none yet.
    """
    window_ms = policy.window_ms
    unpack_orders(profile)
    refunds = profile.refunds
    if refunds is None:
        refunds = profile.refunds = Refunds([], [], [])
    forget_at = max(event.occurred_at + window_ms, as_of) + window_ms
    if find_refund(profile, event.refund_id) is not None:  # one that may be forgotten: it is no duplicate
        _forget(profile, as_of, window_ms)
    seen = RefundId(event.refund_id, forget_at)
    refunds.seen.append(seen)
    if profile.order_index is not None:
        profile.order_index.refunds[seen.refund_id] = seen
        profile.order_index.refunds_changed = True
    elif is_long(refunds):
        open_index(profile)
    profile.next_forget_at = min(profile.next_forget_at, forget_at)
    if event.order_id is None:
        amount = event.base if event.base is not None else 0
        profile.lifetime_net -= amount
        profile.refunded += amount
        profile.refund_count += 1
        if event.occurred_at + window_ms > as_of:
            insort(refunds.unlinked, UnlinkedRefund(event.occurred_at, amount), key=_moment)
            profile.monetary -= amount
        return [(event.occurred_at, amount)]
    order = find_order(profile, event.order_id)
    if order is not None and forget_order_at(order, window_ms) <= as_of:
        _forget(profile, as_of, window_ms)
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
        insort(refunds.waiting, waiting, key=_until)
        return ()
    return _refund_order(profile, order, waiting, as_of, policy, dropped)


def expire(profile: Profile, as_of: int, window_ms: int, dropped: Counter[DropReason]) -> None:
    """Lets go what has left the window, waited long enough or may be forgotten at `as_of`."""
    horizon = as_of - window_ms
    if profile.packed_orders:
        expire_packed(profile, horizon)
        if profile.next_forget_at <= as_of:
            unpack_orders(profile)
            _forget(profile, as_of, window_ms)
        return
    orders = profile.orders
    left = profile.expired_count
    while left < len(orders) and orders[left].at <= horizon:
        order = orders[left]
        left += 1
        if not order.fully_refunded:
            profile.frequency -= 1
            profile.monetary -= order.net
    profile.expired_count = left
    refunds = profile.refunds
    if refunds is not None:
        _expire_refunds(profile, refunds, as_of, horizon, dropped)
    if profile.next_forget_at <= as_of:
        _forget(profile, as_of, window_ms)


def _expire_refunds(profile: Profile, refunds: Refunds, as_of: int, horizon: int, dropped: Counter[DropReason]) -> None:
    gone = bisect_right(refunds.unlinked, horizon, key=_moment)
    profile.monetary += sum(refund.amount for refund in refunds.unlinked[:gone])
    waited = bisect_right(refunds.waiting, as_of, key=_until)
    dropped[DropReason.REFUND_WITHOUT_ORDER] += waited
    if gone or waited:
        del refunds.unlinked[:gone], refunds.waiting[:waited]
        if profile.order_index is not None:
            profile.order_index.refunds_changed = True


def next_expiry(profile: Profile, window_ms: int) -> int:
    """When the next order or refund leaves the window or a waiting refund is dropped; `NEVER` if nothing will."""
    if profile.packed_orders:
        return first_in_window(profile) + window_ms
    orders, left = profile.orders, profile.expired_count
    while left < len(orders) and orders[left].fully_refunded:  # its leaving changes nothing
        left += 1
    at = orders[left].at + window_ms if left < len(orders) else NEVER
    refunds = profile.refunds
    if refunds is not None:
        if refunds.unlinked:
            at = min(at, refunds.unlinked[0].at + window_ms)
        if refunds.waiting:
            at = min(at, refunds.waiting[0].until)
    return at


def _count(profile: Profile, order: Order, as_of: int, window_ms: int, sign: int) -> None:
    """Adds the order to the sums, or takes it out of them; a fully refunded order is in none."""
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


def _refund_order(
    profile: Profile, order: Order, refund: WaitingRefund, as_of: int, policy: Policy, dropped: Counter[DropReason]
) -> Sequence[RefundEffect]:
    """Applies a refund to its order; what exceeds the order's amount has no effect and is counted."""
    foreign = order.foreign_amount
    in_its_currency = refund.currency == (policy.currency if foreign is None else foreign.currency)
    if not in_its_currency and refund.base is None:
        dropped[DropReason.REFUND_WITHOUT_RATE] += 1
        return ()
    was_full, was_net, was_whole = order.fully_refunded, order.net, not _any_refunded(order)
    _count(profile, order, as_of, policy.window_ms, -1)
    if foreign is None:
        order.refunded = min(order.refunded + (refund.amount if in_its_currency else refund.base or 0), MAX_TOTAL)
    else:
        if in_its_currency:
            foreign.refunded = min(foreign.refunded + refund.amount, MAX_TOTAL)
        else:
            foreign.other = min(foreign.other + (refund.base or 0), MAX_TOTAL)
        own = min(foreign.refunded, foreign.amount)
        at_the_rate = convert(own, DIGITS[foreign.currency], Fraction(foreign.rate), policy.digits)
        order.refunded = at_the_rate + foreign.other
    if profile.order_index is not None:
        mark_changed(profile.order_index, order)
    _count(profile, order, as_of, policy.window_ms, 1)
    profile.refunded += was_net - order.net
    profile.refund_count += 1
    if was_whole:
        profile.refunded_orders += 1
    if order.refunded > order.amount or (foreign is not None and foreign.refunded > foreign.amount):
        dropped[DropReason.EXCESS_REFUND] += 1
    if order.fully_refunded and not was_full:
        profile.returned_orders += 1
        _recall_ends(profile, order)
    return [(refund.occurred_at, was_net - order.net)]


def _any_refunded(order: Order) -> bool:
    foreign = order.foreign_amount
    return order.refunded > 0 or (foreign is not None and foreign.refunded > 0)


def _settle_waiting(
    profile: Profile, order: Order, as_of: int, policy: Policy, dropped: Counter[DropReason]
) -> Sequence[RefundEffect]:
    """The refunds that waited for this order."""
    refunds, went_back = profile.refunds, list[RefundEffect]()
    if refunds is None:
        return ()
    for waiting in [each for each in refunds.waiting if each.order_id == order.order_id]:
        refunds.waiting.remove(waiting)
        seen = find_refund(profile, waiting.refund_id)
        if seen is not None:  # it is applied only now
            seen.forget_at = max(seen.forget_at, as_of + policy.window_ms)
        if profile.order_index is not None:
            profile.order_index.refunds_changed = True
        went_back.extend(_refund_order(profile, order, waiting, as_of, policy, dropped))
    return went_back


def _recall_ends(profile: Profile, gone: Order) -> None:
    """After `gone` was fully refunded: the first and the last of the orders that remain."""
    if gone.at == profile.last_order_at:
        last = next((order.at for order in reversed(profile.orders) if not order.fully_refunded), None)
        profile.last_order_at = _latest(last, profile.forgotten_last)
    if gone.at == profile.first_order_at:
        first = next((order.at for order in profile.orders if not order.fully_refunded), None)
        profile.first_order_at = _earliest(first, profile.forgotten_first)


def _forget(profile: Profile, as_of: int, window_ms: int) -> None:
    """Forgets orders and refund ids whose time has come; of the orders their sums and ends remain.

    It goes through all orders, so it comes again only after a part of the window: until then what may be forgotten is
    found out by `forget_order_at` where somebody asks for it.
    """
    kept, gone = [], []
    for order in profile.orders[: profile.expired_count]:
        if forget_order_at(order, window_ms) > as_of:
            kept.append(order)
            continue
        gone.append(order)
        if not order.fully_refunded:
            profile.forgotten_first = _earliest(profile.forgotten_first, order.at)
            profile.forgotten_last = _latest(profile.forgotten_last, order.at)
    profile.orders[: profile.expired_count] = kept
    profile.expired_count = len(kept)
    if profile.order_index is not None:
        remove_from_index(profile.order_index, gone)
    forget_at = min((forget_order_at(order, window_ms) for order in profile.orders), default=NEVER)
    refunds = profile.refunds
    if refunds is not None:
        refunds.seen[:] = [seen for seen in refunds.seen if seen.forget_at > as_of]
        if profile.order_index is not None:
            profile.order_index.refunds = {seen.refund_id: seen for seen in refunds.seen}
            profile.order_index.refunds_changed = True
        forget_at = min([forget_at, *(seen.forget_at for seen in refunds.seen)])
    profile.next_forget_at = forget_at if forget_at == NEVER else max(forget_at, as_of + window_ms // FORGETTING_PARTS)


def _earliest(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


def _latest(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)


def _position(order: Order) -> tuple[int, str]:
    return order.at, order.order_id


def _when(order: Order) -> int:
    return order.at


def _moment(refund: UnlinkedRefund) -> int:
    return refund.at


def _until(refund: WaitingRefund) -> int:
    return refund.until
