"""Apply a purchase to a customer: the part that the Python peers share, independent of any engine."""

from bisect import bisect_right
from datetime import datetime, timedelta
from itertools import product
from typing import Any, Final, Protocol

DAY_MS: Final = 86_400_000
WINDOW_MS: Final = 365 * DAY_MS
AT_RISK_MS: Final = 60 * DAY_MS
CHURNED_MS: Final = 180 * DAY_MS

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - only formatted, with Z appended
_CELLS: Final = {cell: "".join(map(str, cell)) for cell in product((1, 2, 3), repeat=3)}
_THRESHOLDS: Final = (("recency_days", (180, 60)), ("frequency", (2, 5)), ("monetary", (5000, 20000)))


class Customer(Protocol):
    """The state of a customer; moments in milliseconds, money in kopecks.

    Attributes:
        seq: changes so far.
        segment, cell: as last evaluated; empty before the first purchase.
        as_of: the moment of the last evaluation.
        last: the latest order.
        lifetime: orders ever.
        times, amounts: the orders of the window, in order of time.
        monetary: the sum of `amounts`.
    """

    seq: int
    segment: str
    cell: str
    as_of: int
    last: int
    lifetime: int
    monetary: int
    times: list[int]
    amounts: list[int]


def fold(customer_id: str, customer: Customer, at: int, amount: int, event_id: str) -> list[dict[str, Any]]:
    """Apply a purchase in place; return the changes that fell due before it, and then its own."""
    out: list[dict[str, Any]] = []
    now = max(at, customer.as_of)
    if customer.lifetime:
        _lapse(customer_id, customer, now, out)
    _expire(customer, now)
    if at > now - WINDOW_MS:
        place = bisect_right(customer.times, at)
        customer.times.insert(place, at)
        customer.amounts.insert(place, amount)
        customer.monetary += amount
    customer.last = max(customer.last, at)
    customer.lifetime += 1
    _evaluate(customer_id, customer, now, {"kind": "purchase", "event_id": event_id}, out)
    return out


def _lapse(customer_id: str, customer: Customer, now: int, out: list[dict[str, Any]]) -> None:
    """Evaluate the customer at each moment up to `now` at which time alone may change the segment."""
    while True:
        due = [customer.times[0] + WINDOW_MS] if customer.times else []
        for lapse in (AT_RISK_MS, CHURNED_MS):
            if customer.last + lapse > customer.as_of:
                due.append(customer.last + lapse)
                break
        if not due or min(due) > now:
            return
        _expire(customer, min(due))
        _evaluate(customer_id, customer, min(due), {"kind": "time"}, out)


def _expire(customer: Customer, now: int) -> None:
    gone = bisect_right(customer.times, now - WINDOW_MS)
    if gone:
        customer.monetary -= sum(customer.amounts[:gone])
        del customer.times[:gone]
        del customer.amounts[:gone]


def _evaluate(customer_id: str, customer: Customer, now: int, cause: dict[str, str], out: list[dict[str, Any]]) -> None:
    """Score the customer as of `now`, and emit a change if the segment is new."""
    away, frequency, monetary = now - customer.last, len(customer.times), customer.monetary
    r = 3 if away < AT_RISK_MS else 2 if away < CHURNED_MS else 1
    f = 1 if frequency < 2 else 2 if frequency < 5 else 3
    m = 1 if monetary < 5000_00 else 2 if monetary < 20000_00 else 3
    cell, segment = _CELLS[r, f, m], _segment(r, f, m, customer.lifetime)
    if segment != customer.segment:
        customer.seq += 1
        out.append(
            {
                "customer_id": customer_id,
                "seq": customer.seq,
                "from": customer.segment or None,
                "to": segment,
                "from_cell": customer.cell or None,
                "to_cell": cell,
                "effective_at": _text(now),
                "cause": cause,
                "facts": {
                    "recency_days": away // DAY_MS,
                    "frequency": frequency,
                    "monetary": f"{monetary // 100}.{monetary % 100:02d}",
                    "currency": "RUB",
                    "last_order_at": _text(customer.last),
                },
                "why": _why(customer.cell, (r, f, m)),
                "policy": "retail-27@1",
                "backfill": False,
            }
        )
    customer.segment, customer.cell, customer.as_of = segment, cell, now


def _segment(r: int, f: int, m: int, lifetime: int) -> str:
    if r == 3:
        if f == 3:
            return "golden" if m == 3 else "loyal"
        return "new" if f == 1 and lifetime == 1 else "active"
    return "at_risk" if r == 2 else "churned"


def _why(before: str, scores: tuple[int, int, int]) -> list[dict[str, Any]]:
    """Return each measure whose score changed, with its last crossed threshold; empty before the first purchase."""
    moved = []
    for (measure, edges), was, score in zip(_THRESHOLDS, map(int, before), scores, strict=False):
        if was != score:
            edge = edges[score - 1] if score < was else edges[score - 2]
            moved.append({"measure": measure, "edge": edge, "was": was, "is": score})
    return moved


def _text(at: int) -> str:
    return (_EPOCH + timedelta(milliseconds=at)).isoformat(timespec="milliseconds") + "Z"
