"""What may become of a published record, and by which terms it is judged."""

from decimal import Decimal
from typing import Final, Literal, TypeAlias, get_args

import msgspec

from state.records.events import AnonymousSale, CustomerEvent

RejectionReason: TypeAlias = Literal["oversize", "malformed", "invalid", "amount", "currency", "future"]
"""Why a record is rejected."""

REJECTION_REASONS: Final[tuple[RejectionReason, ...]] = get_args(RejectionReason)
"""All reasons in their order: where several fit, the first is given."""


class AdmissionRules(msgspec.Struct, frozen=True):
    """The currencies of the policy in force, and the time zones that are known.

    Attributes:
        currency: The base currency.
        digits: Its digits after the point.
        rates: Price of one unit of another currency in the base currency, for events that bring no rate.
        zones: The names of the time zones that exist; None to take every name that is shaped like one.
    """

    currency: str
    digits: int
    rates: dict[str, Decimal]
    zones: frozenset[str] | None = None


class Rejected(msgspec.Struct, frozen=True):
    """A record that is no event.

    Attributes:
        detail: Names the field, what it must be and what it is, in one short line of printable characters.
    """

    reason: RejectionReason
    detail: str


class Admitted(msgspec.Struct, frozen=True, gc=False):
    """A record that is an event of a customer, or a sale to nobody known.

    Attributes:
        customer_id: Whose it is, 1 to 128 characters; empty for an anonymous sale.
    """

    customer_id: str
    event: CustomerEvent | AnonymousSale
