"""What a profile is made of: orders, refunds, the person, campaigns under way; as they lie in memory and in the table.

Moments are milliseconds since the epoch, money is in minor units of the policy's base currency unless said otherwise.
These are structs of msgspec, which makes them from bytes by itself, so this module is never compiled (decision 0007).
"""

import msgspec

from state.changes import SegmentChanged


class Foreign(msgspec.Struct, array_like=True, gc=False):
    """An order that was paid in another currency: what is needed to take its refunds at the purchase's rate.

    `amount` and `refunded` in its own minor units; `other` what was refunded in other currencies, in base minor units.
    """

    currency: str
    amount: int
    rate: str
    refunded: int = 0
    other: int = 0


class Order(msgspec.Struct, array_like=True, gc=False):
    """One order; `amount` as paid, `refunded` as asked for (it may exceed `amount`; the excess has no effect).

    `chunk` is the piece of a long history that it is written with, 0 for the profile itself (see `OrderBook`).
    """

    at: int
    order_id: str
    amount: int
    discount: int
    refunded: int
    applied_at: int
    foreign: Foreign | None = None
    chunk: int = 0

    @property
    def fully_refunded(self) -> bool:
        """Whether everything that was paid has gone back; never true of an order of nothing."""
        if not self.refunded and self.foreign is None:
            return False
        foreign = self.foreign
        if foreign is None:
            return self.refunded >= self.amount > 0
        if 0 < foreign.amount <= foreign.refunded:
            return True
        return foreign.other > 0 and foreign.amount > 0 and self.refunded >= self.amount

    @property
    def net(self) -> int:
        """What the order brought in: never below nothing."""
        if not self.refunded:
            return self.amount
        return 0 if self.fully_refunded or self.refunded > self.amount else self.amount - self.refunded


class FreeRefund(msgspec.Struct, array_like=True, gc=False):
    """A refund that names no order and is in the window: it lowers monetary until it ages out."""

    at: int
    amount: int


class WaitingRefund(msgspec.Struct, array_like=True, gc=False):
    """A refund whose order has not come; `until` is when it is dropped."""

    until: int
    refund_id: str
    order_id: str
    amount: int
    currency: str
    base: int | None


class SeenRefund(msgspec.Struct, array_like=True, gc=False):
    """A refund id and the moment from which it may come again."""

    refund_id: str
    forget_at: int


class Refunds(msgspec.Struct, array_like=True):
    """What a customer with refunds has besides; most customers have none of it."""

    seen: list[SeenRefund] = []
    free: list[FreeRefund] = []
    waiting: list[WaitingRefund] = []


class Known(msgspec.Struct, array_like=True, gc=False):
    """A fact of a signup, with the moment of the signup that told it."""

    at: int
    value: str


class Consent(msgspec.Struct, array_like=True, gc=False):
    """The last word on a channel."""

    at: int
    granted: bool


class Person(msgspec.Struct, array_like=True):
    """Who the customer is, beyond what they buy: signup facts, consents and contacts."""

    facts: dict[str, Known] = {}
    consents: dict[str, Consent] = {}
    contacts: dict[str, int] = {}
    event_ids: list[str] = []


class Run(msgspec.Struct, array_like=True, gc=False):
    """A campaign under way for the customer; `due` is when its next attempt is to be decided."""

    campaign: str
    change: SegmentChanged
    attempt: int
    due: int


class OrderBook(msgspec.Struct):
    """The orders of a customer who has very many: found by id, and written in chunks of which few are touched at once.

    It is kept in memory only, beside `Profile.orders`, which has all of them. `open` are those that are written with
    the profile, in the order in which they came, `chunks` the others by the number of their chunk, `touched` the chunks
    that are no longer as they were written. `refunds` are the refunds seen, by id; `refunds_touched` says whether
    anything of the refunds is no longer as it was written.
    """

    index: dict[str, Order]
    open: list[Order]
    chunks: dict[int, list[Order]]
    touched: set[int]
    refunds: dict[str, SeenRefund]
    refunds_touched: bool = True


class Head(msgspec.Struct, array_like=True, gc=False):
    """The first fields of a profile, which are read without the rest."""

    due: int
    offset: int
    seq: int
    segment: str
