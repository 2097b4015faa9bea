"""What is kept of one customer between events, and its encoding.

Moments are milliseconds since the epoch, money is in minor units of the policy's base currency unless said otherwise.
A profile is changed in place, and only by the functions of `state.orders`, `state.person`, `state.transitions` and
`state.decide`; everything else treats it as a value.
"""

import msgspec

from state.changes import SegmentChange
from state.events import UnknownFormat

FORMAT = 1
NEVER = 1 << 62
"""A moment that does not come."""


class Foreign(msgspec.Struct, array_like=True, gc=False):
    """An order that was paid in another currency: what is needed to take its refunds at the purchase's rate.

    `amount` and `refunded` in its own minor units; `other` what was refunded in other currencies, in base minor units.
    """

    currency: str
    amount: int
    rate: str
    refunded: int = 0
    other: int = 0


class Order(msgspec.Struct, array_like=True, gc=False):
    """One order; `amount` as paid, `refunded` as asked for (it may exceed `amount`; the excess has no effect).

    `chunk` is the piece of a long history that it is written with, 0 for the profile itself (see `OrderBook`).
    """

    at: int
    order_id: str
    amount: int
    discount: int
    refunded: int
    applied_at: int
    foreign: Foreign | None = None
    chunk: int = 0

    @property
    def fully_refunded(self) -> bool:
        """Whether everything that was paid has gone back; never true of an order of nothing."""
        if not self.refunded and self.foreign is None:
            return False
        foreign = self.foreign
        if foreign is None:
            return self.refunded >= self.amount > 0
        if 0 < foreign.amount <= foreign.refunded:
            return True
        return foreign.other > 0 and foreign.amount > 0 and self.refunded >= self.amount

    @property
    def net(self) -> int:
        """What the order brought in: never below nothing."""
        if not self.refunded:
            return self.amount
        return 0 if self.fully_refunded or self.refunded > self.amount else self.amount - self.refunded


class FreeRefund(msgspec.Struct, array_like=True, gc=False):
    """A refund that names no order and is in the window: it lowers monetary until it ages out."""

    at: int
    amount: int


class WaitingRefund(msgspec.Struct, array_like=True, gc=False):
    """A refund whose order has not come; `until` is when it is dropped."""

    until: int
    refund_id: str
    order_id: str
    amount: int
    currency: str
    base: int | None


class SeenRefund(msgspec.Struct, array_like=True, gc=False):
    """A refund id and the moment from which it may come again."""

    refund_id: str
    forget_at: int


class Refunds(msgspec.Struct, array_like=True):
    """What a customer with refunds has besides; most customers have none of it."""

    seen: list[SeenRefund] = []
    free: list[FreeRefund] = []
    waiting: list[WaitingRefund] = []


class Known(msgspec.Struct, array_like=True, gc=False):
    """A fact of a signup, with the moment of the signup that told it."""

    at: int
    value: str


class Consent(msgspec.Struct, array_like=True, gc=False):
    """The last word on a channel."""

    at: int
    granted: bool


class Person(msgspec.Struct, array_like=True):
    """Who the customer is, beyond what they buy: signup facts, consents and contacts."""

    facts: dict[str, Known] = {}
    consents: dict[str, Consent] = {}
    contacts: dict[str, int] = {}
    event_ids: list[str] = []


class Run(msgspec.Struct, array_like=True):
    """A campaign under way for the customer; `due` is when its next attempt is to be decided."""

    campaign: str
    change: SegmentChange
    attempt: int
    due: int


class OrderBook(msgspec.Struct):
    """The orders of a customer who has very many: found by id, and written in chunks of which few are touched at once.

    It is kept in memory only, beside `Profile.orders`, which has all of them. `open` are those that are written with
    the profile, in the order in which they came, `chunks` the others by the number of their chunk, `touched` the chunks
    that are no longer as they were written. `refunds` are the refunds seen, by id; `refunds_touched` says whether
    anything of the refunds is no longer as it was written.
    """

    index: dict[str, Order]
    open: list[Order]
    chunks: dict[int, list[Order]]
    touched: set[int]
    refunds: dict[str, SeenRefund]
    refunds_touched: bool = True


class Profile(msgspec.Struct, array_like=True):
    """Everything known of one customer.

    The first four fields are those of `Head`, in its order; `due` stands first so that `peek_due` finds it. `offset` is
    the journal offset of the last record applied, `judged` the moment of the last judgement. `orders` is sorted by
    moment and id; its first `left` orders are out of the window. `chunks` and `refund_chunks` are the numbers of the
    chunks that belong to it, the last one ever given is `last_chunk`; `book` is never written. `frequency` and
    `monetary` are those of the window, all other sums of a lifetime.
    """

    due: int
    offset: int
    seq: int = 0
    segment: str = ""
    cell: str = ""
    since: int = 0
    judged: int = 0
    policy: str = ""
    first_order_at: int | None = None
    last_order_at: int | None = None
    frequency: int = 0
    monetary: int = 0
    lifetime_orders: int = 0
    net: int = 0
    gross: int = 0
    discounts: int = 0
    discounted_orders: int = 0
    refunded: int = 0
    refund_count: int = 0
    orders: list[Order] = []
    left: int = 0
    forget_at: int = NEVER
    forgotten_first: int | None = None
    forgotten_last: int | None = None
    refunds: Refunds | None = None
    person: Person | None = None
    runs: list[Run] = []
    chunks: list[int] = []
    refund_chunks: list[int] = []
    last_chunk: int = 0
    book: OrderBook | None = None


class Head(msgspec.Struct, array_like=True, gc=False):
    """The first fields of a profile, which are read without the rest."""

    due: int
    offset: int
    seq: int
    segment: str


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Profile)
_head_decoder = msgspec.msgpack.Decoder(Head)
_PREFIX = bytes([FORMAT])
_DUE_AT = len(_PREFIX) + (1 if len(Profile.__struct_fields__) < 16 else 3)
"""Where `due` begins: after the version byte and the header of the array."""


def encode_profile(profile: Profile) -> bytes:
    """The profile as a record of the table: one byte of format version, then MessagePack."""
    return _PREFIX + _encoder.encode(profile)


def decode_profile(value: bytes) -> Profile:
    """The profile of a record of the table.

    Raises:
        UnknownFormat: the record was written by a version that this one does not know.
    """
    if value[0] != FORMAT:
        raise UnknownFormat(value[0])
    return _decoder.decode(memoryview(value)[1:])


def decode_head(value: bytes) -> Head:
    """The first fields of an encoded profile.

    Raises:
        UnknownFormat: as `decode_profile`.
    """
    if value[0] != FORMAT:
        raise UnknownFormat(value[0])
    return _head_decoder.decode(memoryview(value)[1:])


def peek_due(value: bytes) -> int:
    """When the encoded profile next needs judging, without decoding it."""
    if value[_DUE_AT] == 0xCF:  # an unsigned integer of 8 bytes: every moment after 1970-02-19
        return int.from_bytes(value[_DUE_AT + 1 : _DUE_AT + 9], "big")
    return decode_head(value).due
