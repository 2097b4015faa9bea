"""The records of the journal: customer events, ticks, policies and campaigns.

Times are milliseconds since 1970-01-01T00:00:00Z; amounts are integers of minor units. The customer's id is the
record's Kafka key and is not part of its value.

A record's value is one byte of format version and a MessagePack array whose first element is the record's tag. The
order of the fields is the format: after moving, adding or removing a field raise `FORMAT_VERSION`.

Records of earlier formats are read. A rule that is newer than a record does not apply to it, so that a replay publishes
what was published: `format_version` and the absence of a horizon tell.
"""

from typing import ClassVar, Final, Literal, TypeAlias

import msgspec

MAX_ID: Final = 128
"""Maximum length of an id, in characters."""
MAX_IMPORT_ID: Final = 64
"""Maximum length of an import's id, in characters."""
FORMAT_VERSION: Final = 3
_EARLIER_VERSIONS: Final = (1, 2)
"""Version 1 had no `CustomerReferred`. Version 2 ended before the fields of `Arrival`, and before `begins_at` of
campaigns."""

Channel: TypeAlias = Literal["email", "sms", "push", "messenger", "call", "all"]
"""A channel to reach a customer; `all` stands for every other one."""

CHANNELS: Final = ("email", "sms", "push", "messenger", "call")
"""Every channel."""

Contact: TypeAlias = Literal["delivered", "opened", "clicked", "redeemed", "bounced", "unsubscribed", "complained"]
"""How a customer, or a mail server, responded to a message."""


class Arrival(msgspec.Struct, frozen=True, array_like=True, gc=False, kw_only=True):
    """What `admit` notes of an event besides its fields. These are the last fields of a record.

    Attributes:
        horizon: Of a backfill event: the moment before which the customer's past counts as history. In wall mode the
            clock at admission, in event mode `occurred_at`; a replay copies it. None of other events, and of those in
            earlier formats.
        import_id: The import that the event came with; None if it came with none.
        format_version: Version of the format in which `admit` wrote the record; a replay copies it.
    """

    horizon: int | None = None
    import_id: str | None = None
    format_version: int = FORMAT_VERSION


class SourceEvent(Arrival, frozen=True, array_like=True, gc=False):
    """An event published by a shop, a till or a campaign engine.

    Attributes:
        topic: Short name of the source topic, such as `purchases` or `events`.
        partition: Partition of the source topic.
        offset: Offset in that partition. Topic, partition and offset identify the source record.
        event_id: The publisher's id; retries repeat it.
        occurred_at: When it happened.
        backfill: Whether this is history, which changes state but triggers no campaign.
    """

    topic: str
    partition: int
    offset: int
    event_id: str
    occurred_at: int
    backfill: bool


class OrderPlaced(SourceEvent, frozen=True, array_like=True, gc=False, tag="purchase"):
    """A purchase.

    Attributes:
        amount: What was paid, after discounts, in minor units of `currency`; at least 0.
        base: The amount in minor units of the base currency.
        rate: Price of one unit of `currency` in the base currency, as decimal text; None if it is the base currency.
        discount: The sum deducted, in minor units of the base currency at the same rate; 0 if none.
    """

    kind: ClassVar[Literal["purchase"]] = "purchase"

    order_id: str
    amount: int
    currency: str
    base: int
    rate: str | None
    discount: int
    coupon: str | None
    channel: str | None
    store_id: str | None


class OrderRefunded(SourceEvent, frozen=True, array_like=True, gc=False, tag="refund"):
    """A full or partial refund of an order, or a refund of no order in particular.

    Attributes:
        amount: What was refunded, in minor units of `currency`; more than 0.
        base: The amount in minor units of the base currency at the refund's own rate. None if the refund has no rate
            and names an order, whose rate applies.
        rate: Price of one unit of `currency` in the base currency, as decimal text; None if it is the base currency or
            the refund has no rate.
        order_id: The refunded order; None if the refund names none.
    """

    kind: ClassVar[Literal["refund"]] = "refund"

    refund_id: str
    amount: int
    currency: str
    base: int | None
    rate: str | None
    order_id: str | None


class CustomerSignedUp(SourceEvent, frozen=True, array_like=True, gc=False, tag="signup"):
    """A customer signed up, or changed what a signup contains.

    Attributes:
        consent: Channel to whether it is granted; a missing channel is unknown.
        birth_date: `YYYY-MM-DD`.
        timezone: IANA name.
    """

    kind: ClassVar[Literal["signup"]] = "signup"

    source: str | None
    consent: dict[Channel, bool] | None
    birth_date: str | None
    city: str | None
    country: str | None
    timezone: str | None
    language: str | None
    referred_by: str | None


class ConsentChanged(SourceEvent, frozen=True, array_like=True, gc=False, tag="consent"):
    """A customer granted or refused a channel, or all of them."""

    kind: ClassVar[Literal["consent"]] = "consent"

    channel: Channel
    granted: bool


class MessageContacted(SourceEvent, frozen=True, array_like=True, gc=False, tag="contact"):
    """The response to a message, or its delivery.

    Attributes:
        contact: The field `kind` of the published event.
        permanent: Whether a bounce is permanent; None if not given.
        cost: Cost of the message in minor units of `currency`; None if not given.
    """

    kind: ClassVar[Literal["contact"]] = "contact"

    message_id: str
    contact: Contact
    permanent: bool | None
    cost: int | None
    currency: str | None


class CustomerReferred(SourceEvent, frozen=True, array_like=True, gc=False, tag="referral"):
    """Another customer's signup named this customer as the referrer.

    All fields are those of the signup, except that `topic` ends with `REFERRAL_SUFFIX`: signup and referral have the
    same origin and may be in the same journal partition. It has no horizon, since it is not the referrer's past.
    """

    kind: ClassVar[Literal["referral"]] = "referral"


REFERRAL_SUFFIX: Final = "+referrer"


class CustomerErased(SourceEvent, frozen=True, array_like=True, gc=False, tag="erasure"):
    """A customer asked to be erased."""

    kind: ClassVar[Literal["erasure"]] = "erasure"


class AnonymousSale(SourceEvent, frozen=True, array_like=True, gc=False, tag="anonymous"):
    """A purchase or refund without a customer. It counts in the daily totals only.

    Attributes:
        sale: Whether it is a purchase or a refund.
        base: The amount in minor units of the base currency; None for a refund that has no rate and names an order.
        discount: The sum deducted, in minor units of the base currency; 0 if none, and for a refund.
    """

    kind: ClassVar[Literal["anonymous"]] = "anonymous"

    sale: Literal["purchase", "refund"]
    base: int | None
    discount: int


class Tick(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="tick"):
    """Time advances to a moment in this journal partition.

    Attributes:
        at: The moment; one that is not after the partition's watermark changes nothing.
        advance: Number of the `advance` command that requested the tick; None for other ticks.
    """

    kind: ClassVar[Literal["tick"]] = "tick"

    at: int
    advance: int | None


class PolicyApplied(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="policy"):
    """A policy is activated.

    Attributes:
        topic: Short name of the topic that it is from, `control`; `partition` and `offset` are its position there.
        text: The policy's TOML.
    """

    kind: ClassVar[Literal["policy"]] = "policy"

    topic: str
    partition: int
    offset: int
    text: str


class CampaignsApplied(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="campaigns"):
    """A campaigns file is activated. The other fields are those of `PolicyApplied`.

    Attributes:
        begins_at: Changes that are effective earlier start nothing, unless the file itself says when it starts; None
            for no such limit, as in earlier formats.
    """

    kind: ClassVar[Literal["campaigns"]] = "campaigns"

    topic: str
    partition: int
    offset: int
    text: str
    begins_at: int | None = None


CustomerEvent: TypeAlias = (
    OrderPlaced
    | OrderRefunded
    | CustomerSignedUp
    | ConsentChanged
    | MessageContacted
    | CustomerReferred
    | CustomerErased
)
JournalRecord: TypeAlias = CustomerEvent | AnonymousSale | Tick | PolicyApplied | CampaignsApplied


class UnknownFormatVersion(ValueError):
    """A stored record has a format version that this program does not know.

    Attributes:
        version: The record's version; None if the value is empty.
    """

    def __init__(self, version: int | None) -> None:
        super().__init__(
            f"a record has format version {version}, which this program does not know: "
            "run the version of goldstream that wrote it, or a newer one"
        )
        self.version = version


_VERSION_BYTE: Final = bytes([FORMAT_VERSION])
_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final[msgspec.msgpack.Decoder[JournalRecord]] = msgspec.msgpack.Decoder(JournalRecord)


def encode_record(record: JournalRecord) -> bytes:
    """Return the value of a journal record."""
    return _VERSION_BYTE + _encoder.encode(record)


def decode_record(data: bytes) -> JournalRecord:
    """Return the record of a value of the journal.

    Raises:
        UnknownFormatVersion: The format version is unknown, or the value is empty.
        msgspec.DecodeError: The version is known, but `encode_record` did not write the rest.
    """
    if data and data[0] == FORMAT_VERSION:
        return _decoder.decode(data[1:])
    if not data or data[0] not in _EARLIER_VERSIONS:
        raise UnknownFormatVersion(data[0] if data else None)
    record = _decoder.decode(data[1:])
    return msgspec.structs.replace(record, format_version=data[0]) if isinstance(record, SourceEvent) else record
