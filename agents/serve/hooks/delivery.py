"""What a platform delivers, and what it becomes: events, or the reason why it becomes none."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from agents.serve.hooks.base_rates import BaseRates
from agents.serve.hooks.hook import Hook
from state.intake.admission_result import AdmissionRules
from state.records.reasons import RejectionReason


class Delivery(msgspec.Struct, frozen=True):
    """A request of a platform, as it arrived.

    Attributes:
        headers: with names in lower case.
        body: exactly the bytes that were sent.
        now_ms: when it arrived.
        query: the parameters of its address.
    """

    headers: Mapping[str, str]
    body: bytes
    now_ms: int
    query: Mapping[str, str] = {}


class Receiver(msgspec.Struct, frozen=True):
    """Who reads a delivery.

    Attributes:
        hook: its settings.
        rules: of admission.
        latest_ms: the latest admissible moment; None: there is none.
    """

    hook: Hook
    rules: AdmissionRules
    latest_ms: int | None = None


class HookEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event that a delivery contains, admissible as it is.

    Attributes:
        kind: `purchase`, `refund`, `signup`, `consent`, `contact` or `erasure`.
        fields: all fields that are published, but `type` and `occurred_at`.
        occurred_at_ms: its moment, in milliseconds since 1970.
        refunded_minor: of a refund whose delivery tells how much is refunded of the order in all, that sum after this
            refund, in minor units.
        order_reference: the platform's own number of the order, where it has one besides the order's id.
        rate: of a purchase, the price of one unit of its currency in the shop's; empty: it is the shop's currency.
        shop_currency: of a purchase with a rate, the shop's currency.
        base_rates: of a refund whose order may have a rate, the policy's; None: it arrived before they were noted.
        customer_reference: the platform's own id of the customer, where an address may serve as id.
        names_reference: whether the delivery names the customer by that alone.
        names_order: whether the customer is that of the order, whom the delivery does not name.
        needs_order: whether it counts only if its order is known, such as a cancellation.
    """

    kind: str
    fields: dict[str, Any]
    occurred_at_ms: int
    refunded_minor: int | None = None
    order_reference: str = ""
    rate: str = ""
    shop_currency: str = ""
    base_rates: BaseRates | None = None
    customer_reference: str = ""
    names_reference: bool = False
    names_order: bool = False
    needs_order: bool = False

    @property
    def customer_id(self) -> str:
        """The customer; empty: nobody, or that of the order."""
        return self.fields.get("customer_id") or ""

    @property
    def needs_customer(self) -> bool:
        """Whether there is no such event without a customer."""
        return self.kind not in ("purchase", "refund")

    @property
    def order_id(self) -> str:
        """The order; empty if there is none, or only its reference is known."""
        return self.fields.get("order_id") or ""


class Ignored(msgspec.Struct, frozen=True):
    """Something that is none of our events.

    Attributes:
        reason: one word for the metric.
        warning: what the operator should know of it; empty: nothing.
    """

    reason: str
    warning: str = ""


class Refused(msgspec.Struct, frozen=True):
    """Something that would be one of our events, but is not valid.

    Attributes:
        reason: as on the topic `rejected`.
        detail: the field and the value.
        value: the event, if it could be written; otherwise empty: what was delivered takes its place.
    """

    reason: RejectionReason
    detail: str
    value: bytes = b""


class BadSignature(msgspec.Struct, frozen=True):
    """The delivery does not come from the platform, or is signed with another secret."""


Outcome: TypeAlias = HookEvent | Ignored | Refused
Outcomes: TypeAlias = tuple[Outcome, ...] | BadSignature
