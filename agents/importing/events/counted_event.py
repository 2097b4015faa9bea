"""An event with what it counts in the report."""

from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from agents.importing.events.event_writer import EventWriter, Refusal, WrittenEvent
from state.units.currencies import DIGITS
from state.units.money import convert


class CountedEvent(NamedTuple):
    """An event, or why it is none, and what it counts in the report.

    Attributes:
        occurred_at_ms: its moment, by which events are merged.
        rank: order of kinds at the same moment: signups, orders, refunds.
        line: of the file.
        written: the event; None: it would be rejected.
        counted_minor: what it adds to the totals, in minor units of the base currency.
        refusal: why it would be rejected.
    """

    occurred_at_ms: int
    rank: int
    line: int
    written: WrittenEvent | None
    counted_minor: int
    refusal: Refusal | None = None


def count_event(
    writer: EventWriter,
    kind: str,
    rank: int,
    fields: dict[str, Any],
    at: int,
    line: int,
    refunded_minor: int | None = None,
) -> CountedEvent:
    """Write an event, and count it; see `EventWriter.write`."""
    try:
        written = writer.write(kind, fields, at, line, refunded_minor)
    except Refusal as refusal:
        return CountedEvent(at, rank, line, None, 0, refusal)
    return CountedEvent(at, rank, line, written, written.base_minor)


def with_known(counted: CountedEvent, **known: Any) -> CountedEvent:
    """Return an event with what is known beside its fields."""
    if counted.written is None:
        return counted
    event = counted.written.event._replace(**known)
    return counted._replace(written=WrittenEvent(event, counted.written.base_minor))


def to_base(minor: int, currency: str, rate: Decimal | None, writer: EventWriter) -> int:
    """Return an amount in minor units of the base currency."""
    rules = writer.rules
    if currency == rules.currency:
        return minor
    price = rate or rules.rates.get(currency)
    return convert(minor, DIGITS[currency], Fraction(price), rules.digits) if price else 0
