"""What is kept of one customer between events, and its encoding.

Moments are milliseconds since the epoch, money is in minor units of the policy's base currency unless said otherwise.
A profile is changed in place, and only by the functions of `state.customer.orders`, `state.customer.contact_profile`,
`state.fold.transitions` and `state.engagement.decide`; everything else treats it as a value.
"""

import msgspec

from state.customer.profile_schema import (
    ContactProfile,
    Engagement,
    Order,
    OrderIndex,
    ProfileHead,
    Refunds,
    Run,
    StoredForecast,
)
from state.records.events import UnknownFormatVersion
from state.units.timestamps import NEVER

FORMAT = 3


ProfileFields = tuple[
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
    ContactProfile | None,
    list[Run],
    Engagement | None,
    dict[str, int] | None,
    dict[str, int] | None,
    StoredForecast | None,
    list[int],
    list[int],
    int,
]
"""What is written of a profile, in this order."""


class Profile:
    """Everything known of one customer.

    The first four fields are those of `ProfileHead`, in its order; `due` stands first so that `peek_due` finds it.
    `offset` is the journal offset of the last record applied, `evaluated_at` the moment of the last judgement. The
    orders are sorted by moment and id, the first `expired_count` of them are out of the window; they are in `orders`,
    or as they are written in `packed_orders` and `packed_order_ids` (see `state.customer.packed_orders`). `chunks` and
    `refund_chunks` are the numbers of the chunks that belong to it, the last one ever given is `last_chunk`;
    `order_index` is never written. `frequency` and `monetary` are those of the window, all other sums of a lifetime.
    `refunded_orders` are those of which anything went back, `returned_orders` the fully refunded ones among them.
    `stores` and `channels` count the purchases by where they were made, None for none. `forecast` is what a reader
    without the chunks cannot find out.
    """

    __slots__ = (  # noqa: RUF023 - in the order in which they are written
        "due",
        "offset",
        "seq",
        "segment",
        "cell",
        "since",
        "evaluated_at",
        "policy",
        "first_order_at",
        "last_order_at",
        "frequency",
        "monetary",
        "lifetime_orders",
        "lifetime_net",
        "gross",
        "discounts",
        "discounted_orders",
        "refunded",
        "refund_count",
        "refunded_orders",
        "returned_orders",
        "packed_orders",
        "packed_order_ids",
        "orders",
        "expired_count",
        "next_forget_at",
        "forgotten_first",
        "forgotten_last",
        "refunds",
        "contact_profile",
        "runs",
        "engagement",
        "stores",
        "channels",
        "forecast",
        "chunks",
        "refund_chunks",
        "last_chunk",
        "order_index",
    )

    def __init__(self, fields: ProfileFields) -> None:
        """Takes what `encode_profile` writes, in its order."""
        (
            self.due,
            self.offset,
            self.seq,
            self.segment,
            self.cell,
            self.since,
            self.evaluated_at,
            self.policy,
            self.first_order_at,
            self.last_order_at,
            self.frequency,
            self.monetary,
            self.lifetime_orders,
            self.lifetime_net,
            self.gross,
            self.discounts,
            self.discounted_orders,
            self.refunded,
            self.refund_count,
            self.refunded_orders,
            self.returned_orders,
            self.packed_orders,
            self.packed_order_ids,
            self.orders,
            self.expired_count,
            self.next_forget_at,
            self.forgotten_first,
            self.forgotten_last,
            self.refunds,
            self.contact_profile,
            self.runs,
            self.engagement,
            self.stores,
            self.channels,
            self.forecast,
            self.chunks,
            self.refund_chunks,
            self.last_chunk,
        ) = fields
        self.order_index: OrderIndex | None = None

    @property
    def fields(self) -> ProfileFields:
        """What is written of it: of a long history the open orders only, since the others are in its chunks."""
        orders, refunds, book = self.orders, self.refunds, self.order_index
        if book is not None:
            if self.chunks:
                orders = book.unchunked  # without chunks only the others stand in their order
            if self.refund_chunks:
                refunds = None
        return (
            self.due,
            self.offset,
            self.seq,
            self.segment,
            self.cell,
            self.since,
            self.evaluated_at,
            self.policy,
            self.first_order_at,
            self.last_order_at,
            self.frequency,
            self.monetary,
            self.lifetime_orders,
            self.lifetime_net,
            self.gross,
            self.discounts,
            self.discounted_orders,
            self.refunded,
            self.refund_count,
            self.refunded_orders,
            self.returned_orders,
            self.packed_orders,
            self.packed_order_ids,
            orders,
            self.expired_count,
            self.next_forget_at,
            self.forgotten_first,
            self.forgotten_last,
            refunds,
            self.contact_profile,
            self.runs,
            self.engagement,
            self.stores,
            self.channels,
            self.forecast,
            self.chunks,
            self.refund_chunks,
            self.last_chunk,
        )


def new_profile(offset: int, seq: int, judged: int) -> Profile:
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
            None,
            None,
            None,
            None,
            [],
            [],
            0,
        )
    )


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(ProfileFields)
_head_decoder = msgspec.msgpack.Decoder(ProfileHead)
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
        raise UnknownFormatVersion(value[0])
    return Profile(_decoder.decode(value[1:]))


def decode_head(value: bytes) -> ProfileHead:
    """The first fields of an encoded profile.

    Raises:
        UnknownFormat: as `decode_profile`.
    """
    if value[0] != FORMAT:
        raise UnknownFormatVersion(value[0])
    return _head_decoder.decode(value[1:])


def peek_due(value: bytes) -> int:
    """When the encoded profile next needs judging, without decoding it."""
    if value[_DUE_AT] == 0xCF:  # an unsigned integer of 8 bytes: every moment after 1970-02-19
        return int.from_bytes(value[_DUE_AT + 1 : _DUE_AT + 9], "big")
    return decode_head(value).due
