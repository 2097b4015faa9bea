"""The thorough judgement of a published record: which event it is, or the first reason that it is none.

It decides every record that `state.intake.event_schemas` did not take at once, and agrees with it on those that it did.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple, cast, get_args

from state.intake.admission_result import AdmissionRules, Admitted, Rejected
from state.intake.field_reader import FieldReader
from state.intake.json_payload import read_object
from state.intake.prices import Prices
from state.records.events import (
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
from state.units.timestamps import format_ms, is_birth_date, is_zone_name

KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "purchases": "purchase",
        "refunds": "refund",
        "signups": "signup",
        "consents": "consent",
        "contacts": "contact",
        "erasures": "erasure",
    }
)
"""Short name of a source to the kind of its events; `events` has events of every kind."""

_CHANNELS: Final = get_args(Channel)
_CONTACTS: Final = get_args(Contact)


class _Head(NamedTuple):
    """What every event begins with."""

    topic: str
    partition: int
    offset: int
    event_id: str
    occurred_at: int
    backfill: bool


def validate(
    source: str, partition: int, offset: int, value: bytes | None, exchange: AdmissionRules, latest_ms: int | None
) -> Admitted | Rejected:
    """The event that a value holds, or the first reason that it holds none; the arguments are those of `admit`."""
    found = read_object(value)
    if isinstance(found, Rejected):
        return found
    fields = FieldReader(found)
    kind = KINDS[source] if source != "events" else fields.choice("type", tuple(KINDS.values()))
    event_id = fields.identifier("event_id")
    occurred_at = fields.moment("occurred_at")
    if latest_ms is not None and occurred_at > latest_ms:
        fields.blame("future", "occurred_at", f"must be at most {format_ms(latest_ms)}")
    backfill = fields.flag("backfill") is True
    head = _Head(source, partition, offset, event_id, occurred_at, backfill)
    judge = _JUDGES.get(kind)
    admitted = judge(fields, head, exchange) if judge is not None else None
    rejected = fields.verdict()
    if rejected is not None:
        return rejected
    assert admitted is not None  # a kind that is none of the known ones has been blamed
    return admitted


def _purchase(fields: FieldReader, head: _Head, exchange: AdmissionRules) -> Admitted:
    customer_id = fields.identifier_if_any("customer_id")
    order_id = fields.identifier("order_id")
    prices = Prices(fields, exchange)
    amount = prices.sum("amount", required=True) or 0
    rate = prices.rate(required=True)
    base = prices.in_base("amount", amount, rate)
    discount = prices.in_base("discount", prices.sum("discount") or 0, rate)
    coupon, channel, store_id = fields.text("coupon"), fields.text("channel"), fields.text("store_id")
    if not customer_id:
        return Admitted("", AnonymousSale(*head, "purchase", base, discount))
    event = OrderPlaced(*head, order_id, amount, prices.currency, base, rate, discount, coupon, channel, store_id)
    return Admitted(customer_id, event)


def _refund(fields: FieldReader, head: _Head, exchange: AdmissionRules) -> Admitted:
    customer_id = fields.identifier_if_any("customer_id")
    refund_id = fields.identifier("refund_id")
    order_id = fields.identifier_if_any("order_id") or None
    prices = Prices(fields, exchange)
    amount = prices.sum("amount", required=True, least=1) or 0
    rate = prices.rate(required=order_id is None)
    base = prices.in_base("amount", amount, rate) if prices.is_base or rate is not None else None
    if not customer_id:
        return Admitted("", AnonymousSale(*head, "refund", base, 0))
    return Admitted(customer_id, OrderRefunded(*head, refund_id, amount, prices.currency, base, rate, order_id))


def _signup(fields: FieldReader, head: _Head, exchange: AdmissionRules) -> Admitted:
    event = CustomerSignedUp(
        *head,
        source=fields.text("source"),
        consent=cast("dict[Channel, bool] | None", fields.flags("consent", _CHANNELS)),
        birth_date=fields.text("birth_date", "must be a date such as 1990-12-31", is_birth_date),
        city=fields.text("city"),
        country=fields.text("country"),
        timezone=fields.text(
            "timezone",
            "must be an IANA time zone such as Europe/Moscow",
            lambda name: is_zone_name(name, exchange.zones),
        ),
        language=fields.text("language"),
        referred_by=fields.text("referred_by"),
    )
    return Admitted(fields.identifier("customer_id"), event)


def _consent(fields: FieldReader, head: _Head, _exchange: AdmissionRules) -> Admitted:
    channel = cast("Channel", fields.choice("channel", _CHANNELS))
    granted = fields.flag("granted", required=True) is True
    return Admitted(fields.identifier("customer_id"), ConsentChanged(*head, channel, granted))


def _contact(fields: FieldReader, head: _Head, exchange: AdmissionRules) -> Admitted:
    customer_id = fields.identifier("customer_id")
    message_id = fields.identifier("message_id", most=None)
    contact = cast("Contact", fields.choice("kind", _CONTACTS))
    permanent = fields.flag("permanent")
    if fields.is_absent("currency") and fields.is_absent("cost"):
        return Admitted(customer_id, MessageContacted(*head, message_id, contact, permanent, None, None))
    prices = Prices(fields, exchange)
    cost = prices.sum("cost")
    return Admitted(customer_id, MessageContacted(*head, message_id, contact, permanent, cost, prices.currency))


def _erasure(fields: FieldReader, head: _Head, _exchange: AdmissionRules) -> Admitted:
    return Admitted(fields.identifier("customer_id"), CustomerErased(*head))


_JUDGES: Final[Mapping[str, Callable[[FieldReader, _Head, AdmissionRules], Admitted]]] = MappingProxyType(
    {
        "purchase": _purchase,
        "refund": _refund,
        "signup": _signup,
        "consent": _consent,
        "contact": _contact,
        "erasure": _erasure,
    }
)
