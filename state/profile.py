"""What is kept of one customer between events, and its encoding.

Moments are milliseconds since the epoch, money is in minor units of the policy's base currency unless said otherwise.
A profile is changed in place, and only by the functions of `state.orders`, `state.person`, `state.transitions` and
`state.decide`; everything else treats it as a value.
"""

import msgspec

from state.changes import SegmentChanged
from state.events import UnknownFormat

FORMAT = 2
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


class Run(msgspec.Struct, array_like=True, gc=False):
    """A campaign under way for the customer; `due` is when its next attempt is to be decided."""

    campaign: str
    change: SegmentChanged
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


Fields = tuple[
    int,
    int,
    int,
    str,
    str,
    int,
    int,
    str,
    int | None,
    int | None,
    int,
    int,
    int,
    int,
    int,
    int,
    int,
    int,
    int,
    bytes,
    bytes,
    list[Order],
    int,
    int,
    int | None,
    int | None,
    Refunds | None,
    Person | None,
    list[Run],
    list[int],
    list[int],
    int,
]
"""What is written of a profile, in this order."""


class Profile:
    """Everything known of one customer.

    The first four fields are those of `Head`, in its order; `due` stands first so that `peek_due` finds it. `offset` is
    the journal offset of the last record applied, `judged` the moment of the last judgement. The orders are
    sorted by moment and id, the first `left` of them are out of the window; they are in `orders`, or as they are
    written in `plain` and `plain_ids` (see `state.plain_orders`). `chunks` and `refund_chunks` are the numbers of the
    chunks that belong to it, the last one ever given is `last_chunk`; `book` is never written. `frequency` and
    `monetary` are those of the window, all other sums of a lifetime.
    """

    __slots__ = (  # noqa: RUF023 - in the order in which they are written
        "due",
        "offset",
        "seq",
        "segment",
        "cell",
        "since",
        "judged",
        "policy",
        "first_order_at",
        "last_order_at",
        "frequency",
        "monetary",
        "lifetime_orders",
        "net",
        "gross",
        "discounts",
        "discounted_orders",
        "refunded",
        "refund_count",
        "plain",
        "plain_ids",
        "orders",
        "left",
        "forget_at",
        "forgotten_first",
        "forgotten_last",
        "refunds",
        "person",
        "runs",
        "chunks",
        "refund_chunks",
        "last_chunk",
        "book",
    )

    def __init__(self, fields: Fields) -> None:
        """Takes what `encode_profile` writes, in its order."""
        (
            self.due,
            self.offset,
            self.seq,
            self.segment,
            self.cell,
            self.since,
            self.judged,
            self.policy,
            self.first_order_at,
            self.last_order_at,
            self.frequency,
            self.monetary,
            self.lifetime_orders,
            self.net,
            self.gross,
            self.discounts,
            self.discounted_orders,
            self.refunded,
            self.refund_count,
            self.plain,
            self.plain_ids,
            self.orders,
            self.left,
            self.forget_at,
            self.forgotten_first,
            self.forgotten_last,
            self.refunds,
            self.person,
            self.runs,
            self.chunks,
            self.refund_chunks,
            self.last_chunk,
        ) = fields
        self.book: OrderBook | None = None

    @property
    def fields(self) -> Fields:
        """What is written of it: of a long history the open orders only, since the others are in its chunks."""
        orders, refunds, book = self.orders, self.refunds, self.book
        if book is not None:
            if self.chunks:
                orders = book.open  # without chunks only the others stand in their order
            if self.refund_chunks:
                refunds = None
        return (
            self.due,
            self.offset,
            self.seq,
            self.segment,
            self.cell,
            self.since,
            self.judged,
            self.policy,
            self.first_order_at,
            self.last_order_at,
            self.frequency,
            self.monetary,
            self.lifetime_orders,
            self.net,
            self.gross,
            self.discounts,
            self.discounted_orders,
            self.refunded,
            self.refund_count,
            self.plain,
            self.plain_ids,
            orders,
            self.left,
            self.forget_at,
            self.forgotten_first,
            self.forgotten_last,
            refunds,
            self.person,
            self.runs,
            self.chunks,
            self.refund_chunks,
            self.last_chunk,
        )


def newcomer(offset: int, seq: int, judged: int) -> Profile:
    """The profile of somebody of whom nothing is known yet."""
    return Profile(
        (
            NEVER,
            offset,
            seq,
            "",
            "",
            0,
            judged,
            "",
            None,
            None,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            b"",
            b"",
            [],
            0,
            NEVER,
            None,
            None,
            None,
            None,
            [],
            [],
            [],
            0,
        )
    )


class Head(msgspec.Struct, array_like=True, gc=False):
    """The first fields of a profile, which are read without the rest."""

    due: int
    offset: int
    seq: int
    segment: str


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Fields)
_head_decoder = msgspec.msgpack.Decoder(Head)
_PREFIX = bytes([FORMAT])
_DUE_AT = len(_PREFIX) + 3
"""Where `due` begins: after the version byte and the header of an array of 16 elements and more."""


def encode_profile(profile: Profile) -> bytes:
    """The profile as a record of the table: one byte of format version, then MessagePack."""
    return _PREFIX + _encoder.encode(profile.fields)


def decode_profile(value: bytes) -> Profile:
    """The profile of a record of the table.

    Raises:
        UnknownFormat: the record was written by a version that this one does not know.
    """
    if value[0] != FORMAT:
        raise UnknownFormat(value[0])
    return Profile(_decoder.decode(value[1:]))


def decode_head(value: bytes) -> Head:
    """The first fields of an encoded profile.

    Raises:
        UnknownFormat: as `decode_profile`.
    """
    if value[0] != FORMAT:
        raise UnknownFormat(value[0])
    return _head_decoder.decode(value[1:])


def peek_due(value: bytes) -> int:
    """When the encoded profile next needs judging, without decoding it."""
    if value[_DUE_AT] == 0xCF:  # an unsigned integer of 8 bytes: every moment after 1970-02-19
        return int.from_bytes(value[_DUE_AT + 1 : _DUE_AT + 9], "big")
    return decode_head(value).due
