"""Packed orders: those of a customer with purchases only, in the base currency, each later than the one before.

This is true of most customers and nearly all events. Their orders stay encoded, 20 bytes each plus the ids, and are
read in place: decoding a profile costs a quarter, and nothing per order. As soon as anything else arrives (a refund,
another currency, a late purchase) or an order must be forgotten, `unpack_orders` creates the `Order` objects that
`state.customer.orders` works on; `pack_orders` packs them again if possible.

A profile has its orders in one of the two forms: in `packed_orders` and `packed_order_ids`, or in `orders`.
"""

from collections.abc import Iterator
from struct import Struct
from typing import Final

from state.customer.order_chunks import LONG_HISTORY
from state.customer.profile import Profile
from state.customer.profile_schema import Order
from state.records.events import OrderPlaced
from state.units.timestamps import NEVER

_ENTRY: Final = Struct("<qIII")
"""Time, amount, discount, and the delay from the order's time until it was applied; in ms and minor units."""
_HEAD: Final = Struct("<qI")
_TIME: Final = Struct("<q")
ENTRY_BYTES: Final = _ENTRY.size
_FIELD_END: Final = 1 << 32
_pack_entry: Final = _ENTRY.pack
_entry_at: Final = _ENTRY.unpack_from
_time_and_amount_at: Final = _HEAD.unpack_from
_time_at: Final = _TIME.unpack_from
_LENGTHS: Final = tuple(length.to_bytes(2, "big") for length in range(128 * 4 + 1))


def may_hold_order(profile: Profile, order_id: str) -> bool:
    """Whether packed orders may contain this id; False is certain."""
    encoded = order_id.encode()
    return _LENGTHS[len(encoded)] + encoded in profile.packed_order_ids


def append_order(profile: Profile, event: OrderPlaced, as_of: int, window_ms: int) -> bool:
    """Apply a purchase to packed orders and to the sums; return False, and change nothing, if it cannot be packed."""
    at, amount, discount = event.occurred_at, event.base, event.discount
    last, packed = profile.last_order_at, profile.packed_orders
    if (
        event.rate is not None
        or profile.orders
        or profile.order_index is not None  # of a long history whose orders are all forgotten
        or profile.refunds is not None
        or (last is not None and at <= last)
        or at + window_ms <= as_of
        or amount >= _FIELD_END
        or discount >= _FIELD_END
        or as_of - at >= _FIELD_END
        or len(packed) >= LONG_HISTORY * ENTRY_BYTES
    ):
        return False
    order_id = event.order_id.encode()
    profile.packed_orders = packed + _pack_entry(at, amount, discount, as_of - at)
    profile.packed_order_ids += _LENGTHS[len(order_id)] + order_id
    if profile.next_forget_at == NEVER:  # later orders are forgotten later
        profile.next_forget_at = at + 2 * window_ms
    profile.frequency += 1
    profile.monetary += amount
    profile.lifetime_orders += 1
    profile.lifetime_net += amount
    profile.gross += amount
    if discount:
        profile.discounts += discount
        profile.discounted_orders += 1
    profile.last_order_at = at
    if profile.first_order_at is None:
        profile.first_order_at = at
    return True


def expire_packed(profile: Profile, window_start: int) -> None:
    """Let the packed orders at or before `window_start` leave the window."""
    packed = profile.packed_orders
    index = profile.expired_count * ENTRY_BYTES
    while index < len(packed):
        at, amount = _time_and_amount_at(packed, index)
        if at > window_start:
            break
        profile.frequency -= 1
        profile.monetary -= amount
        profile.expired_count += 1
        index += ENTRY_BYTES


def first_in_window(profile: Profile) -> int:
    """Return the time of the first packed order in the window; `NEVER` if there is none."""
    index = profile.expired_count * ENTRY_BYTES
    return _time_at(profile.packed_orders, index)[0] if index < len(profile.packed_orders) else NEVER


def packed_totals_between(profile: Profile, after: int, until: int) -> tuple[int, int]:
    """Return number and sum of the packed orders after one moment and up to another."""
    packed = profile.packed_orders
    index, orders, total = len(packed), 0, 0
    while index:
        index -= ENTRY_BYTES
        at, amount = _time_and_amount_at(packed, index)
        if at <= after:
            break
        if at <= until:
            orders += 1
            total += amount
    return orders, total


def packed_expiries(profile: Profile, window_ms: int) -> Iterator[tuple[int, int, int]]:
    """Yield when each packed order leaves the window, in order, with the number of orders (1) and its amount."""
    for index in range(profile.expired_count * ENTRY_BYTES, len(profile.packed_orders), ENTRY_BYTES):
        at, amount = _time_and_amount_at(profile.packed_orders, index)
        yield at + window_ms, 1, amount


def last_packed_times(profile: Profile, as_of: int, window_ms: int, maximum: int) -> list[int]:
    """Return the times of the last packed orders that are remembered at `as_of`, latest first."""
    last = profile.packed_orders[-maximum * ENTRY_BYTES :]
    if _time_at(last)[0] + 2 * window_ms > as_of:  # the oldest of them is remembered, so all are
        return [entry[0] for entry in _ENTRY.iter_unpack(last)][::-1]
    return [at for at, _ in last_packed_orders(profile, as_of, window_ms, maximum)]


def last_packed_orders(profile: Profile, as_of: int, window_ms: int, maximum: int) -> list[tuple[int, int]]:
    """Return the last packed orders that are remembered at `as_of`, latest first: time, and time of being forgotten."""
    found: list[tuple[int, int]] = []
    packed = profile.packed_orders
    for index in range(len(packed) - ENTRY_BYTES, -1, -ENTRY_BYTES):
        at, _, _, delay = _entry_at(packed, index)
        forget_at = max(at + delay, at + window_ms) + window_ms
        if forget_at > as_of:
            found.append((at, forget_at))
            if len(found) == maximum:
                break
    return found


def packed_orders_latest_first(profile: Profile) -> Iterator[tuple[int, int]]:
    """Yield the packed orders, latest first: time, and time at which it was applied."""
    packed = profile.packed_orders
    for index in range(len(packed) - ENTRY_BYTES, -1, -ENTRY_BYTES):
        at, _, _, delay = _entry_at(packed, index)
        yield at, at + delay


def unpack_orders(profile: Profile) -> None:
    """Move packed orders to `Profile.orders`; without packed orders, do nothing."""
    if not profile.packed_orders:
        return
    ids, start = profile.packed_order_ids, 0
    for at, amount, discount, delay in _ENTRY.iter_unpack(profile.packed_orders):
        end = start + 2 + int.from_bytes(ids[start : start + 2], "big")
        profile.orders.append(Order(at, ids[start + 2 : end].decode(), amount, discount, 0, at + delay))
        start = end
    profile.packed_orders = profile.packed_order_ids = b""


def pack_orders(profile: Profile) -> None:
    """Pack the orders if all of them can be."""
    orders = profile.orders
    if not orders or profile.refunds is not None or profile.order_index is not None or len(orders) > LONG_HISTORY:
        return
    previous_at, entries, ids = -1, [], []
    for order in orders:
        delay = order.applied_at - order.at
        if (
            order.at <= previous_at
            or order.foreign_amount is not None
            or order.amount >= _FIELD_END
            or order.discount >= _FIELD_END
            or not 0 <= delay < _FIELD_END
        ):
            return
        previous_at = order.at
        entries.append(_pack_entry(previous_at, order.amount, order.discount, delay))
        order_id = order.order_id.encode()
        ids += [_LENGTHS[len(order_id)], order_id]
    profile.packed_orders, profile.packed_order_ids, profile.orders = b"".join(entries), b"".join(ids), []
