"""Decode and check a purchase; the customer's state for the Bytewax and the Quix program."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, Protocol

import msgspec

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


class Purchase(msgspec.Struct, gc=False):
    """The fields of a purchase that are used."""

    event_id: str
    customer_id: str
    order_id: str
    occurred_at: datetime
    amount: Decimal
    currency: str

    @property
    def at(self) -> int:
        """Its moment, in milliseconds since 1970."""
        return (self.occurred_at - _EPOCH) // _MILLISECOND

    @property
    def kopecks(self) -> int:
        """The amount in kopecks."""
        return int(self.amount * 100)


@dataclass(slots=True)
class Customer:
    """The state of a customer, see `bench.peers.customer`."""

    seq: int = 0
    segment: str = ""
    cell: str = ""
    as_of: int = 0
    last: int = 0
    lifetime: int = 0
    monetary: int = 0
    times: list[int] = field(default_factory=list)
    amounts: list[int] = field(default_factory=list)


decode: Final = msgspec.json.Decoder(Purchase).decode


class AnyPurchase(Protocol):
    """A purchase, whichever engine decoded it."""

    event_id: str
    customer_id: str
    order_id: str
    occurred_at: datetime
    amount: Decimal
    currency: str


def check(purchase: AnyPurchase) -> None:
    """Check a purchase.

    Raises:
        ValueError: a field is invalid.
    """
    for text in (purchase.event_id, purchase.customer_id, purchase.order_id):
        if not 0 < len(text) <= 128:
            raise ValueError("id")
    if purchase.currency != "RUB" or purchase.occurred_at.tzinfo is None:
        raise ValueError("currency or occurred_at")
    if purchase.amount < 0 or purchase.amount * 100 % 1:
        raise ValueError("amount")


def decode_checked(value: bytes) -> Purchase:
    """Return the purchase in a record's value, checked.

    Raises:
        ValueError: it is not a valid purchase; msgspec's errors are ValueErrors too.
    """
    purchase = decode(value)
    check(purchase)
    return purchase
