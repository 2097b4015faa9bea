"""Compute the changes that every program must publish, for each customer from the whole list of their orders.

Because Goldstream and its peers are verified against it, it shares no code with either. It supports purchases in order
of time and the policy retail-27 with its default thresholds, and nothing else.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any, Final

import orjson

_SECOND: Final = 1000
DAY_MS: Final = 86_400 * _SECOND
_WINDOW: Final = 365 * DAY_MS
_LAPSES: Final = (60 * DAY_MS, 180 * DAY_MS)
_THRESHOLDS: Final = {"recency_days": (180, 60), "frequency": (2, 5), "monetary": (5000, 20000)}
"""By measure: the threshold between scores 1 and 2, and the one between 2 and 3."""

AFTER_LAST_PURCHASE: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class Order:
    """What segments need of a purchase, and its offset in the partition."""

    at_ms: int
    minor: int
    event_id: str
    offset: int


@dataclass(slots=True)
class Customer:
    """A customer's orders in order of time, all of one partition."""

    partition: int
    orders: list[Order] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ExpectedChange:
    """A change, and the offset of the purchase at which it is published at the latest.

    Changes after a customer's last purchase, which time alone causes, have the offset `AFTER_LAST_PURCHASE`.
    """

    value: dict[str, Any]
    offset: int


def read_order(value: bytes, offset: int) -> tuple[str, Order]:
    """Return the customer and the order of a purchase."""
    purchase = orjson.loads(value)
    roubles, _, kopecks = purchase["amount"].partition(".")
    moment = datetime.fromisoformat(purchase["occurred_at"])
    at_ms = int(moment.replace(microsecond=0).timestamp()) * _SECOND + moment.microsecond // 1000
    return purchase["customer_id"], Order(at_ms, int(roubles) * 100 + int(kopecks), purchase["event_id"], offset)


def changes_of(customer_id: str, orders: list[Order], horizon_ms: int) -> Iterator[ExpectedChange]:
    """Yield all changes of a customer up to `horizon_ms`, in order."""
    times = [order.at_ms for order in orders]
    if times != sorted(times):
        message = f"{customer_id}: orders are not in order of time"
        raise ValueError(message)
    spent = [0, *accumulate(order.minor for order in orders)]
    seq, segment, cell = 0, None, None
    for at, count, order in _moments(times, orders, horizon_ms):
        first = bisect_right(times, at - _WINDOW, 0, count)
        away, frequency, monetary = at - times[count - 1], count - first, spent[count] - spent[first]
        now = _cell(away // DAY_MS, frequency, monetary // 100)
        new_segment = _segment(now, count)
        if new_segment != segment:
            seq += 1
            cause = {"kind": "time"} if order is None else {"kind": "purchase", "event_id": order.event_id}
            value = {
                "customer_id": customer_id,
                "seq": seq,
                "from": segment,
                "to": new_segment,
                "from_cell": None if cell is None else "".join(map(str, cell)),
                "to_cell": "".join(map(str, now)),
                "effective_at": _text(at),
                "cause": cause,
                "facts": {
                    "recency_days": away // DAY_MS,
                    "frequency": frequency,
                    "monetary": f"{monetary // 100}.{monetary % 100:02d}",
                    "currency": "RUB",
                    "last_order_at": _text(times[count - 1]),
                },
                "why": [] if cell is None else _why(cell, now),
                "policy": "retail-27@1",
                "backfill": False,
            }
            reached = order if order is not None else orders[count] if count < len(orders) else None
            yield ExpectedChange(value, AFTER_LAST_PURCHASE if reached is None else reached.offset)
        segment, cell = new_segment, now


def _moments(times: list[int], orders: list[Order], horizon_ms: int) -> Iterator[tuple[int, int, Order | None]]:
    """Yield every moment at which the segment may change, with the number of orders then, and the new order, if any."""
    for number, order in enumerate(orders):
        if number:
            for due in _due(times, number, order.at_ms):
                yield due, number, None
        yield order.at_ms, number + 1, order
    for due in _due(times, len(times), horizon_ms):
        yield due, len(times), None


def _due(times: list[int], count: int, until: int) -> list[int]:
    """Return when time alone may change a customer with `count` orders: after the last of them, up to `until`."""
    last = times[count - 1]
    due = {last + lapse for lapse in _LAPSES}
    due.update(at + _WINDOW for at in times[bisect_right(times, last - _WINDOW, 0, count) : count])
    return sorted(at for at in due if last < at <= until)


def _cell(days: int, frequency: int, roubles: int) -> tuple[int, int, int]:
    return (
        3 if days < 60 else 2 if days < 180 else 1,
        1 if frequency < 2 else 2 if frequency < 5 else 3,
        1 if roubles < 5000 else 2 if roubles < 20000 else 3,
    )


def _segment(cell: tuple[int, int, int], lifetime_orders: int) -> str:
    recency, frequency, monetary = cell
    if recency < 3:
        return "at_risk" if recency == 2 else "churned"
    if frequency == 3:
        return "golden" if monetary == 3 else "loyal"
    return "new" if frequency == 1 and lifetime_orders == 1 else "active"


def _why(before: tuple[int, int, int], now: tuple[int, int, int]) -> list[dict[str, Any]]:
    return [
        {"measure": measure, "edge": edges[new - 1 if new < old else new - 2], "was": old, "is": new}
        for (measure, edges), old, new in zip(_THRESHOLDS.items(), before, now, strict=True)
        if new != old
    ]


def _text(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{at_ms % 1000:03d}Z"
