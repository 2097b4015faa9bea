"""A day of a partition as it is published: numbers, sums of money in major units, and objects of such.

All but its labels can be added up field by field over the partitions.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import msgspec

from state.config.policy import Policy
from state.daily.day_store import CustomerBase, DayStore
from state.daily.day_totals import (
    CUSTOMERS,
    FIRST_GROSS,
    FIRST_ORDERS,
    MOVED,
    NET,
    NONE,
    ORDERS,
    REPEAT_GROSS,
    REPEAT_ORDERS,
    UNKNOWN,
    new_day,
)
from state.daily.native_day_totals import DayTotals
from state.units.local_days import format_day
from state.units.money import format_minor

LONGEST_GAP: Final = 800
"""Days on end in which nothing happens, each of which is told of none the less: two windows and more of the usual."""

_encode: Final = msgspec.json.Encoder().encode


def is_published(days: DayStore, to_day: int) -> bool:
    """Whether no day up to the one that time has come to is other than it was told."""
    if days.unpublished or days.unpublished_from is not None:
        return False
    numbers = days.numbers() if days.published_to < to_day else []
    return not numbers or days.published_to >= max(numbers[-1], to_day)


def unpublished_days(days: DayStore, to_day: int, policy: Policy) -> Iterator[tuple[int, bytes]]:
    """The days that are other than they were told, the last one first: each with its value.

    Days in which nothing happened are among them, since the base stands somehow on them too. Who has told of all says
    so by `DayStore.mark_published`, with the last of them.
    """
    numbers = days.numbers()
    if not numbers:
        return
    all_from = max(days.published_to + 1, numbers[0])
    if days.unpublished_from is not None:
        all_from = min(all_from, days.unpublished_from)
    wanted = set(days.unpublished)
    for number, following in pairwise((*numbers, max(numbers[-1], to_day) + 1)):
        wanted.update(range(max(number, all_from), min(following, number + LONGEST_GAP + 1)))
    standing = days.current_base()
    least = min(wanted, default=max(numbers))
    for number in sorted(wanted | {number for number in numbers if number >= least}, reverse=True):
        day = days.read_flushed(number)
        if number in wanted:
            yield number, _encode(encode_summary(number, new_day() if day is None else day, standing, policy))
        if day is not None:
            standing.add(number, day, -1)


def encode_summary(number: int, day: DayTotals, standing: CustomerBase, policy: Policy) -> dict[str, Any]:
    """The value of a day; `standing` is how the base stood at its end."""

    def sum_of(minor: int) -> str:
        return format_minor(minor, policy.digits)

    def part(orders: int, gross: int) -> dict[str, Any]:
        return {"orders": orders, "gross": sum_of(gross)}

    def parts(rows: Collection[Sequence[int]]) -> dict[str, Any]:
        return {
            "first": part(sum(row[FIRST_ORDERS] for row in rows), sum(row[FIRST_GROSS] for row in rows)),
            "repeat": part(sum(row[REPEAT_ORDERS] for row in rows), sum(row[REPEAT_GROSS] for row in rows)),
        }

    bought = day.purchases.values()
    gross = sum(row[FIRST_GROSS] + row[REPEAT_GROSS] for row in bought)
    base = {name: row for name, row in standing.segments.items() if any(row)}
    moved = {pair: row[MOVED] for pair, row in day.moves.items() if row[MOVED]}
    return {
        "day": format_day(number),
        "timezone": policy.timezone,
        "currency": policy.currency,
        "new": {"signup": dict(sorted(day.signups.items())), "order": day.known_by_order, "other": day.known_by_other},
        "erased": sum(count for (_, now), count in moved.items() if now == UNKNOWN),
        "orders": sum(row[FIRST_ORDERS] + row[REPEAT_ORDERS] for row in bought),
        "gross": sum_of(gross),
        "discounts": sum_of(day.discounts),
        "refund_count": day.refund_count,
        "refunds": sum_of(day.refunds),
        "net": sum_of(gross - day.refunds),
        "anonymous": {
            "orders": day.anonymous_orders,
            "gross": sum_of(day.anonymous_gross),
            "discounts": sum_of(day.anonymous_discounts),
            "refund_count": day.anonymous_refund_count,
            "refunds": sum_of(day.anonymous_refunds),
            "net": sum_of(day.anonymous_gross - day.anonymous_refunds),
        },
        **parts(bought),
        "by_segment_before": {name or NONE: parts([row]) for name, row in sorted(day.purchases.items())},
        "buyers": day.buyers,
        "changes": _nested({(was or NONE, now): count for (was, now), count in moved.items() if now != UNKNOWN}),
        "lapses": day.lapses,
        "returns": day.returns,
        "messages": _nested(day.messages),
        "customers": sum(row[CUSTOMERS] for row in base.values()),
        "segments": {
            name: {"customers": row[CUSTOMERS], "orders": row[ORDERS], "net": sum_of(row[NET])}
            for name, row in sorted(base.items())
        },
        "reachable": standing.reachable,
        "silenced": standing.silenced,
    }


def _nested(counts: Mapping[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    nested: dict[str, dict[str, int]] = {}
    for (outer, inner), count in sorted(counts.items()):
        nested.setdefault(outer, {})[inner] = count
    return nested
