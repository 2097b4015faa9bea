"""The published events: their fields as msgspec reads them from JSON, and their conversion to journal records.

A struct has the fields of one kind of event, in the order in which errors are reported. A type's description says what
a value must be. Numbers are kept as the bytes that were published (`Raw`).

`to_event` reports what the types cannot express to `errors`, then continues with placeholders.
"""

from typing import Annotated, Final, TypeAlias, get_args

import msgspec
from msgspec import Meta, Raw

from state.intake.admission_result import AdmissionRules
from state.intake.field_errors import FieldErrors
from state.intake.field_parsing import (
    ABSENT,
    NULL,
    NUMBER_EXPECTED,
    check_currency,
    is_absent,
    parse_amount,
    parse_moment,
    rate_of,
    to_base,
)
from state.records.events import (
    MAX_ID,
    MAX_IMPORT_ID,
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
from state.records.reasons import RejectionReason
from state.units.timestamps import is_birth_date, is_zone_name

_INVALID: Final = RejectionReason.INVALID
_ID_EXPECTED: Final = f"must be a string of 1 to {MAX_ID} characters"
_BIRTH_DATE_EXPECTED: Final = "must be a date such as 1990-12-31"
_ZONE_EXPECTED: Final = "must be an IANA time zone such as Europe/Moscow"
_CHANNELS: Final = ", ".join(get_args(Channel))

Id: TypeAlias = Annotated[str, Meta(min_length=1, max_length=MAX_ID, description=_ID_EXPECTED)]
OptionalId: TypeAlias = Annotated[Annotated[str, Meta(max_length=MAX_ID)] | None, Meta(description=_ID_EXPECTED)]
ImportId: TypeAlias = Annotated[
    Annotated[str, Meta(min_length=1, max_length=MAX_IMPORT_ID)] | None,
    Meta(description=f"must be a string of 1 to {MAX_IMPORT_ID} characters"),
]
MessageId: TypeAlias = Annotated[str, Meta(min_length=1, description="must be a string of at least 1 character")]
Moment: TypeAlias = Annotated[
    str, Meta(description="must be an RFC 3339 moment with an offset, such as 2026-05-12T09:30:00Z")
]
Currency: TypeAlias = Annotated[str, Meta(description="must be a string")]
Text: TypeAlias = Annotated[str | None, Meta(description="must be a string")]
Flag: TypeAlias = Annotated[bool, Meta(description="must be true or false")]
OptionalFlag: TypeAlias = Annotated[bool | None, Meta(description="must be true or false")]
Number: TypeAlias = Annotated[Raw, Meta(description=NUMBER_EXPECTED)]
ChannelName: TypeAlias = Annotated[Channel, Meta(description=f"must be one of {_CHANNELS}")]
ContactKind: TypeAlias = Annotated[Contact, Meta(description=f"must be one of {', '.join(get_args(Contact))}")]
Consents: TypeAlias = Annotated[
    dict[Channel, bool | None] | None, Meta(description=f"must hold true or false for any of {_CHANNELS}")
]
BirthDate: TypeAlias = Annotated[str | None, Meta(description=_BIRTH_DATE_EXPECTED)]
Zone: TypeAlias = Annotated[str | None, Meta(description=_ZONE_EXPECTED)]


class PublishedEvent(msgspec.Struct, kw_only=True, gc=False):
    """The fields of every event."""

    event_id: Id
    customer_id: OptionalId = None
    occurred_at: Moment
    backfill: OptionalFlag = None
    import_id: ImportId = None

    def origin(
        self, topic: str, partition: int, offset: int, latest_ms: int | None, errors: FieldErrors
    ) -> tuple[str, int, int, str, int, bool]:
        """Return the fields with which every journal record of an event begins."""
        occurred_at = parse_moment(self.occurred_at, latest_ms, errors)
        return topic, partition, offset, self.event_id, occurred_at, self.backfill is True


class Purchase(PublishedEvent, kw_only=True, gc=False):
    """An event of `purchases`."""

    order_id: Id
    amount: Number = ABSENT
    currency: Currency
    discount: Number = ABSENT
    coupon: Text = None
    channel: Text = None
    store_id: Text = None
    rate: Number = ABSENT

    def to_event(
        self, topic: str, partition: int, offset: int, rules: AdmissionRules, latest_ms: int | None, errors: FieldErrors
    ) -> OrderPlaced | AnonymousSale:
        """Return the order, or the anonymous sale. It is written out for speed, since most events are purchases."""
        occurred_at = parse_moment(self.occurred_at, latest_ms, errors)
        currency, rate = self.currency, None
        base = amount = parse_amount("amount", self.amount, currency, errors)
        discount = 0
        if self.discount is not ABSENT and self.discount != NULL:
            discount = parse_amount("discount", self.discount, currency, errors)
        if currency != rules.currency or self.rate is not ABSENT:
            rate = rate_of(self.rate, currency, rules, errors)
            base = to_base("amount", amount, currency, rate, rules, errors)
            discount = discount and to_base("discount", discount, currency, rate, rules, errors)
        backfill = self.backfill is True
        if not self.customer_id:
            return AnonymousSale(
                topic,
                partition,
                offset,
                self.event_id,
                occurred_at,
                backfill,
                "purchase",
                base,
                discount,
                import_id=self.import_id,
            )
        return OrderPlaced(
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
            import_id=self.import_id,
        )


class Refund(PublishedEvent, kw_only=True, gc=False):
    """An event of `refunds`."""

    refund_id: Id
    amount: Number = ABSENT
    currency: Currency
    order_id: OptionalId = None
    rate: Number = ABSENT

    def to_event(
        self, topic: str, partition: int, offset: int, rules: AdmissionRules, latest_ms: int | None, errors: FieldErrors
    ) -> OrderRefunded | AnonymousSale:
        """Return the refund, or the anonymous sale."""
        origin = self.origin(topic, partition, offset, latest_ms, errors)
        currency, order_id = self.currency, self.order_id or None
        amount = parse_amount("amount", self.amount, currency, errors, 1)
        rate = rate_of(self.rate, currency, rules, errors, required=order_id is None)
        has_base = rate is not None or currency == rules.currency
        base = to_base("amount", amount, currency, rate, rules, errors) if has_base else None
        if not self.customer_id:
            return AnonymousSale(*origin, "refund", base, 0, import_id=self.import_id)
        return OrderRefunded(*origin, self.refund_id, amount, currency, base, rate, order_id, import_id=self.import_id)


class Signup(PublishedEvent, kw_only=True, gc=False):
    """An event of `signups`."""

    customer_id: Id
    source: Text = None
    consent: Consents = None
    birth_date: BirthDate = None
    city: Text = None
    country: Text = None
    timezone: Zone = None
    language: Text = None
    referred_by: Text = None

    def to_event(
        self, topic: str, partition: int, offset: int, rules: AdmissionRules, latest_ms: int | None, errors: FieldErrors
    ) -> CustomerSignedUp:
        """Return the signup. A channel whose consent is null is unknown."""
        if self.birth_date and not is_birth_date(self.birth_date):
            errors.add_error(_INVALID, "birth_date", _BIRTH_DATE_EXPECTED)
        if self.timezone and not is_zone_name(self.timezone, rules.zones):
            errors.add_error(_INVALID, "timezone", _ZONE_EXPECTED)
        consent = {channel: granted for channel, granted in (self.consent or {}).items() if granted is not None}
        return CustomerSignedUp(
            *self.origin(topic, partition, offset, latest_ms, errors),
            source=self.source or None,
            consent=consent or None,
            birth_date=self.birth_date or None,
            city=self.city or None,
            country=self.country or None,
            timezone=self.timezone or None,
            language=self.language or None,
            referred_by=self.referred_by or None,
            import_id=self.import_id,
        )


class Consent(PublishedEvent, kw_only=True, gc=False):
    """An event of `consents`."""

    customer_id: Id
    channel: ChannelName
    granted: Flag

    def to_event(
        self,
        topic: str,
        partition: int,
        offset: int,
        _rules: AdmissionRules,
        latest_ms: int | None,
        errors: FieldErrors,
    ) -> ConsentChanged:
        """Return the consent."""
        origin = self.origin(topic, partition, offset, latest_ms, errors)
        return ConsentChanged(*origin, self.channel, self.granted, import_id=self.import_id)


class MessageContact(PublishedEvent, kw_only=True, gc=False):
    """An event of `contacts`."""

    customer_id: Id
    message_id: MessageId
    kind: ContactKind
    permanent: OptionalFlag = None
    cost: Number = ABSENT
    currency: Text = None

    def to_event(
        self,
        topic: str,
        partition: int,
        offset: int,
        _rules: AdmissionRules,
        latest_ms: int | None,
        errors: FieldErrors,
    ) -> MessageContacted:
        """Return the contact. A cost needs a currency; a currency needs no cost."""
        origin = self.origin(topic, partition, offset, latest_ms, errors)
        cost, currency = None, self.currency
        if currency is not None:
            check_currency(currency, errors)
        if not is_absent(self.cost):
            if currency is None:
                errors.add_error(_INVALID, "currency", "must be a string")
            else:
                cost = parse_amount("cost", self.cost, currency, errors)
        return MessageContacted(
            *origin, self.message_id, self.kind, self.permanent, cost, currency, import_id=self.import_id
        )


class Erasure(PublishedEvent, kw_only=True, gc=False):
    """An event of `erasures`."""

    customer_id: Id

    def to_event(
        self,
        topic: str,
        partition: int,
        offset: int,
        _rules: AdmissionRules,
        latest_ms: int | None,
        errors: FieldErrors,
    ) -> CustomerErased:
        """Return the erasure."""
        return CustomerErased(*self.origin(topic, partition, offset, latest_ms, errors), import_id=self.import_id)


AnyPublished: TypeAlias = Purchase | Refund | Signup | Consent | MessageContact | Erasure
