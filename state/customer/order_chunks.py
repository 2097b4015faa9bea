"""Store long histories in chunks, so that an event costs no more for a customer with many orders than for one with few.

Chunks are records of their own in the changelog of the customers table. A chunk is never overwritten: a changed chunk
is written under a new number, and the profile, which is written after its chunks, names the valid numbers. After a
crash at any point, the profile that is found names complete chunks, and all other chunks are obsolete.
"""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from state.customer.profile import FORMAT, Profile, copy_fields
from state.customer.profile_schema import Order, OrderIndex, Refunds

CHUNK_ORDERS = 128
"""Orders per chunk; with ids of maximum length about 80 kB."""
LONG_HISTORY = 2 * CHUNK_ORDERS
"""A profile with at most this many orders is stored as one record."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Order])
_refunds_decoder = msgspec.msgpack.Decoder(Refunds)
_PREFIX = bytes([FORMAT])


class Chunks(NamedTuple):
    """The chunks to write before the profile, and the numbers of those to delete after it."""

    written: list[tuple[int, bytes]]
    dropped: list[int]


def open_index(profile: Profile) -> None:
    """Create the index of a profile whose history has become long."""
    seen = profile.refunds.seen if profile.refunds is not None else []
    profile.order_index = OrderIndex(
        by_id={order.order_id: order for order in profile.orders},
        unchunked=list(profile.orders),
        chunks={},
        changed_chunks=set(),
        refunds={each.refund_id: each for each in seen},
    )


def add_to_index(index: OrderIndex, order: Order) -> None:
    """Add a new order."""
    index.by_id[order.order_id] = order
    index.unchunked.append(order)


def mark_changed(index: OrderIndex, order: Order) -> None:
    """Note that an order differs from what is stored."""
    if order.chunk:
        index.changed_chunks.add(order.chunk)


def remove_from_index(index: OrderIndex, orders: Iterable[Order]) -> None:
    """Remove orders."""
    removed = {order.order_id for order in orders}
    if not removed:
        return
    for order_id in removed:
        order = index.by_id.pop(order_id)
        if order.chunk:
            index.changed_chunks.add(order.chunk)
    index.unchunked = [order for order in index.unchunked if order.order_id not in removed]
    for number in index.changed_chunks:
        index.chunks[number] = [order for order in index.chunks[number] if order.order_id not in removed]


def seal_chunks(profile: Profile) -> Chunks:
    """Move excess orders into new chunks, renumber changed chunks, and return what to write.

    Once this and the profile are written, the index matches what is stored.
    """
    index = profile.order_index
    if index is None:
        return Chunks([], [])
    chunks = Chunks([], sorted(index.changed_chunks))
    new_chunks = [index.chunks.pop(number) for number in chunks.dropped]
    while len(index.unchunked) > LONG_HISTORY:
        new_chunks.append(index.unchunked[:CHUNK_ORDERS])
        del index.unchunked[:CHUNK_ORDERS]
    for orders in new_chunks:
        if not orders:
            continue
        profile.last_chunk += 1
        for order in orders:
            order.chunk = profile.last_chunk
        index.chunks[profile.last_chunk] = orders
        chunks.written.append((profile.last_chunk, _PREFIX + _encoder.encode(orders)))
    index.changed_chunks.clear()
    profile.chunks = list(index.chunks)
    if index.refunds_changed:
        _seal_refunds(profile, chunks)
        index.refunds_changed = False
    return chunks


def _seal_refunds(profile: Profile, chunks: Chunks) -> None:
    """Add all refunds as new chunks if they are many; a few are stored with the profile."""
    chunks.dropped.extend(profile.refund_chunks)
    profile.refund_chunks = []
    refunds = profile.refunds
    if refunds is None or not is_long(refunds):
        return
    longest = max(len(refunds.seen), len(refunds.unlinked), len(refunds.waiting))
    for start in range(0, longest, CHUNK_ORDERS):
        piece = slice(start, start + CHUNK_ORDERS)
        profile.last_chunk += 1
        profile.refund_chunks.append(profile.last_chunk)
        part = Refunds(refunds.seen[piece], refunds.unlinked[piece], refunds.waiting[piece])
        chunks.written.append((profile.last_chunk, _PREFIX + _encoder.encode(part)))


def is_long(refunds: Refunds) -> bool:
    """Whether the refunds are too many to be stored with the profile."""
    return len(refunds.seen) + len(refunds.unlinked) + len(refunds.waiting) > LONG_HISTORY


def join_chunks(profile: Profile, chunks: dict[int, bytes]) -> list[int]:
    """Restore a long history from its profile and chunks.

    Returns:
        The numbers of the chunks that the profile does not name.

    Raises:
        MissingChunk: The profile names a chunk that is missing.
    """

    def chunk(number: int) -> memoryview:
        if number not in chunks:
            raise MissingChunk(number)
        return memoryview(chunks[number])[1:]

    if profile.refund_chunks:
        parts = [_refunds_decoder.decode(chunk(number)) for number in profile.refund_chunks]
        profile.refunds = Refunds(
            [each for part in parts for each in part.seen],
            [each for part in parts for each in part.unlinked],
            [each for part in parts for each in part.waiting],
        )
    open_index(profile)
    index = profile.order_index
    assert index is not None
    index.refunds_changed = False
    for number in profile.chunks:
        orders = index.chunks[number] = _decoder.decode(chunk(number))
        index.by_id.update((order.order_id, order) for order in orders)
        profile.orders += orders
    profile.orders.sort(key=lambda order: (order.at, order.order_id))
    return [number for number in chunks if number not in index.chunks and number not in profile.refund_chunks]


def copy_profile(profile: Profile) -> Profile:
    """Return a copy that shares nothing with the original; all its orders are in the profile itself."""
    copy = copy_fields(profile)
    if profile.order_index is not None:
        copy.orders = [msgspec.structs.replace(order, chunk=0) for order in profile.orders]
        copy.refunds = _refunds_decoder.decode(_encoder.encode(profile.refunds)) if profile.refunds else None
        copy.chunks, copy.refund_chunks = [], []
        open_index(copy)
    return copy


class MissingChunk(Exception):
    """A chunk that a profile names is missing from the changelog."""

    def __init__(self, number: int) -> None:
        super().__init__(
            f"chunk {number} of a customer's history is missing from the changelog: was the topic truncated? "
            "delete the customers and progress topics; the table is then rebuilt from the journal"
        )
