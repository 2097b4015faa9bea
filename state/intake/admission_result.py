"""The outcomes of admission, and the rules of the active policy that decide it."""

from decimal import Decimal

import msgspec

from state.records.events import AnonymousSale, CustomerEvent
from state.records.reasons import RejectionReason


class AdmissionRules(msgspec.Struct, frozen=True):
    """What admission needs from the active policy, and the time zones that exist.

    Attributes:
        currency: The base currency.
        digits: Its digits after the decimal point.
        rates: Price of one unit of another currency in the base currency, for events without a rate.
        zones: The names of all time zones; None accepts every name with the syntax of one.
    """

    currency: str
    digits: int
    rates: dict[str, Decimal]
    zones: frozenset[str] | None = None


class Rejected(msgspec.Struct, frozen=True):
    """A record that is not an event.

    Attributes:
        detail: The field, what it must be and what it is, in one short line of printable characters.
    """

    reason: RejectionReason
    detail: str


class Admitted(msgspec.Struct, frozen=True, gc=False):
    """A record that is an event of a customer, or an anonymous sale.

    Attributes:
        customer_id: 1 to 128 characters; empty for an anonymous sale.
    """

    customer_id: str
    event: CustomerEvent | AnonymousSale
