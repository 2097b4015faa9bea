"""A purchase as the Bytewax and the Quix program read it: decoded by msgspec into a typed struct, and checked."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


class Purchase(msgspec.Struct, gc=False):
    """A purchase, as far as it is looked at."""

    event_id: str
    customer_id: str
    order_id: str
    occurred_at: datetime
    amount: Decimal
    currency: str

    @property
    def at(self) -> int:
        """When it was made, in milliseconds since 1970."""
        return (self.occurred_at - _EPOCH) // _MILLISECOND

    @property
    def kopecks(self) -> int:
        """What was paid."""
        return int(self.amount * 100)


decode: Final = msgspec.json.Decoder(Purchase).decode


def checked(value: bytes) -> Purchase:
    """The purchase in a record's value.

    Raises:
        ValueError: it is no purchase; msgspec's errors are ValueErrors too.
    """
    purchase = decode(value)
    for field in (purchase.event_id, purchase.customer_id, purchase.order_id):
        if not 0 < len(field) <= 128:
            raise ValueError("id")
    if purchase.currency != "RUB" or purchase.occurred_at.tzinfo is None:
        raise ValueError("currency or occurred_at")
    if purchase.amount < 0 or purchase.amount * 100 % 1:
        raise ValueError("amount")
    return purchase
