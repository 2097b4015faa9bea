"""Long histories: a customer with very many orders costs no more an event than one with few.

The orders lie in chunks of the table's changelog. A chunk is never written over: one that was touched is written anew
under the next number, and the profile, written after its chunks, says which numbers count. Whatever a crash leaves
half written, the profile that is found names chunks that are whole, and the others are litter.
"""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from state.customer.profile import FORMAT, Profile, copy_fields
from state.customer.profile_schema import Order, OrderIndex, Refunds

CHUNK_ORDERS = 128
"""Orders in a chunk: with ids of the greatest length some 80 kB."""
LONG_HISTORY = 2 * CHUNK_ORDERS
"""Orders up to which a profile is written in one piece."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Order])
_refunds_decoder = msgspec.msgpack.Decoder(Refunds)
_PREFIX = bytes([FORMAT])


class Chunks(NamedTuple):
    """What is to be written of a long history: chunks first, then the profile; then the old chunks may go."""

    written: list[tuple[int, bytes]]
    dropped: list[int]


def open_index(profile: Profile) -> None:
    """Gives a profile whose history has become long its book."""
    seen = profile.refunds.seen if profile.refunds is not None else []
    profile.order_index = OrderIndex(
        by_id={order.order_id: order for order in profile.orders},
        unchunked=list(profile.orders),
        chunks={},
        changed_chunks=set(),
        refunds={each.refund_id: each for each in seen},
    )


def add_to_index(book: OrderIndex, order: Order) -> None:
    """Takes a new order."""
    book.by_id[order.order_id] = order
    book.unchunked.append(order)


def mark_changed(book: OrderIndex, order: Order) -> None:
    """The order is no longer as it was written."""
    if order.chunk:
        book.changed_chunks.add(order.chunk)


def remove_from_index(book: OrderIndex, orders: Iterable[Order]) -> None:
    """Forgets orders."""
    gone = {order.order_id for order in orders}
    if not gone:
        return
    for order_id in gone:
        order = book.by_id.pop(order_id)
        if order.chunk:
            book.changed_chunks.add(order.chunk)
    book.unchunked = [order for order in book.unchunked if order.order_id not in gone]
    for number in book.changed_chunks:
        book.chunks[number] = [order for order in book.chunks[number] if order.order_id not in gone]


def seal_chunks(profile: Profile) -> Chunks:
    """Puts what is open and too much into chunks, renumbers the touched ones, and encodes what changed.

    Afterwards the book is as written, once the profile is.
    """
    book = profile.order_index
    if book is None:
        return Chunks([], [])
    chunks = Chunks([], sorted(book.changed_chunks))
    fresh = [book.chunks.pop(number) for number in chunks.dropped]
    while len(book.unchunked) > LONG_HISTORY:
        fresh.append(book.unchunked[:CHUNK_ORDERS])
        del book.unchunked[:CHUNK_ORDERS]
    for orders in fresh:
        if not orders:
            continue
        profile.last_chunk += 1
        for order in orders:
            order.chunk = profile.last_chunk
        book.chunks[profile.last_chunk] = orders
        chunks.written.append((profile.last_chunk, _PREFIX + _encoder.encode(orders)))
    book.changed_chunks.clear()
    profile.chunks = list(book.chunks)
    if book.refunds_changed:
        _write_refunds(profile, chunks)
        book.refunds_changed = False
    return chunks


def _write_refunds(profile: Profile, chunks: Chunks) -> None:
    """Many refunds are written in pieces beside the profile, all of them anew; few with it."""
    chunks.dropped.extend(profile.refund_chunks)
    profile.refund_chunks = []
    refunds = profile.refunds
    if refunds is None or not is_long(refunds):
        return
    longest = max(len(refunds.seen), len(refunds.unlinked), len(refunds.waiting))
    for begin in range(0, longest, CHUNK_ORDERS):
        piece = slice(begin, begin + CHUNK_ORDERS)
        profile.last_chunk += 1
        profile.refund_chunks.append(profile.last_chunk)
        part = Refunds(refunds.seen[piece], refunds.unlinked[piece], refunds.waiting[piece])
        chunks.written.append((profile.last_chunk, _PREFIX + _encoder.encode(part)))


def is_long(refunds: Refunds) -> bool:
    """Whether the refunds are too many to be written with the profile."""
    return len(refunds.seen) + len(refunds.unlinked) + len(refunds.waiting) > LONG_HISTORY


def join_chunks(profile: Profile, chunks: dict[int, bytes]) -> list[int]:
    """Puts a profile and its chunks together again; the numbers of chunks that do not belong to it.

    Raises:
        MissingChunk: the profile names a chunk that is not there.
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
    book = profile.order_index
    assert book is not None
    book.refunds_changed = False
    for number in profile.chunks:
        orders = book.chunks[number] = _decoder.decode(chunk(number))
        book.by_id.update((order.order_id, order) for order in orders)
        profile.orders += orders
    profile.orders.sort(key=lambda order: (order.at, order.order_id))
    return [number for number in chunks if number not in book.chunks and number not in profile.refund_chunks]


def copy_profile(profile: Profile) -> Profile:
    """A profile of its own with the same contents, for what is only tried out."""
    whole = copy_fields(profile)
    if profile.order_index is not None:
        whole.orders = [msgspec.structs.replace(order, chunk=0) for order in profile.orders]
        whole.refunds = _refunds_decoder.decode(_encoder.encode(profile.refunds)) if profile.refunds else None
        whole.chunks, whole.refund_chunks = [], []
        open_index(whole)
    return whole


class MissingChunk(Exception):
    """A part of a customer's history is not in the changelog."""

    def __init__(self, number: int) -> None:
        """Says what is missing."""
        super().__init__(
            f"chunk {number} of a customer's history is missing from the changelog: was it cut by hand? delete the "
            "customers and progress topics, and the table is made anew from the journal"
        )
