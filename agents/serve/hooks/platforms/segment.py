"""Segment's events, by its Webhooks destination or its own API. docs/hooks/segment.md describes them for shops."""

from collections.abc import Iterator
from functools import partial
from typing import Final

from agents.importing.events.customer_ids import bounded_id, derived_id, refund_of_order_id
from agents.serve.hooks.delivery import BadSignature, Delivery, HookEvent, Outcome, Outcomes, Receiver
from agents.serve.hooks.platforms.event_building import (
    build,
    customer_of,
    outcomes_of,
    purchase_event_id,
    refund_event_id,
)
from agents.serve.hooks.platforms.mapped_row import MappedRow, orders_mapping
from agents.serve.hooks.platforms.payload import Payload, as_object, plain_amount, read_minor, read_object
from agents.serve.hooks.platforms.rejection import NotOurs, NotValid
from agents.serve.hooks.platforms.signatures import is_signed_sha1
from state.records.reasons import RejectionReason

PLATFORM: Final = "segment"
MAX_BATCH: Final = 1_000
_SIGNUPS: Final = ("signed up", "account created")
_CONTACTS: Final = {
    "email delivered": "delivered",
    "email opened": "opened",
    "email link clicked": "clicked",
    "email bounced": "bounced",
    "email marked as spam": "complained",
    "unsubscribed": "unsubscribed",
}


def read_delivery(delivery: Delivery, receiver: Receiver) -> Outcomes:
    """Return what a delivery of Segment's Webhooks destination becomes; no bytes raise."""
    if not is_signed_sha1(delivery.body, delivery.headers.get("x-signature", ""), receiver.hook.secrets):
        return BadSignature()
    return read_call("", delivery, receiver)


def read_call(call: str, delivery: Delivery, receiver: Receiver) -> tuple[Outcome, ...]:
    """Return what a call of Segment's API becomes; the caller is authenticated. No bytes raise.

    Args:
        call: `track`, `identify` or `batch`; empty: the body tells.
        delivery: the call.
        receiver: who reads it.
    """
    return outcomes_of(lambda: _read_call(call, delivery, receiver))


def _read_call(call: str, delivery: Delivery, receiver: Receiver) -> Iterator[Outcome]:
    content = read_object(delivery.body)
    batch = content.get("batch")
    if isinstance(batch, list) and len(batch) > MAX_BATCH:
        detail = f"batch must have at most {MAX_BATCH} messages: got {len(batch)}"
        raise NotValid(RejectionReason.OVERSIZE, detail)
    kind = "" if call == "batch" else call
    for message in batch if isinstance(batch, list) else (content.content,):
        yield from outcomes_of(partial(_read_message, kind, message, delivery, receiver))


def _read_message(call: str, message: object, delivery: Delivery, receiver: Receiver) -> list[HookEvent]:
    payload = as_object(message)
    kind = call or payload.text("type").lower() or ("track" if payload.has("event") else "")
    if kind == "track":
        return _track(payload, delivery, receiver)
    if kind == "identify":
        return _identify(payload, delivery, receiver)
    raise NotOurs("call")


def _track(message: Payload, delivery: Delivery, receiver: Receiver) -> list[HookEvent]:
    row = MappedRow(message, orders_mapping(PLATFORM))
    name = message.text("event").lower()
    found = row.moment("occurred_at")
    at = delivery.now_ms if found is None else found
    if name in _SIGNUPS:
        return [_signup(message, at, receiver)]
    if name in _CONTACTS:
        return [_contact(message, _CONTACTS[name], at, receiver)]
    if name.startswith("segment consent preference"):
        return _consents(message, at, receiver)
    kind = row.kind()
    if kind == "purchase":
        return [_purchase(row, at, receiver)]
    if kind in ("refund", "cancel"):
        return [_refund(row, at, found, receiver, is_cancelled=kind == "cancel")]
    raise NotOurs("event")


def _purchase(row: MappedRow, at: int, receiver: Receiver) -> HookEvent:
    order_id, customer_id = _ids(row, receiver)
    currency = row.text("currency").upper()
    fields = {
        "event_id": row.text("event_id") or purchase_event_id(order_id),
        "customer_id": customer_id,
        "order_id": order_id,
        "amount": plain_amount(read_minor(row.number("amount"), currency, "amount"), currency),
        "currency": currency,
        "discount": _discount(row, currency),
        "coupon": row.text("coupon"),
        "store_id": row.text("store_id"),
    }
    return build(receiver, "purchase", fields, at)


def _refund(row: MappedRow, at: int, stated_at: int | None, receiver: Receiver, *, is_cancelled: bool) -> HookEvent:
    order_id, customer_id = _ids(row, receiver)
    currency = row.text("currency").upper()
    minor = abs(read_minor(row.number("amount"), currency, "amount"))
    prefixes = receiver.hook.prefixes
    if is_cancelled:
        refund_id = f"{order_id}:cancelled"
    elif own_id := row.refund_text("refund_id"):
        refund_id = prefixes.order(own_id)
    else:
        refund_id = prefixes.order(refund_of_order_id(row.text("order_id"), stated_at, minor, currency, 1))
    fields = {
        "event_id": refund_event_id(refund_id),
        "customer_id": customer_id,
        "refund_id": refund_id,
        "order_id": order_id,
        "amount": plain_amount(minor, currency),
        "currency": currency,
    }
    return build(receiver, "refund", fields, at, needs_order=is_cancelled, names_order=not customer_id)


def _ids(row: MappedRow, receiver: Receiver) -> tuple[str, str]:
    """Return the ids of order and customer.

    Raises:
        NotValid: there is no order.
    """
    number = row.text("order_id")
    if not number:
        raise NotValid(RejectionReason.INVALID, "order_id is missing")
    return receiver.hook.prefixes.order(number), _customer(row.text("customer_id"), receiver)


def _customer(user_id: str, receiver: Receiver) -> str:
    return customer_of(receiver.hook, "", user_id, orders_mapping(PLATFORM).guests)


def _discount(row: MappedRow, currency: str) -> str | None:
    text = row.number("discount")
    return plain_amount(minor, currency) if text and (minor := abs(read_minor(text, currency, "discount"))) else None


def _identify(message: Payload, delivery: Delivery, receiver: Receiver) -> list[HookEvent]:
    found = message.moment("timestamp", "originalTimestamp", "receivedAt")
    at = delivery.now_ms if found is None else found
    events = _consents(message, at, receiver) if _granted(message, receiver) else []
    created = message.text("traits.createdAt", "traits.created_at")
    if created:
        signed_up = message.moment("traits.createdAt", "traits.created_at")
        assert signed_up is not None
        events.append(_signup(message, signed_up, receiver, created))
    if not events:
        raise NotOurs("traits")
    return events


def _signup(message: Payload, at: int, receiver: Receiver, created: str = "") -> HookEvent:
    customer_id = _customer(message.text("userId"), receiver)
    traits = message.inner("traits") if message.has("traits") else message.inner("context.traits")
    event_id = f"signup:{derived_id(customer_id, created)}" if created else message.text("messageId")
    fields = {
        "event_id": event_id or f"signup:{derived_id(customer_id, at)}",
        "customer_id": customer_id,
        "source": message.text("properties.type", "context.campaign.source"),
        "birth_date": traits.text("birthday")[:10],
        "city": traits.text("address.city"),
        "country": traits.text("address.country"),
        "language": message.text("context.locale").replace("_", "-").partition("-")[0],
        "timezone": message.text("context.timezone"),
    }
    return build(receiver, "signup", fields, at)


def _granted(message: Payload, receiver: Receiver) -> dict[str, bool]:
    found = {channel: message.flag(path) for channel, path in receiver.hook.consents.items()}
    return {channel: granted for channel, granted in found.items() if granted is not None}


def _consents(message: Payload, at: int, receiver: Receiver) -> list[HookEvent]:
    customer_id = _customer(message.text("userId"), receiver)
    granted = _granted(message, receiver)
    if not granted:
        raise NotOurs("consent")
    message_id = message.text("messageId", "timestamp")
    events = []
    for channel, is_granted in granted.items():
        event_id = f"consent:{derived_id(customer_id, channel, message_id, is_granted)}"
        fields = {"event_id": event_id, "customer_id": customer_id, "channel": channel, "granted": is_granted}
        events.append(build(receiver, "consent", fields, at))
    return events


def _contact(message: Payload, kind: str, at: int, receiver: Receiver) -> HookEvent:
    message_id = message.text("properties.message_id")
    if not message_id:
        raise NotOurs("foreign_message")
    event_id = message.text("messageId") or bounded_id("contact", derived_id(message_id, kind, at))
    customer_id = _customer(message.text("userId"), receiver)
    fields = {"event_id": event_id, "customer_id": customer_id, "message_id": message_id, "kind": kind}
    return build(receiver, "contact", fields, at)
