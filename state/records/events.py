"""The records of the journal: what has happened to customers, and the time, policy and campaigns by which it counts.

Moments are milliseconds since 1970-01-01T00:00:00Z; sums of money are integers of minor units. The customer's id is
the record's Kafka key and is not repeated in its value.

A record's value on Kafka is one byte of format version and a msgpack array, whose first element is the record's tag.
The order of the fields below is that format: whoever moves, adds or drops one raises `FORMAT_VERSION`.
"""

from typing import ClassVar, Final, Literal, TypeAlias

import msgspec

MAX_ID: Final = 128
"""Maximum length of an id, in characters."""
FORMAT_VERSION: Final = 2
_READ_VERSIONS: Final = (1, FORMAT_VERSION)
"""Version 1 had no `CustomerReferred`; everything else is written the same."""

Channel: TypeAlias = Literal["email", "sms", "push", "messenger", "call", "all"]
"""A way to reach a customer; `all` stands for every one of the others."""

Contact: TypeAlias = Literal["delivered", "opened", "clicked", "redeemed", "bounced", "unsubscribed", "complained"]
"""What became of a message."""


class SourceEvent(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An event that a shop, a till or a campaign engine published.

    Attributes:
        topic: Short name of the source topic, such as `purchases` or `events`.
        partition: Partition of the source topic.
        offset: Offset in that partition; with the two above, the record's only place of origin.
        event_id: The publisher's id, repeated by its retries.
        occurred_at: When it happened, in milliseconds.
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
        rate: Price of one unit of `currency` in the base currency, as plain decimal text; None if it is the base.
        discount: The sum taken off, in minor units of the base currency at the same rate; 0 if none.
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
    """A refund of an order in whole or in part, or of none in particular.

    Attributes:
        amount: What was given back, in minor units of `currency`; more than 0.
        base: The amount in minor units of the base currency at the refund's own rate; None if it has no rate and
            names an order, whose rate then serves.
        rate: Price of one unit of `currency` in the base currency, as plain decimal text; None if it is the base, or
            if there is none.
        order_id: The order refunded, if it names one.
    """

    kind: ClassVar[Literal["refund"]] = "refund"

    refund_id: str
    amount: int
    currency: str
    base: int | None
    rate: str | None
    order_id: str | None


class CustomerSignedUp(SourceEvent, frozen=True, array_like=True, gc=False, tag="signup"):
    """A customer made themselves known, or told more of themselves.

    Attributes:
        consent: Channel to whether it is granted; a channel that is not there is unknown.
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
    """What became of a message to a customer.

    Attributes:
        contact: The event's `kind`, as publishers write it.
        permanent: Whether a bounce is for good; None if not said.
        cost: What it cost, in minor units of `currency`; None if not said.
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
    same origin and may be in the same journal partition.
    """

    kind: ClassVar[Literal["referral"]] = "referral"


REFERRAL_SUFFIX: Final = "+referrer"


class CustomerErased(SourceEvent, frozen=True, array_like=True, gc=False, tag="erasure"):
    """A customer asked to be forgotten."""

    kind: ClassVar[Literal["erasure"]] = "erasure"


class AnonymousSale(SourceEvent, frozen=True, array_like=True, gc=False, tag="anonymous"):
    """A purchase or refund of nobody known: it counts in the day's totals only.

    Attributes:
        sale: Which of the two it is.
        base: The amount in minor units of the base currency; None for a refund that has no rate and names an order.
        discount: The sum taken off, in minor units of the base currency; 0 if none, and for a refund.
    """

    kind: ClassVar[Literal["anonymous"]] = "anonymous"

    sale: Literal["purchase", "refund"]
    base: int | None
    discount: int


class Tick(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="tick"):
    """Time has come to a moment in this partition of the journal.

    Attributes:
        at: The moment, in milliseconds; one that is not above the partition's time changes nothing.
        advance: Number of the `advance` that asked for it; None for an ordinary tick.
    """

    kind: ClassVar[Literal["tick"]] = "tick"

    at: int
    advance: int | None


class PolicyApplied(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="policy"):
    """A policy came into force.

    Attributes:
        topic: Short name of the topic it was taken from, `control`; `partition` and `offset` are its place there.
        text: The policy's TOML.
    """

    kind: ClassVar[Literal["policy"]] = "policy"

    topic: str
    partition: int
    offset: int
    text: str


class CampaignsApplied(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="campaigns"):
    """A file of campaigns came into force; the fields are those of `PolicyApplied`."""

    kind: ClassVar[Literal["campaigns"]] = "campaigns"

    topic: str
    partition: int
    offset: int
    text: str


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
    """A journal record is of a format version that this program does not know.

    Attributes:
        version: The version it says it is of; None if the value is empty.
    """

    def __init__(self, version: int | None) -> None:
        """Say which version was met, and what to do."""
        super().__init__(
            f"a record has format version {version}, which this program does not know: "
            "run the version of goldstream that wrote it, or a newer one"
        )
        self.version = version


_VERSION_BYTE: Final = bytes([FORMAT_VERSION])
_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final[msgspec.msgpack.Decoder[JournalRecord]] = msgspec.msgpack.Decoder(JournalRecord)


def encode_record(record: JournalRecord) -> bytes:
    """The journal's bytes for a record."""
    return _VERSION_BYTE + _encoder.encode(record)


def decode_record(data: bytes) -> JournalRecord:
    """The record of the journal's bytes.

    Raises:
        UnknownFormat: The format version is another one, or there are no bytes at all.
        msgspec.DecodeError: The version is known, but the rest is not what `encode_record` writes.
    """
    if not data or data[0] not in _READ_VERSIONS:
        raise UnknownFormatVersion(data[0] if data else None)
    return _decoder.decode(data[1:])
