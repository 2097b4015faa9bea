"""Encode and decode the totals of a local day: one byte of format version, then a MessagePack array of the fields.

A day is changed in place, by `state.daily.day_counter` alone.
"""

from typing import Final

import msgspec

from state.daily.day_totals_format_1 import FORMAT_1, decode_format_1
from state.daily.day_totals_schema import DayTotalsHead, DayTotalsRecord, FoldPosition
from state.daily.native_day_totals import DayTotals, DayTotalsFields
from state.records.events import UnknownFormatVersion
from state.units.money import MAX_TOTAL

FORMAT: Final = 2
FIRST_ORDERS: Final = 0
FIRST_GROSS: Final = 1
REPEAT_ORDERS: Final = 2
REPEAT_GROSS: Final = 3
"""Columns of `DayTotals.purchases`."""
MOVED: Final = 0
ORDERS_BEFORE: Final = 1
NET_BEFORE: Final = 2
ORDERS_AFTER: Final = 3
NET_AFTER: Final = 4
"""Columns of `DayTotals.moves`."""
CUSTOMERS: Final = 0
ORDERS: Final = 1
NET: Final = 2
"""Columns of `segment_deltas`."""
UNKNOWN: Final = ""
"""The segment of a customer who is not known yet, or has been erased."""
NONE: Final = "none"
"""What is published where there is none: as a buyer's segment, as a change's `from`, as a signup's source."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(DayTotalsFields)
_head_decoder = msgspec.msgpack.Decoder(DayTotalsHead)
_PREFIX: Final = bytes([FORMAT])


def new_day() -> DayTotals:
    """Return the totals of a day on which nothing is counted yet."""
    return DayTotals(msgspec.structs.astuple(DayTotalsRecord()))


def segment_deltas(moves: dict[tuple[str, str], list[int]]) -> dict[str, list[int]]:
    """Return what moves add to each segment: customers, and their orders and net revenue in the window."""
    deltas: dict[str, list[int]] = {}
    for (before, after), row in moves.items():
        if before != UNKNOWN:
            delta = deltas.setdefault(before, [0, 0, 0])
            delta[CUSTOMERS] -= row[MOVED]
            delta[ORDERS] -= row[ORDERS_BEFORE]
            delta[NET] -= row[NET_BEFORE]
        if after != UNKNOWN:
            delta = deltas.setdefault(after, [0, 0, 0])
            delta[CUSTOMERS] += row[MOVED]
            delta[ORDERS] += row[ORDERS_AFTER]
            delta[NET] += row[NET_AFTER]
    return deltas


def encode_day(day: DayTotals) -> bytes:
    """Return a day as a record of the table."""
    try:
        return _PREFIX + _encoder.encode(day.fields)
    except OverflowError:
        _clamp(day)
        return _PREFIX + _encoder.encode(day.fields)


def _clamp(day: DayTotals) -> None:
    """Clamp the sums of a day to what the format holds, which is more than any shop sells for."""
    for name in ("discounts", "refunds", "anonymous_gross", "anonymous_discounts", "anonymous_refunds"):
        setattr(day, name, min(getattr(day, name), MAX_TOTAL))
    for rows in (day.purchases, day.moves):
        for row in rows.values():
            row[:] = [max(-MAX_TOTAL, min(value, MAX_TOTAL)) for value in row]


def decode_day(value: bytes) -> DayTotals:
    """Return the day of a record of the table.

    Raises:
        UnknownFormatVersion: The record was written by a version that is not known here.
    """
    if value[0] == FORMAT_1:
        return DayTotals(decode_format_1(value[1:]))
    if value[0] != FORMAT:
        raise UnknownFormatVersion(value[0])
    return DayTotals(_decoder.decode(value[1:]))


def peek_counted_to(value: bytes) -> FoldPosition:
    """Return up to which position an encoded day counts, without decoding the rest.

    Raises:
        UnknownFormatVersion: As for `decode_day`.
    """
    if value[0] not in {FORMAT, FORMAT_1}:
        raise UnknownFormatVersion(value[0])
    return _head_decoder.decode(value[1:]).counted_to
