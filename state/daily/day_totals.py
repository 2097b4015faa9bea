"""What a partition keeps of one local day, and its encoding.

Sums are in minor units of the policy's base currency. A day is changed in place, by `state.daily.day_counter` alone.
"""

import msgspec

from state.customer.profile_schema import DayHead, FoldPosition
from state.records.events import UnknownFormatVersion
from state.units.money import MAX_TOTAL

FORMAT = 1
FIRST_ORDERS, FIRST_GROSS, REPEAT_ORDERS, REPEAT_GROSS = range(4)
"""Places in a row of `DayTotals.purchases`."""
MOVED, ORDERS_BEFORE, NET_BEFORE, ORDERS_AFTER, NET_AFTER = range(5)
"""Places in a row of `DayTotals.moves`."""
CUSTOMERS, ORDERS, NET = range(3)
"""Places in a row of `segment_deltas`."""
UNKNOWN = ""
"""The segment of one who is not known, or not known any more."""
NONE = "none"
"""What is told where there is none: the segment of a buyer or a first change, the source of a signup."""

DayFields = tuple[
    FoldPosition,
    dict[str, int],
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
    int,
    int,
    dict[tuple[str, str], int],
    dict[tuple[str, str], list[int]],
    int,
    int,
]
"""What is written of a day, in this order."""


class DayTotals:
    """The totals of one local day in one partition.

    Attributes:
        counted_to: how far it counts; what comes again from before changes nothing.
        signups: customers who became known by a signup, by its source.
        known_by_order: those who became known by a purchase; `known_by_other` by anything else.
        bought: numbers and sums of first and of repeat orders, by the segment that the buyer had before.
        discounts: the sum taken off; `refunds` and `refund_count` what went back.
        anonymous_orders: sales of nobody known; so `anonymous_gross` to `anonymous_refunds`.
        buyers: distinct customers with a purchase.
        lapses: changes of segment that were one; `returns` likewise.
        messages: by campaign and outcome.
        moves: by the segments before and after each judgement: how many customers moved, and the orders and the net in
            the window of all that were judged, before and after. Who stays in a segment has not moved, and only the
            difference stands after. From and to `UNKNOWN` who becomes known, and who is erased.
        reachable: how many customers more can be reached after this day than before it; `silenced` likewise.
        turned: whether how the base stands has changed since the last flush.
    """

    __slots__ = (  # noqa: RUF023 - in the order in which they are written
        "counted_to",
        "signups",
        "known_by_order",
        "known_by_other",
        "purchases",
        "discounts",
        "refund_count",
        "refunds",
        "anonymous_orders",
        "anonymous_gross",
        "anonymous_discounts",
        "anonymous_refund_count",
        "anonymous_refunds",
        "buyers",
        "lapses",
        "returns",
        "messages",
        "moves",
        "reachable",
        "silenced",
        "base_changed",
    )

    def __init__(self, fields: DayFields) -> None:
        """Takes what `encode_day` writes, in its order."""
        (
            self.counted_to,
            self.signups,
            self.known_by_order,
            self.known_by_other,
            self.purchases,
            self.discounts,
            self.refund_count,
            self.refunds,
            self.anonymous_orders,
            self.anonymous_gross,
            self.anonymous_discounts,
            self.anonymous_refund_count,
            self.anonymous_refunds,
            self.buyers,
            self.lapses,
            self.returns,
            self.messages,
            self.moves,
            self.reachable,
            self.silenced,
        ) = fields
        self.base_changed = False

    @property
    def fields(self) -> DayFields:
        """What is written of it."""
        return (
            self.counted_to,
            self.signups,
            self.known_by_order,
            self.known_by_other,
            self.purchases,
            self.discounts,
            self.refund_count,
            self.refunds,
            self.anonymous_orders,
            self.anonymous_gross,
            self.anonymous_discounts,
            self.anonymous_refund_count,
            self.anonymous_refunds,
            self.buyers,
            self.lapses,
            self.returns,
            self.messages,
            self.moves,
            self.reachable,
            self.silenced,
        )


def new_day() -> DayTotals:
    """A day of which nothing is known yet."""
    return DayTotals(((0, -1, ""), {}, 0, 0, {}, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, {}, {}, 0, 0))


def segment_deltas(moves: dict[tuple[str, str], list[int]]) -> dict[str, list[int]]:
    """What moves add to each segment: customers, orders and net in the window."""
    levels: dict[str, list[int]] = {}
    for (before, after), row in moves.items():
        if before != UNKNOWN:
            level = levels.setdefault(before, [0, 0, 0])
            level[CUSTOMERS] -= row[MOVED]
            level[ORDERS] -= row[ORDERS_BEFORE]
            level[NET] -= row[NET_BEFORE]
        if after != UNKNOWN:
            level = levels.setdefault(after, [0, 0, 0])
            level[CUSTOMERS] += row[MOVED]
            level[ORDERS] += row[ORDERS_AFTER]
            level[NET] += row[NET_AFTER]
    return levels


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(DayFields)
_head_decoder = msgspec.msgpack.Decoder(DayHead)
_PREFIX = bytes([FORMAT])


def encode_day(day: DayTotals) -> bytes:
    """The day as a record of the table: one byte of format version, then MessagePack."""
    try:
        return _PREFIX + _encoder.encode(day.fields)
    except OverflowError:
        _bound(day)
        return _PREFIX + _encoder.encode(day.fields)


def _bound(day: DayTotals) -> None:
    """Cuts the sums of a day down to what the format holds: no shop sells for so much."""
    for name in ("discounts", "refunds", "anonymous_gross", "anonymous_discounts", "anonymous_refunds"):
        setattr(day, name, min(getattr(day, name), MAX_TOTAL))
    for rows in (day.purchases, day.moves):
        for row in rows.values():
            row[:] = [max(-MAX_TOTAL, min(value, MAX_TOTAL)) for value in row]


def decode_day(value: bytes) -> DayTotals:
    """The day of a record of the table.

    Raises:
        UnknownFormat: the record was written by a version that this one does not know.
    """
    if value[0] != FORMAT:
        raise UnknownFormatVersion(value[0])
    return DayTotals(_decoder.decode(value[1:]))


def peek_counted_to(value: bytes) -> FoldPosition:
    """How far an encoded day counts, without decoding the rest.

    Raises:
        UnknownFormat: as `decode_day`.
    """
    if value[0] != FORMAT:
        raise UnknownFormatVersion(value[0])
    return _head_decoder.decode(value[1:]).counted
