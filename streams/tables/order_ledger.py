"""The order ledger: which orders and refunds are published already, and by which route, as records of `order-ledger`.

Imports and hooks write it, so that an order that comes again, in a longer export or by another route, counts once. The
partition is that of the customer's id, so that the lane of the customer removes the entries when the customer is
erased. Anonymous sales are spread by their keys.

A key consists of two hashes, so that the tombstone of an erased customer names nobody: 16 bytes for the customer, which
begin the key of the erasure ledger (zeros for an anonymous sale), and 16 bytes for the kind and the id. An entry names
customer and order: a reader of all partitions can tell to which customer an order belongs.
"""

from hashlib import sha256
from typing import Final

import msgspec

from state.records.erasure import erasure_key
from state.records.events import UnknownFormatVersion
from streams.kafka.writing.publisher import partition_of

FORMAT: Final = 2
"""Version 1 counts no refund of an order in an entry of its own (`PlatformDetails.minor`); it is read as this one."""
NO_ERASURE: Final = -2
"""The `erasure_offset` of an entry whose customer was never erased; below that of any erasure."""
HASH_BYTES: Final = 16

ORDER: Final = "o"
"""Kind of an entry: a purchase; its id is the order's."""
REFUNDS: Final = "r"
"""Kind of an entry: what was refunded of an order in all; its id is the order's."""
EVENT: Final = "e"
"""Kind of an entry: any other event, such as a refund with an id of its own; its id is the event's."""
PERSON: Final = "p"
"""Kind of an entry: what a platform calls a customer, such as `shopify:7`; its id is that."""
WAITING: Final = "w"
"""Kind of an entry, of no customer: a refund that waits for its order, of which only a number is known."""

SETTLED_AFTER_MS: Final = 60_000
"""How old the announcement of a hook must be before anyone else may publish its event.

The server that announces publishes within seconds or not at all; the rest is for clocks that differ, and for requests
that a network or a broker holds back. Within this time, a second announcement of the same entry is void.
"""
IMPORT_SETTLED_AFTER_MS: Final = 15 * 60_000
"""The same for the announcement of an import, which repeats what it sends for as long as Kafka is away."""

_FORMAT_PREFIX: Final = bytes([FORMAT])
_READ_PREFIXES: Final = (b"\x01", _FORMAT_PREFIX)
_NOBODY: Final = bytes(HASH_BYTES)


class Announcement(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What is about to be published: written before the event, and gone from the entry after it.

    If a process dies in between, the next one repeats an event of a customer, which counts once. An event without a
    customer would count twice, so it looks for it in the source topic first.

    Attributes:
        import_id: the import that publishes it; empty: a hook, whose announcement holds the event.
        refunded: of `REFUNDS`, the refunded total after it, in minor units; otherwise 0.
        topic: short name of the source topic.
        partition: the partition of it that the event goes to; -1 if that does not matter.
        offset: an offset of that partition that the event cannot be below.
        steps: of `REFUNDS`, the totals before `refunded` if several refunds are published, each by itself.
        beside: of `REFUNDS`, what of these totals the order's refunds with entries of their own are, in minor units.
    """

    import_id: str
    refunded: int = 0
    topic: str = ""
    partition: int = -1
    offset: int = 0
    steps: tuple[int, ...] = ()
    beside: int = 0

    def parts(self, published: int) -> list[tuple[int, int]]:
        """Return amount and total of each refund, in minor units, after the sum that its entry says is published."""
        before = published + self.beside
        totals = [total for total in (*self.steps, self.refunded) if total > before]
        return [(total - earlier, total) for earlier, total in zip([before, *totals], totals, strict=False)]


class PlatformDetails(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What a platform says about an order, beside what every route says.

    Attributes:
        reference: of `ORDER` and `WAITING`, the platform's own number of the order, such as `shopify:8209829119461`,
            where that is not the order's id.
        rate: of `ORDER`, the price of one unit of its currency in the currency of the shop's exports; empty: they are
            the same.
        currency: of `ORDER` with a rate, that currency.
        one_by_one: of `REFUNDS` of version 1, the refunds that had come one by one, in minor units: they were
            published, or are part of a total that an import has published.
        event: of `WAITING`, the refund; of an entry that is announced, the event as it is published.
        order_id: of `EVENT`, the order that it is a refund of, if it counts among the refunds of that order.
        minor: of `EVENT`, what it adds to them, in minor units of the currency of the shop's exports.
        is_contained: of `EVENT`, whether it is part of what `REFUNDS` says, and so adds nothing.
    """

    reference: str = ""
    rate: str = ""
    currency: str = ""
    one_by_one: int = 0
    event: bytes = b""
    order_id: str = ""
    minor: int = 0
    is_contained: bool = False


class LedgerEntry(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """An order, the refunds of an order, or another event that is published or announced.

    Attributes:
        kind: `ORDER`, `REFUNDS`, `EVENT`, `PERSON` or `WAITING`.
        customer_id: empty for an anonymous sale.
        id: of the order or event.
        route: how it came, such as `import:shopify` or `hook:shopify/main`.
        published: for each import that published a part of it, the import's id (empty for a hook) and the sum refunded
            in minor units (0 unless `REFUNDS`); empty if it is announced only. What hooks refund are entries of their
            own, so that no server overwrites what another one has entered.
        announced: what may or may not be published.
        erasure_offset: the journal offset of the customer's last erasure of which the writer knew. An erasure with a
            greater offset removes the entry.
        details: what a platform says beside it.
    """

    kind: str
    customer_id: str
    id: str
    route: str
    published: tuple[tuple[str, int], ...] = ()
    announced: Announcement | None = None
    erasure_offset: int = NO_ERASURE
    details: PlatformDetails | None = None

    @property
    def refunded(self) -> int:
        """The published refunds of an order in all, in minor units."""
        return sum(minor for _, minor in self.published)

    @property
    def key(self) -> bytes:
        """The key of its record."""
        return entry_key(self.customer_id, self.kind, self.id)

    @property
    def announced_event(self) -> bytes:
        """The event that is announced, with which any server can publish it; empty if there is none."""
        return self.details.event if self.announced is not None and self.details is not None else b""

    @property
    def refunds_key(self) -> bytes:
        """The key of the refunds among which it counts; empty if it does not."""
        order_id = self.details.order_id if self.kind == EVENT and self.details is not None else ""
        return entry_key(self.customer_id, REFUNDS, order_id) if order_id else b""

    def with_event(self, event: bytes) -> "LedgerEntry":
        """Return the entry with the event that is announced, or without one."""
        details = msgspec.structs.replace(self.details or PlatformDetails(), event=event)
        return msgspec.structs.replace(self, details=None if details == PlatformDetails() else details)

    def confirmed(self, refunded: int | None = None) -> "LedgerEntry":
        """Return the entry once what it announces is published, of `REFUNDS` up to a total if one is given."""
        announced = self.announced
        assert announced is not None
        total = announced.refunded if refunded is None else refunded
        published = with_part(self.published, announced.import_id, max(0, total - announced.beside - self.refunded))
        return msgspec.structs.replace(self.with_event(b""), published=published, announced=None)

    def without_imports(self, import_ids: frozenset[str]) -> "LedgerEntry | None":
        """Return the entry as if these imports had never been; None if nothing is left of it."""
        published = tuple(each for each in self.published if each[0] not in import_ids)
        announced = self.announced
        if announced is not None and announced.import_id in import_ids:
            announced = None
        if not published and announced is None:
            return None
        return msgspec.structs.replace(self, published=published, announced=announced)


def with_part(published: tuple[tuple[str, int], ...], import_id: str, minor: int) -> tuple[tuple[str, int], ...]:
    """Return the sums by import with one more; one import has one sum."""
    if published and published[-1][0] == import_id:
        return (*published[:-1], (import_id, published[-1][1] + minor))
    return (*published, (import_id, minor))


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(LedgerEntry).decode


class _Kind(msgspec.Struct, array_like=True, gc=False):
    kind: str


_decode_kind: Final = msgspec.msgpack.Decoder(_Kind).decode


def entry_key(customer_id: str, kind: str, entry_id: str) -> bytes:
    """Return the key of an entry, 32 bytes; `customer_id` is empty for an anonymous sale."""
    customer = customer_part(erasure_key(customer_id)) if customer_id else _NOBODY
    return customer + sha256(f"{kind}{entry_id}".encode()).digest()[:HASH_BYTES]


def customer_part(key: bytes) -> bytes:
    """Return what the key of an entry, or of the customer in the erasure ledger, has for the customer."""
    return key[:HASH_BYTES]


def entry_partition(customer_id: str, key: bytes, partitions: int) -> int:
    """Return the partition of an entry: the customer's, or for an anonymous sale one by its key."""
    return partition_of(customer_id.encode() if customer_id else key, partitions)


def encode_entry(entry: LedgerEntry) -> bytes:
    """Return an entry as the value of a record: one byte of format version, then MessagePack."""
    return _FORMAT_PREFIX + _encode(entry)


def decode_entry(value: bytes) -> LedgerEntry:
    """Return the entry of a record.

    Raises:
        UnknownFormatVersion: a version of goldstream wrote it that this one cannot read.
    """
    if value[:1] not in _READ_PREFIXES:
        raise UnknownFormatVersion(value[0] if value else None)
    return _decode(value[1:])


def refunds_key_of(value: bytes) -> bytes:
    """Return the key of the refunds among which the entry of a record counts, as `LedgerEntry.refunds_key` does.

    Only entries of the kind `EVENT` are decoded.

    Raises:
        UnknownFormatVersion: a version of goldstream wrote it that this one cannot read.
    """
    if value[:1] in _READ_PREFIXES and _decode_kind(value[1:]).kind != EVENT:
        return b""
    return decode_entry(value).refunds_key
