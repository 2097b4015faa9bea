"""The published events as they usually come, read the fast way.

Each source has a struct that msgspec fills in one pass, money and rates as the bytes that they are. What these structs
take is an event, the same one that `state.intake.validation` finds; whatever else makes them raise,
`state.intake.validation` judges. So a rule is never softer here than there; a property test holds the two together.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Meta, Raw

from state.intake.admission_result import AdmissionRules, Admitted
from state.intake.money_parsing import ABSENT, NULL, NeedsValidation, digits_of, in_base, rate_of, sum_of
from state.records.events import (
    MAX_ID,
    AnonymousSale,
    Channel,
    ConsentChanged,
    Contact,
    CustomerErased,
    CustomerSignedUp,
    MessageContacted,
    OrderPlaced,
    OrderRefunded,
)
from state.units.timestamps import is_birth_date, is_zone_name, parse_rfc3339

Id: TypeAlias = Annotated[str, Meta(min_length=1, max_length=MAX_ID)]
IdIfAny: TypeAlias = Annotated[str, Meta(max_length=MAX_ID)] | None


class Published(msgspec.Struct, kw_only=True, gc=False):
    """What every event has."""

    event_id: Id
    occurred_at: str
    backfill: bool | None = None

    def head(self, topic: str, partition: int, offset: int) -> tuple[str, int, int, str, int, bool]:
        """The fields with which every event begins."""
        return topic, partition, offset, self.event_id, parse_rfc3339(self.occurred_at), self.backfill is True


class Purchase(Published, kw_only=True, gc=False):
    """An event of `purchases`."""

    order_id: Id
    amount: Raw
    currency: str
    customer_id: IdIfAny = None
    discount: Raw = ABSENT
    rate: Raw = ABSENT
    coupon: str | None = None
    channel: str | None = None
    store_id: str | None = None

    def judge(self, topic: str, partition: int, offset: int, exchange: AdmissionRules) -> Admitted:
        """The purchase as an event."""
        currency = self.currency
        occurred_at = parse_rfc3339(self.occurred_at)
        if currency == exchange.currency and self.rate is ABSENT:
            rate = None
            base = amount = sum_of(self.amount, exchange.digits)
            discount = 0 if self.discount is ABSENT else sum_of(self.discount, exchange.digits, 0)
        else:
            digits = digits_of(currency)
            rate = rate_of(self.rate, currency, exchange)
            amount = sum_of(self.amount, digits)
            base = in_base(amount, digits, rate, exchange)
            discount = in_base(sum_of(self.discount, digits, 0), digits, rate, exchange)
        customer_id = self.customer_id
        backfill = self.backfill is True
        if not customer_id:
            sale = AnonymousSale(
                topic, partition, offset, self.event_id, occurred_at, backfill, "purchase", base, discount
            )
            return Admitted("", sale)
        return Admitted(
            customer_id,
            OrderPlaced(
                topic,
                partition,
                offset,
                self.event_id,
                occurred_at,
                backfill,
                self.order_id,
                amount,
                currency,
                base,
                rate,
                discount,
                self.coupon or None,
                self.channel or None,
                self.store_id or None,
            ),
        )


class Refund(Published, kw_only=True, gc=False):
    """An event of `refunds`."""

    refund_id: Id
    amount: Raw
    currency: str
    customer_id: IdIfAny = None
    rate: Raw = ABSENT
    order_id: IdIfAny = None

    def judge(self, topic: str, partition: int, offset: int, exchange: AdmissionRules) -> Admitted:
        """The refund as an event."""
        head = self.head(topic, partition, offset)
        currency, order_id = self.currency, self.order_id or None
        digits = digits_of(currency)
        amount = sum_of(self.amount, digits)
        if amount == 0:
            raise NeedsValidation
        rate = rate_of(self.rate, currency, exchange, required=order_id is None)
        has_base = rate is not None or currency == exchange.currency
        base = in_base(amount, digits, rate, exchange) if has_base else None
        if not self.customer_id:
            return Admitted("", AnonymousSale(*head, "refund", base, 0))
        return Admitted(self.customer_id, OrderRefunded(*head, self.refund_id, amount, currency, base, rate, order_id))


class Signup(Published, kw_only=True, gc=False):
    """An event of `signups`."""

    customer_id: Id
    source: str | None = None
    consent: dict[Channel, bool | None] | None = None
    birth_date: str | None = None
    city: str | None = None
    country: str | None = None
    timezone: str | None = None
    language: str | None = None
    referred_by: str | None = None

    def judge(self, topic: str, partition: int, offset: int, exchange: AdmissionRules) -> Admitted:
        """The signup as an event."""
        if self.birth_date and not is_birth_date(self.birth_date):
            raise NeedsValidation
        if self.timezone and not is_zone_name(self.timezone, exchange.zones):
            raise NeedsValidation
        consent = {channel: flag for channel, flag in (self.consent or {}).items() if flag is not None}
        event = CustomerSignedUp(
            *self.head(topic, partition, offset),
            source=self.source or None,
            consent=consent or None,
            birth_date=self.birth_date or None,
            city=self.city or None,
            country=self.country or None,
            timezone=self.timezone or None,
            language=self.language or None,
            referred_by=self.referred_by or None,
        )
        return Admitted(self.customer_id, event)


class Consent(Published, kw_only=True, gc=False):
    """An event of `consents`."""

    customer_id: Id
    channel: Channel
    granted: bool

    def judge(self, topic: str, partition: int, offset: int, _exchange: AdmissionRules) -> Admitted:
        """The consent as an event."""
        event = ConsentChanged(*self.head(topic, partition, offset), self.channel, self.granted)
        return Admitted(self.customer_id, event)


class Response(Published, kw_only=True, gc=False):
    """An event of `contacts`."""

    customer_id: Id
    message_id: Annotated[str, Meta(min_length=1)]
    kind: Contact
    permanent: bool | None = None
    cost: Raw = ABSENT
    currency: str | None = None

    def judge(self, topic: str, partition: int, offset: int, _exchange: AdmissionRules) -> Admitted:
        """The contact as an event."""
        head = self.head(topic, partition, offset)
        digits = None if self.currency is None else digits_of(self.currency)
        cost = None
        if self.cost is not ABSENT and self.cost != NULL:
            if digits is None:
                raise NeedsValidation
            cost = sum_of(self.cost, digits)
        event = MessageContacted(*head, self.message_id, self.kind, self.permanent, cost, self.currency)
        return Admitted(self.customer_id, event)


class Erasure(Published, kw_only=True, gc=False):
    """An event of `erasures`."""

    customer_id: Id

    def judge(self, topic: str, partition: int, offset: int, _exchange: AdmissionRules) -> Admitted:
        """The erasure as an event."""
        return Admitted(self.customer_id, CustomerErased(*self.head(topic, partition, offset)))


class _PurchaseOfAny(Purchase, tag="purchase", tag_field="type", kw_only=True, gc=False):
    """A purchase of `events`."""


class _RefundOfAny(Refund, tag="refund", tag_field="type", kw_only=True, gc=False):
    """A refund of `events`."""


class _SignupOfAny(Signup, tag="signup", tag_field="type", kw_only=True, gc=False):
    """A signup of `events`."""


class _ConsentOfAny(Consent, tag="consent", tag_field="type", kw_only=True, gc=False):
    """A consent of `events`."""


class _ResponseOfAny(Response, tag="contact", tag_field="type", kw_only=True, gc=False):
    """A contact of `events`."""


class _ErasureOfAny(Erasure, tag="erasure", tag_field="type", kw_only=True, gc=False):
    """An erasure of `events`."""


AnyPublished: TypeAlias = Purchase | Refund | Signup | Consent | Response | Erasure
_AnyOfEvents: TypeAlias = _PurchaseOfAny | _RefundOfAny | _SignupOfAny | _ConsentOfAny | _ResponseOfAny | _ErasureOfAny

READERS: Final[Mapping[str, Callable[[bytes], AnyPublished]]] = {
    "purchases": msgspec.json.Decoder(Purchase).decode,
    "refunds": msgspec.json.Decoder(Refund).decode,
    "signups": msgspec.json.Decoder(Signup).decode,
    "consents": msgspec.json.Decoder(Consent).decode,
    "contacts": msgspec.json.Decoder(Response).decode,
    "erasures": msgspec.json.Decoder(Erasure).decode,
    "events": msgspec.json.Decoder(_AnyOfEvents).decode,
}
"""Short name of each source to the reader of its values, which raises ValueError for what is not as it usually is."""
