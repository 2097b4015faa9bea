"""The purchases that every program reads: from a seed, in order of time, some customers far more often than others."""

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
    """How many purchases of how many customers, and the seed that they come from."""

    events: int
    customers: int
    seed: int


def purchases(scale: Workload) -> Iterator[tuple[bytes, bytes]]:
    """Key and value of each purchase, by time; the same ones for the same scale.

    Each has a moment of its own within its even share of 400 days. A customer's share falls with the root of their rank
    (Zipf's law with an exponent of 1/2): of 40,000 customers the first makes every 200th purchase. Orders cost 1,100
    roubles in the median, the mean is half as much again. A value has about 300 bytes, a third of them in fields that
    nobody here asks for, as a till writes them.
    """
    draw = Random(scale.seed)
    share_ms = _HISTORY_MS // scale.events
    for number in range(scale.events):
        customer_id = f"c-{int(scale.customers * draw.random() ** 2):07d}"
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
