"""Generate the purchases that every program reads: from a seed, in order of time, with very active customers."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Final

import orjson

HISTORY_DAYS: Final = 400
"""Longer than the window of 365 days, so that orders leave it within the history."""

_BEGIN: Final = datetime(2025, 1, 1, tzinfo=UTC).astimezone(timezone(timedelta(hours=3)))
_HISTORY_MS: Final = HISTORY_DAYS * 86_400_000
_MILLISECOND: Final = timedelta(milliseconds=1)
_COUPONS: Final = ("SPRING15", "HELLO10", "BIRTHDAY", "BLACKFRIDAY")
_CHANNELS: Final = ("pos", "pos", "pos", "web", "app")


@dataclass(frozen=True, slots=True)
class Workload:
    """The number of purchases and customers, and the seed."""

    events: int
    customers: int
    seed: int


def purchases(workload: Workload) -> Iterator[tuple[bytes, bytes]]:
    """Yield key and value of each purchase in order of time; the same workload yields the same purchases.

    Each purchase has its own moment within its even share of 400 days. A customer's share of the purchases falls with
    the square root of their rank (Zipf's law with exponent 1/2): of 40,000 customers, the first makes every 200th
    purchase. The median order costs 1,100 roubles, the mean is half as much again. A value has about 300 bytes, a third
    of them in fields that no program uses, as real tills write them.
    """
    draw = Random(workload.seed)
    share_ms = _HISTORY_MS // workload.events
    for number in range(workload.events):
        customer_id = f"c-{int(workload.customers * draw.random() ** 2):07d}"
        full = max(1_00, int(draw.lognormvariate(7, 1) * 100))
        discount = full * draw.randrange(5, 35, 5) // 100 if draw.random() < 0.2 else 0
        at_ms = number * share_ms + draw.randrange(share_ms)
        token = f"{draw.getrandbits(96):024x}"
        purchase = {
            "event_id": f"e-{number:09d}-{token[:12]}",
            "customer_id": customer_id,
            "order_id": f"o-{number:09d}",
            "occurred_at": (_BEGIN + at_ms * _MILLISECOND).isoformat(timespec="milliseconds"),
            "amount": _money(full - discount),
            "currency": "RUB",
            "discount": _money(discount),
            "channel": _CHANNELS[draw.randrange(len(_CHANNELS))],
            "store_id": f"msk-{draw.randrange(200):03d}",
            "till": draw.randrange(1, 9),
            "receipt": token[12:],
            "card": f"2200{draw.randrange(10**12):012d}",
            "items": draw.randrange(1, 12),
        }
        if discount:
            purchase["coupon"] = _COUPONS[draw.randrange(len(_COUPONS))]
        yield customer_id.encode(), orjson.dumps(purchase)


def _money(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"
