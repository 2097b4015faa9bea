"""What the import must know of the policy."""

from decimal import Decimal

import msgspec


class PolicyInfo(msgspec.Struct, frozen=True):
    """What the import must know of the policy.

    Attributes:
        currency: base currency; None: that of the file.
        rates: price of one unit of other currencies in it.
        timezone: IANA name, if the policy's file names one.
    """

    currency: str | None
    rates: dict[str, Decimal] = msgspec.field(default_factory=dict)
    timezone: str | None = None
