"""Plain histories: the orders of a customer who has only bought, in the base currency, each later than the one before.

Most customers are such, and so are nearly all events. Their orders stay as they are written, 20 bytes each and
the ids beside them, and are looked into in place: reading a profile costs a quarter, and nothing for each order. As
soon as something else comes (a refund, another currency, a late purchase, something to be forgotten), `unpack_orders`
makes `Order` objects, by which `state.customer.orders` works; `pack_orders` makes them plain again where they are.

A profile has its orders in one of the two forms: `plain` and `plain_ids`, or `orders`.
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
"""Moment, amount, discount, and how much later than its moment the order was applied; all in ms and minor units."""
_HEAD: Final = Struct("<qI")
_MOMENT: Final = Struct("<q")
ENTRY_BYTES: Final = _ENTRY.size
_FIELD_END: Final = 1 << 32
_pack_entry = _ENTRY.pack
_entry_at = _ENTRY.unpack_from
_head_at = _HEAD.unpack_from
moment_at = _MOMENT.unpack_from
_LENGTHS: Final = tuple(length.to_bytes(2, "big") for length in range(128 * 4 + 1))


def may_hold_order(profile: Profile, order_id: str) -> bool:
    """Whether a plain history may have an order of that id: surely not, or perhaps."""
    written = order_id.encode()
    return _LENGTHS[len(written)] + written in profile.packed_order_ids


def append_order(profile: Profile, event: OrderPlaced, as_of: int, window_ms: int) -> bool:
    """Takes a purchase into a plain history, its sums among them; False if it is not plain, or would not stay so."""
    at, amount, discount = event.occurred_at, event.base, event.discount
    last, plain = profile.last_order_at, profile.packed_orders
    if (
        event.rate is not None
        or profile.orders
        or profile.order_index is not None  # that of a long history which is all forgotten
        or profile.refunds is not None
        or (last is not None and at <= last)
        or at + window_ms <= as_of
        or amount >= _FIELD_END
        or discount >= _FIELD_END
        or as_of - at >= _FIELD_END
        or len(plain) >= LONG_HISTORY * ENTRY_BYTES
    ):
        return False
    order_id = event.order_id.encode()
    profile.packed_orders = plain + _pack_entry(at, amount, discount, as_of - at)
    profile.packed_order_ids += _LENGTHS[len(order_id)] + order_id
    if profile.next_forget_at == NEVER:  # of later orders it is later
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


def expire_packed(profile: Profile, horizon: int) -> None:
    """Lets the orders of a plain history go that are not after `horizon`."""
    plain = profile.packed_orders
    at_byte = profile.expired_count * ENTRY_BYTES
    while at_byte < len(plain):
        at, amount = _head_at(plain, at_byte)
        if at > horizon:
            break
        profile.frequency -= 1
        profile.monetary -= amount
        profile.expired_count += 1
        at_byte += ENTRY_BYTES


def first_in_window(profile: Profile) -> int:
    """The moment of the first order of a plain history that is still in the window; `NEVER` if none is."""
    at_byte = profile.expired_count * ENTRY_BYTES
    return moment_at(profile.packed_orders, at_byte)[0] if at_byte < len(profile.packed_orders) else NEVER


def packed_totals_between(profile: Profile, after: int, until: int) -> tuple[int, int]:
    """How many orders of a plain history were placed after a moment and up to another, and what they brought in."""
    plain = profile.packed_orders
    at_byte, orders, total = len(plain), 0, 0
    while at_byte:
        at_byte -= ENTRY_BYTES
        at, amount = _head_at(plain, at_byte)
        if at <= after:
            break
        if at <= until:
            orders += 1
            total += amount
    return orders, total


def packed_expiries(profile: Profile, window_ms: int) -> Iterator[tuple[int, int, int]]:
    """When the orders of a plain history leave the window, in order, each with the one order and its sum."""
    for at_byte in range(profile.expired_count * ENTRY_BYTES, len(profile.packed_orders), ENTRY_BYTES):
        at, amount = _head_at(profile.packed_orders, at_byte)
        yield at + window_ms, 1, amount


def last_packed_times(profile: Profile, moment: int, window_ms: int, most: int) -> list[int]:
    """When the last orders of a plain history were placed that are remembered at a moment, latest first."""
    last = profile.packed_orders[-most * ENTRY_BYTES :]
    if moment_at(last)[0] + 2 * window_ms > moment:  # the oldest of them is remembered, so all are
        return [entry[0] for entry in _ENTRY.iter_unpack(last)][::-1]
    return [at for at, _ in last_packed_orders(profile, moment, window_ms, most)]


def last_packed_orders(profile: Profile, moment: int, window_ms: int, most: int) -> list[tuple[int, int]]:
    """The last orders of a plain history that are remembered at a moment, latest first: when, and until when."""
    found: list[tuple[int, int]] = []
    plain = profile.packed_orders
    for at_byte in range(len(plain) - ENTRY_BYTES, -1, -ENTRY_BYTES):
        at, _, _, delay = _ENTRY.unpack_from(plain, at_byte)
        forget_at = max(at + delay, at + window_ms) + window_ms
        if forget_at > moment:
            found.append((at, forget_at))
            if len(found) == most:
                break
    return found


def packed_orders_latest_first(profile: Profile) -> Iterator[tuple[int, int]]:
    """When each order of a plain history was placed, and when it was applied; the last one first."""
    plain = profile.packed_orders
    for at_byte in range(len(plain) - ENTRY_BYTES, -1, -ENTRY_BYTES):
        at, _, _, delay = _entry_at(plain, at_byte)
        yield at, at + delay


def unpack_orders(profile: Profile) -> None:
    """Makes orders of a plain history; does nothing where they are already."""
    if not profile.packed_orders:
        return
    ids, begin = profile.packed_order_ids, 0
    for at, amount, discount, delay in _ENTRY.iter_unpack(profile.packed_orders):
        end = begin + 2 + int.from_bytes(ids[begin : begin + 2], "big")
        profile.orders.append(Order(at, ids[begin + 2 : end].decode(), amount, discount, 0, at + delay))
        begin = end
    profile.packed_orders = profile.packed_order_ids = b""


def pack_orders(profile: Profile) -> None:
    """Makes a history plain if it can be: the orders as they are written then."""
    orders = profile.orders
    if not orders or profile.refunds is not None or profile.order_index is not None or len(orders) > LONG_HISTORY:
        return
    before, entries, ids = -1, [], []
    for order in orders:
        delay = order.applied_at - order.at
        if (
            order.at <= before
            or order.foreign_amount is not None
            or order.amount >= _FIELD_END
            or order.discount >= _FIELD_END
            or not 0 <= delay < _FIELD_END
        ):
            return
        before = order.at
        entries.append(_pack_entry(before, order.amount, order.discount, delay))
        order_id = order.order_id.encode()
        ids += [_LENGTHS[len(order_id)], order_id]
    profile.packed_orders, profile.packed_order_ids, profile.orders = b"".join(entries), b"".join(ids), []
