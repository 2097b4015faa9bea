"""Build the published value of a day in one partition: counts, sums of money in major units, and objects of these.

All fields except the labels can be summed over the partitions.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

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
from state.records.day_summary import DaySummary, FirstAndRepeat, OrdersAndGross
from state.units.local_days import format_day
from state.units.money import format_minor

LONGEST_GAP: Final = 800
"""Days without any event that are published in a row; more than two windows of the usual length."""

_encode: Final = msgspec.json.Encoder().encode


def is_published(days: DayStore, to_day: int) -> bool:
    """Whether every day up to `to_day` is published as it is."""
    if days.unpublished or days.unpublished_from is not None:
        return False
    numbers = days.numbers() if days.published_to < to_day else []
    return not numbers or days.published_to >= max(numbers[-1], to_day)


def unpublished_days(days: DayStore, to_day: int, policy: Policy) -> Iterator[tuple[int, bytes]]:
    """Yield the days that differ from what was published, latest first, each with its value.

    Days without any event are included, since the customer base has a state on them too. After publishing all days the
    caller must call `DayStore.mark_published` with the last of them.
    """
    numbers = days.numbers()
    if not numbers:
        return
    all_from = max(days.published_to + 1, numbers[0])
    if days.unpublished_from is not None:
        all_from = min(all_from, days.unpublished_from)
    wanted = set(days.unpublished)
    for number, next_number in pairwise((*numbers, max(numbers[-1], to_day) + 1)):
        wanted.update(range(max(number, all_from), min(next_number, number + LONGEST_GAP + 1)))
    base = days.current_base()
    earliest = min(wanted, default=max(numbers))
    for number in sorted(wanted | {number for number in numbers if number >= earliest}, reverse=True):
        day = days.read_flushed(number)
        if number in wanted:
            yield number, _encode(daily_summary(number, new_day() if day is None else day, base, policy))
        if day is not None:
            base.add(number, day, -1)


def daily_summary(number: int, day: DayTotals, base: CustomerBase, policy: Policy) -> DaySummary:
    """Return the value of a day; `base` is the customer base at its end."""

    def money(minor: int) -> str:
        return format_minor(minor, policy.digits)

    def orders_and_gross(orders: int, gross: int) -> OrdersAndGross:
        return {"orders": orders, "gross": money(gross)}

    def first_and_repeat(rows: Collection[Sequence[int]]) -> FirstAndRepeat:
        return {
            "first": orders_and_gross(sum(row[FIRST_ORDERS] for row in rows), sum(row[FIRST_GROSS] for row in rows)),
            "repeat": orders_and_gross(sum(row[REPEAT_ORDERS] for row in rows), sum(row[REPEAT_GROSS] for row in rows)),
        }

    purchases = day.purchases.values()
    gross = sum(row[FIRST_GROSS] + row[REPEAT_GROSS] for row in purchases)
    segments = {name: row for name, row in base.segments.items() if any(row)}
    moved = {pair: row[MOVED] for pair, row in day.moves.items() if row[MOVED]}
    return {
        "day": format_day(number),
        "timezone": policy.timezone,
        "currency": policy.currency,
        "new": {"signup": dict(sorted(day.signups.items())), "order": day.known_by_order, "other": day.known_by_other},
        "erased": sum(count for (_, to), count in moved.items() if to == UNKNOWN),
        "orders": sum(row[FIRST_ORDERS] + row[REPEAT_ORDERS] for row in purchases),
        "gross": money(gross),
        "discounts": money(day.discounts),
        "refund_count": day.refund_count,
        "refunds": money(day.refunds),
        "net": money(gross - day.refunds),
        "anonymous": {
            "orders": day.anonymous_orders,
            "gross": money(day.anonymous_gross),
            "discounts": money(day.anonymous_discounts),
            "refund_count": day.anonymous_refund_count,
            "refunds": money(day.anonymous_refunds),
            "net": money(day.anonymous_gross - day.anonymous_refunds),
        },
        **first_and_repeat(purchases),
        "by_segment_before": {name or NONE: first_and_repeat([row]) for name, row in sorted(day.purchases.items())},
        "buyers": day.buyers,
        "changes": _nested({(before or NONE, to): count for (before, to), count in moved.items() if to != UNKNOWN}),
        "lapses": day.lapses,
        "returns": day.returns,
        "messages": _messages(day),
        "steps": _steps(day),
        "customers": sum(row[CUSTOMERS] for row in segments.values()),
        "segments": {
            name: {"customers": row[CUSTOMERS], "orders": row[ORDERS], "net": money(row[NET])}
            for name, row in sorted(segments.items())
        },
        "reachable": base.reachable,
        "silenced": base.silenced,
    }


def _messages(day: DayTotals) -> dict[str, dict[str, int]]:
    """Return the messages by campaign and outcome, over all steps."""
    counts: dict[tuple[str, str], int] = {}
    for (campaign, outcome, _), count in day.messages.items():
        counts[campaign, outcome] = counts.get((campaign, outcome), 0) + count
    return _nested(counts)


def _steps(day: DayTotals) -> dict[str, dict[str, dict[str, int]]]:
    """Return the messages by campaign, step and outcome, without what was suppressed as a whole."""
    steps: dict[str, dict[str, dict[str, int]]] = {}
    for (campaign, outcome, step), count in sorted(day.messages.items(), key=_by_step):
        if step:
            steps.setdefault(campaign, {}).setdefault(str(step), {})[outcome] = count
    return steps


def _by_step(item: tuple[tuple[str, str, int], int]) -> tuple[str, int, str]:
    (campaign, outcome, step), _ = item
    return campaign, step, outcome


def _nested(counts: Mapping[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    nested: dict[str, dict[str, int]] = {}
    for (outer, inner), count in sorted(counts.items()):
        nested.setdefault(outer, {})[inner] = count
    return nested
