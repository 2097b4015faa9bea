"""Shopify's webhooks: orders, refunds, customers, consents, redactions, as docs/hooks/shopify.md describes them."""

from typing import Final

from agents.importing.events.customer_ids import bounded_id, derived_id
from agents.serve.hooks.base_rates import base_rates
from agents.serve.hooks.delivery import BadSignature, Delivery, HookEvent, Outcomes, Receiver
from agents.serve.hooks.platforms.event_building import (
    build,
    customer_of,
    outcomes_of,
    refund_event_id,
)
from agents.serve.hooks.platforms.payload import Payload, plain_amount, read_minor, read_object
from agents.serve.hooks.platforms.rejection import NotOurs, NotValid
from agents.serve.hooks.platforms.shopify_orders import read_cancelled, read_created, read_paid
from agents.serve.hooks.platforms.shopify_request import (
    PLATFORM,
    TRIGGERED,
    first_of,
    header_of,
    reference_of,
    triggered,
)
from agents.serve.hooks.platforms.signatures import is_signed_base64
from state.records.reasons import RejectionReason

_SIGNATURES: Final = ("x-shopify-hmac-sha256", "shopify-hmac-sha256")
_TOPICS: Final = ("x-shopify-topic", "shopify-topic")
_TESTS: Final = ("x-shopify-test", "shopify-test")
_CONSENTS: Final = {"subscribed": True, "unsubscribed": False}
_WARNINGS: Final = {
    "customers/data_request": "a customer has asked the shop for their data: `goldstream customer ID` shows them",
    "shop/redact": "the shop has removed the app, and Shopify asks to erase its data",
    "app/uninstalled": "the shop has removed the app: nothing will come from it any more",
}


def read_delivery(delivery: Delivery, receiver: Receiver) -> Outcomes:
    """Return what a webhook of Shopify becomes; no bytes raise."""
    signature = header_of(delivery, _SIGNATURES)
    if not is_signed_base64(delivery.body, signature, receiver.hook.secrets):
        return BadSignature()
    return outcomes_of(lambda: _read(delivery, receiver))


def _read(delivery: Delivery, receiver: Receiver) -> list[HookEvent]:
    topic = header_of(delivery, _TOPICS).lower()
    if warning := _WARNINGS.get(topic):
        raise NotOurs(topic.partition("/")[2], warning)
    if topic not in _READERS:
        raise NotOurs("topic")
    if header_of(delivery, _TESTS).lower() == "true":
        raise NotOurs("test")
    return _READERS[topic](read_object(delivery.body), delivery, receiver)


def _refund(refund: Payload, delivery: Delivery, receiver: Receiver) -> list[HookEvent]:
    minor, currency = _given_back(refund)
    minor = _without_gift_cards(minor, refund, currency, receiver)
    prefixes = receiver.hook.prefixes
    refund_id = prefixes.order(own_id) if (own_id := refund.text("id")) else ""
    reference = refund.text("order_id")
    if not reference:
        raise NotValid(RejectionReason.INVALID, "order_id is missing")
    fields = {
        "event_id": refund_event_id(refund_id),
        "refund_id": refund_id,
        "amount": plain_amount(minor, currency),
        "currency": currency,
    }
    at = first_of(refund.moment("processed_at", "created_at"), triggered(delivery), delivery.now_ms)
    order_reference = reference_of(receiver, reference)
    return [_without_order(receiver, fields, at, order_reference)]


def _without_order(receiver: Receiver, fields: dict[str, str], at: int, order_reference: str) -> HookEvent:
    """Return a refund whose order is named by the platform's number only.

    It is checked with that as its order: a refund of an order needs no rate.
    """
    event = build(
        receiver,
        "refund",
        {**fields, "order_id": order_reference},
        at,
        order_reference=order_reference,
        names_order=True,
        base_rates=base_rates(receiver.rules),
    )
    del event.fields["order_id"]
    return event


def _given_back(refund: Payload) -> tuple[int, str]:
    """Return the sum of the transactions that gave money back, and its currency."""
    totals: dict[str, int] = {}
    for transaction in refund.objects("transactions"):
        if transaction.text("kind").lower() != "refund" or transaction.text("status").lower() != "success":
            continue
        if transaction.flag("test"):
            raise NotOurs("test")
        currency = transaction.text("currency")
        totals[currency] = totals.get(currency, 0) + read_minor(transaction.text("amount"), currency, "amount")
    if not totals or (len(totals) == 1 and not any(totals.values())):
        raise NotOurs("nothing_refunded")
    if len(totals) > 1:
        raise NotValid(RejectionReason.CURRENCY, f"transactions must have one currency: got {', '.join(totals)}"[:200])
    ((currency, minor),) = totals.items()
    return minor, currency


def _without_gift_cards(minor: int, refund: Payload, currency: str, receiver: Receiver) -> int:
    """Return what a refund gives back without the gift cards in it, if the hook leaves them out of orders.

    Raises:
        NotOurs: it gives back nothing else.
    """
    if receiver.hook.gift_cards != "skip":
        return minor
    cards = 0
    for line in refund.objects("refund_line_items"):
        if not line.flag("line_item.gift_card"):
            continue
        presented = line.text("subtotal_set.presentment_money.currency_code") == currency
        price = line.text("subtotal_set.presentment_money.amount") if presented else line.text("subtotal")
        cards += read_minor(price, currency, "refund_line_items.subtotal") if price else 0
    if cards and cards >= minor:
        raise NotOurs("gift_card")
    return minor - cards


def _signup(customer: Payload, delivery: Delivery, receiver: Receiver) -> list[HookEvent]:
    own_id = customer.text("id")
    consents = {
        "email": _CONSENTS.get(
            customer.text("email_marketing_consent.state").lower(), customer.flag("accepts_marketing")
        ),
        "sms": _CONSENTS.get(customer.text("sms_marketing_consent.state").lower()),
    }
    address = customer.inner("default_address")
    customer_id = customer_of(receiver.hook, customer.text("email"), own_id)
    fields = {
        "event_id": bounded_id("signup", receiver.hook.prefixes.order(f"{PLATFORM}:{own_id}")) if own_id else "",
        "customer_id": customer_id,
        "source": PLATFORM,
        "city": address.text("city"),
        "country": address.text("country_code"),
        "consent": {channel: granted for channel, granted in consents.items() if granted is not None} or None,
    }
    at = first_of(customer.moment("created_at"), triggered(delivery), delivery.now_ms)
    return [build(receiver, "signup", fields, at, customer_reference=reference_of(receiver, own_id))]


def _email_consent(change: Payload, delivery: Delivery, receiver: Receiver) -> list[HookEvent]:
    own_id = change.text("customer_id", "id")
    email = change.text("email_address", "email")
    return _consent(change.inner("email_marketing_consent"), "email", (email, own_id), delivery, receiver)


def _sms_consent(change: Payload, delivery: Delivery, receiver: Receiver) -> list[HookEvent]:
    own_id = change.text("id", "customer_id")
    return _consent(change.inner("sms_marketing_consent"), "sms", (change.text("email"), own_id), delivery, receiver)


def _consent(
    consent: Payload, channel: str, who: tuple[str, str], delivery: Delivery, receiver: Receiver
) -> list[HookEvent]:
    granted = _CONSENTS.get(consent.text("state").lower())
    if granted is None:
        raise NotOurs("consent_state")
    email, own_id = who
    at = first_of(consent.moment("consent_updated_at"), triggered(delivery), delivery.now_ms)
    customer_id = customer_of(receiver.hook, email, own_id)
    event_id = f"consent:{derived_id(PLATFORM, customer_id, channel, consent.text('consent_updated_at'), granted)}"
    fields = {"event_id": event_id, "customer_id": customer_id, "channel": channel, "granted": granted}
    reference = reference_of(receiver, own_id)
    return [build(receiver, "consent", fields, at, customer_reference=reference, names_reference=not email)]


def _erasure(request: Payload, delivery: Delivery, receiver: Receiver) -> list[HookEvent]:
    own_id = request.text("customer.id")
    customer_id = customer_of(receiver.hook, request.text("customer.email"), own_id)
    event_id = f"erasure:{derived_id(PLATFORM, customer_id, own_id, header_of(delivery, TRIGGERED))}"
    at = first_of(triggered(delivery), delivery.now_ms)
    fields = {"event_id": event_id, "customer_id": customer_id}
    return [build(receiver, "erasure", fields, at, customer_reference=reference_of(receiver, own_id))]


_READERS: Final = {
    "orders/paid": read_paid,
    "orders/create": read_created,
    "orders/cancelled": read_cancelled,
    "refunds/create": _refund,
    "customers/create": _signup,
    "customers_email_marketing_consent/update": _email_consent,
    "customers_marketing_consent/update": _sms_consent,
    "customers/redact": _erasure,
}
