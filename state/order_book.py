"""Long histories: a customer with very many orders costs no more an event than one with few.

The orders lie in chunks of the table's changelog. A chunk is never written over: one that was touched is written anew
under the next number, and the profile, written after its chunks, says which numbers count. Whatever a crash leaves
half written, the profile that is found names chunks that are whole, and the others are litter.
"""

from collections.abc import Iterable

import msgspec

from state.profile import FORMAT, Order, OrderBook, Profile

CHUNK_ORDERS = 128
"""Orders in a chunk: with ids of the greatest length some 80 kB."""
LONG_HISTORY = 2 * CHUNK_ORDERS
"""Orders up to which a profile is written in one piece."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Order])
_PREFIX = bytes([FORMAT])


class Chunks(msgspec.Struct):
    """What is to be written of a long history: chunks first, then the profile; then the old chunks may go."""

    written: list[tuple[int, bytes]]
    dropped: list[int]


def open_book(profile: Profile) -> None:
    """Gives a profile whose history has become long its book."""
    profile.book = OrderBook({order.order_id: order for order in profile.orders}, list(profile.orders), {}, set())


def add_to_book(book: OrderBook, order: Order) -> None:
    """Takes a new order."""
    book.index[order.order_id] = order
    book.open.append(order)


def touch(book: OrderBook, order: Order) -> None:
    """The order is no longer as it was written."""
    if order.chunk:
        book.touched.add(order.chunk)


def drop_from_book(book: OrderBook, orders: Iterable[Order]) -> None:
    """Forgets orders."""
    gone = {order.order_id for order in orders}
    if not gone:
        return
    for order_id in gone:
        order = book.index.pop(order_id)
        if order.chunk:
            book.touched.add(order.chunk)
    book.open = [order for order in book.open if order.order_id not in gone]
    for number in book.touched:
        book.chunks[number] = [order for order in book.chunks[number] if order.order_id not in gone]


def seal_chunks(profile: Profile) -> Chunks:
    """Puts what is open and too much into chunks, renumbers the touched ones, and encodes what changed.

    Afterwards the book is as written, once the profile is (see `written_profile`).
    """
    book = profile.book
    if book is None:
        return Chunks([], [])
    chunks = Chunks([], sorted(book.touched))
    fresh = [book.chunks.pop(number) for number in chunks.dropped]
    while len(book.open) > LONG_HISTORY:
        fresh.append(book.open[:CHUNK_ORDERS])
        del book.open[:CHUNK_ORDERS]
    for orders in fresh:
        if not orders:
            continue
        profile.last_chunk += 1
        for order in orders:
            order.chunk = profile.last_chunk
        book.chunks[profile.last_chunk] = orders
        chunks.written.append((profile.last_chunk, _PREFIX + _encoder.encode(orders)))
    book.touched.clear()
    profile.chunks = list(book.chunks)
    return chunks


def written_profile(profile: Profile) -> Profile:
    """The profile as it is written: with its open orders only."""
    if profile.book is None:
        return profile
    return msgspec.structs.replace(profile, orders=profile.book.open, book=None)


def join_chunks(profile: Profile, chunks: dict[int, bytes]) -> list[int]:
    """Puts a profile and its chunks together again; the numbers of chunks that do not belong to it.

    Raises:
        MissingChunk: the profile names a chunk that is not there.
    """
    book = OrderBook({}, list(profile.orders), {}, set())
    orders = list(profile.orders)
    for number in profile.chunks:
        if number not in chunks:
            raise MissingChunk(number)
        book.chunks[number] = _decoder.decode(memoryview(chunks[number])[1:])
        orders += book.chunks[number]
    orders.sort(key=lambda order: (order.at, order.order_id))
    profile.orders = orders
    book.index.update((order.order_id, order) for order in orders)
    profile.book = book
    return [number for number in chunks if number not in book.chunks]


class MissingChunk(Exception):
    """A part of a customer's history is not in the changelog."""

    def __init__(self, number: int) -> None:
        """Says what is missing."""
        super().__init__(
            f"chunk {number} of a customer's history is missing from the changelog: was it cut by hand? delete the "
            "customers and progress topics, and the table is made anew from the journal"
        )
