"""The fields that a mapping file can name: those of published events, and those that only an import has."""

from collections.abc import Mapping
from enum import Enum
from typing import Final

CONSENT_CHANNELS: Final = ("email", "sms", "push", "messenger", "call", "all")
FIELDS_BY_KIND: Final[Mapping[str, tuple[str, ...]]] = {
    "purchase": ("order_id", "amount", "currency", "discount", "coupon", "channel", "store_id", "rate"),
    "refund": ("refund_id", "order_id", "amount", "currency", "rate"),
    "signup": ("source", "birth_date", "city", "country", "timezone", "language", "referred_by", "consent"),
    "consent": ("channel", "granted"),
    "contact": ("message_id", "kind", "permanent", "cost", "currency"),
    "erasure": (),
}
"""The fields of each kind of event (docs/topics.md), besides those that all kinds have."""
COMMON_FIELDS: Final = ("event_id", "customer_id", "occurred_at", "backfill", "type")
CONSENT_FIELDS: Final = tuple(f"consent.{channel}" for channel in CONSENT_CHANNELS)
SALES_KINDS: Final = ("purchase", "refund")

KIND_BY_TOPIC: Final[Mapping[str, str | None]] = {
    "events": None,
    **{f"{kind}s": kind for kind in FIELDS_BY_KIND},
}
"""Short names of the source topics; `events` takes every kind."""


class FieldType(Enum):
    """What the cells of a field are read as."""

    TEXT = "text"
    ID = "id"
    MONEY = "money"
    MOMENT = "moment"
    FLAG = "flag"


IMPORT_FIELDS: Final[Mapping[str, str]] = {
    "email": "address of the customer, which serves as customer_id unless `identify` says otherwise",
    "zone": "time zone of occurred_at",
    "quantity": "pieces; with unit_price it replaces amount; returned_quantity needs it",
    "unit_price": "price of a piece",
    "order_reference": "the platform's own number of the order, by which webhooks name it, where order_id is another",
    "refunded": "how much of the order has been refunded so far",
    "refunded_at": "when",
    "returned": "yes: the order, or this line of it, was given back and refunded as a whole",
    "returned_quantity": "how many pieces of this line were given back and refunded; needs quantity",
    "adjusted_amount": "what remains of the order's amount after refunds; 0: not adjusted",
    "status": "state of the order; [status] says which ones count",
    "ordered_amount": "sum of the order where amount is what was paid of it: if nothing was, the order does not count",
    "paid": "no, or a word such as pending: the order does not count; words of refunds as in status",
    "test": "yes: a test order, which is left out",
    "converted_amount": "amount in converted_currency, used if that is the policy's currency and currency is not",
    "converted_currency": "currency of converted_amount",
    "converted_refunded": "refunded in converted_currency",
}
"""Fields that no event has, with their meaning."""

_TYPES: Final[Mapping[FieldType, tuple[str, ...]]] = {
    FieldType.MONEY: (
        "amount",
        "discount",
        "rate",
        "cost",
        "quantity",
        "returned_quantity",
        "unit_price",
        "refunded",
        "adjusted_amount",
        "ordered_amount",
        "converted_amount",
        "converted_refunded",
    ),
    FieldType.MOMENT: ("occurred_at", "refunded_at"),
    FieldType.FLAG: ("granted", "permanent", "backfill", "test", "returned", *CONSENT_FIELDS),
    FieldType.ID: ("customer_id", "email", "order_id", "refund_id"),
}
_TYPE_BY_FIELD: Final = {field: field_type for field_type, fields in _TYPES.items() for field in fields}

ALL_FIELDS: Final = tuple(
    dict.fromkeys(
        (
            *COMMON_FIELDS,
            *(field for fields in FIELDS_BY_KIND.values() for field in fields),
            *CONSENT_FIELDS,
            *IMPORT_FIELDS,
        )
    )
)
"""Every field that a mapping file can name."""


def type_of(field: str) -> FieldType:
    """Return what the cells of a field are read as."""
    return _TYPE_BY_FIELD.get(field, FieldType.TEXT)
