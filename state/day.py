"""What a partition keeps of one local day, and its encoding.

Sums are in minor units of the policy's base currency. A day is changed in place, by `state.daily` alone.
"""

import msgspec

from state.events import UnknownFormat
from state.kept import Counted, DayHead

FORMAT = 1
FIRST_ORDERS, FIRST_GROSS, REPEAT_ORDERS, REPEAT_GROSS = range(4)
"""Places in a row of `Day.bought`."""
CUSTOMERS, ORDERS, NET = range(3)
"""Places in a row of `Day.levels` by segment."""
REACHABLE, SILENCED = range(2)
"""Places in the row of `Day.levels` that is of no segment."""
NO_SEGMENT = ""

Fields = tuple[
    Counted,
    dict[str, int],
    int,
    int,
    int,
    dict[str, list[int]],
    int,
    int,
    int,
    int,
    int,
    int,
    int,
    int,
    int,
    dict[tuple[str, str], int],
    int,
    int,
    dict[tuple[str, str], int],
    dict[str, list[int]],
]
"""What is written of a day, in this order."""


class Day:
    """The totals of one local day in one partition.

    Attributes:
        counted: how far it counts; what comes again from before changes nothing.
        signups: customers who became known by a signup, by its source.
        by_order: those who became known by a purchase; `by_other` by anything else.
        erased: known customers who were erased.
        bought: numbers and sums of first and of repeat orders, by the segment that the buyer had before.
        discounts: the sum taken off; `refunds` and `refund_count` what went back.
        anonymous_orders: sales of nobody known; so `anonymous_gross` to `anonymous_refunds`.
        buyers: distinct customers with a purchase.
        changes: by from and to; `lapses` and `returns` are among them.
        messages: by campaign and outcome.
        levels: by how much customers, their orders in the window and their net grew on this day, by segment; and under
            `NO_SEGMENT` how many more can be reached, and are silenced.
        moves: what is to be added to `levels` by the next flush.
    """

    __slots__ = (  # noqa: RUF023 - in the order in which they are written
        "counted",
        "signups",
        "by_order",
        "by_other",
        "erased",
        "bought",
        "discounts",
        "refund_count",
        "refunds",
        "anonymous_orders",
        "anonymous_gross",
        "anonymous_discounts",
        "anonymous_refund_count",
        "anonymous_refunds",
        "buyers",
        "changes",
        "lapses",
        "returns",
        "messages",
        "levels",
        "moves",
    )

    def __init__(self, fields: Fields) -> None:
        """Takes what `encode_day` writes, in its order."""
        (
            self.counted,
            self.signups,
            self.by_order,
            self.by_other,
            self.erased,
            self.bought,
            self.discounts,
            self.refund_count,
            self.refunds,
            self.anonymous_orders,
            self.anonymous_gross,
            self.anonymous_discounts,
            self.anonymous_refund_count,
            self.anonymous_refunds,
            self.buyers,
            self.changes,
            self.lapses,
            self.returns,
            self.messages,
            self.levels,
        ) = fields
        self.moves: dict[str, list[int]] = {}

    @property
    def fields(self) -> Fields:
        """What is written of it."""
        return (
            self.counted,
            self.signups,
            self.by_order,
            self.by_other,
            self.erased,
            self.bought,
            self.discounts,
            self.refund_count,
            self.refunds,
            self.anonymous_orders,
            self.anonymous_gross,
            self.anonymous_discounts,
            self.anonymous_refund_count,
            self.anonymous_refunds,
            self.buyers,
            self.changes,
            self.lapses,
            self.returns,
            self.messages,
            self.levels,
        )


def new_day() -> Day:
    """A day of which nothing is known yet."""
    return Day(((0, -1, ""), {}, 0, 0, 0, {}, 0, 0, 0, 0, 0, 0, 0, 0, 0, {}, 0, 0, {}, {}))


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Fields)
_head_decoder = msgspec.msgpack.Decoder(DayHead)
_PREFIX = bytes([FORMAT])


def encode_day(day: Day) -> bytes:
    """The day as a record of the table: one byte of format version, then MessagePack."""
    return _PREFIX + _encoder.encode(day.fields)


def decode_day(value: bytes) -> Day:
    """The day of a record of the table.

    Raises:
        UnknownFormat: the record was written by a version that this one does not know.
    """
    if value[0] != FORMAT:
        raise UnknownFormat(value[0])
    return Day(_decoder.decode(value[1:]))


def counted_of(value: bytes) -> Counted:
    """How far an encoded day counts, without decoding the rest.

    Raises:
        UnknownFormat: as `decode_day`.
    """
    if value[0] != FORMAT:
        raise UnknownFormat(value[0])
    return _head_decoder.decode(value[1:]).counted
