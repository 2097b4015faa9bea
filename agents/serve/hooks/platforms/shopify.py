"""Shopify's webhooks: orders, refunds, customers, consents, redactions, as docs/hooks/shopify.md describes them."""

import re
from decimal import Context, Decimal
from typing import Final

from agents.importing.events.customer_ids import bounded_id, derived_id
from agents.serve.hooks.delivery import BadSignature, Delivery, HookEvent, Outcomes, Receiver
from agents.serve.hooks.platforms.event_building import (
    build,
    customer_of,
    outcomes_of,
    purchase_event_id,
    refund_event_id,
)
from agents.serve.hooks.platforms.mapped_row import orders_mapping, reads_status
from agents.serve.hooks.platforms.payload import Payload, digits_of, plain_amount, read_minor, read_object
from agents.serve.hooks.platforms.rejection import NotOurs, NotValid
from agents.serve.hooks.platforms.signatures import is_signed_base64
from state.records.reasons import RejectionReason

PLATFORM: Final = "shopify"
_SIGNATURES: Final = ("x-shopify-hmac-sha256", "shopify-hmac-sha256")
_TOPICS: Final = ("x-shopify-topic", "shopify-topic")
_TRIGGERED: Final = ("x-shopify-triggered-at", "shopify-triggered-at")
_SHOPS: Final = ("x-shopify-shop-domain", "shopify-shop-domain")
_TESTS: Final = ("x-shopify-test", "shopify-test")
_IMPORTED_AFTER_MS: Final = 48 * 3_600_000
"""An order that was processed so long before it was created came from another system."""
_CONSENTS: Final = {"subscribed": True, "unsubscribed": False}
_COUNTING: Final = ("counts", "refunded")
_WARNINGS: Final = {
    "customers/data_request": "a customer has asked the shop for their data: `goldstream customer ID` shows them",
    "shop/redact": "the shop has removed the app, and Shopify asks to erase its data",
    "app/uninstalled": "the shop has removed the app: nothing will come from it any more",
}
_RATE: Final = Context(prec=12)


def read_delivery(delivery: Delivery, receiver: Receiver) -> Outcomes:
    """Return what a webhook of Shopify becomes; no bytes raise."""
    signature = _header(delivery, _SIGNATURES)
    if not is_signed_base64(delivery.body, signature, receiver.hook.secrets):
        return BadSignature()
    return outcomes_of(lambda: _read(delivery, receiver))


def _read(delivery: Delivery, receiver: Receiver) -> list[HookEvent]:
    topic = _header(delivery, _TOPICS).lower()
    if warning := _WARNINGS.get(topic):
        raise NotOurs(topic.partition("/")[2], warning)
    if topic not in _READERS:
        raise NotOurs("topic")
    if _header(delivery, _TESTS).lower() == "true":
        raise NotOurs("test")
    return _READERS[topic](read_object(delivery.body), delivery, receiver)


def _purchase(order: Payload, delivery: Delivery, receiver: Receiver) -> list[HookEvent]:
    hook = receiver.hook
    if _is_test(order):
        raise NotOurs("test")
    if order.has("cancelled_at"):
        raise NotOurs("cancelled")
    status = order.text("financial_status")
    if status and reads_status(PLATFORM, status) not in _COUNTING:
        raise NotOurs("status")
    amounts = _amounts(order)
    minor, currency, discount, rate = amounts
    order_id = hook.prefixes.order(name) if (name := order.text("name")) else ""
    own_id = order.text("customer.id")
    channel = order.text("source_name")
    processed, created = order.moment("processed_at"), order.moment("created_at")
    at = _first(processed, created, _triggered(delivery), delivery.now_ms)
    location = order.text("location_id") if channel == "pos" else ""
    fields = {
        "event_id": purchase_event_id(order_id),
        "customer_id": customer_of(hook, order.text("email", "contact_email", "customer.email"), own_id),
        "order_id": order_id,
        "amount": plain_amount(minor, currency),
        "currency": currency,
        "discount": plain_amount(discount, currency) if discount else None,
        "coupon": _coupons(order),
        "channel": channel,
        "store_id": location or _header(delivery, _SHOPS),
        "rate": rate,
        "backfill": True
        if processed is not None and created is not None and _was_imported(processed, created)
        else None,
    }
    event = build(
        receiver,
        "purchase",
        fields,
        at,
        order_reference=_reference(receiver, order.text("id")),
        rate=rate,
        shop_currency=order.text("currency") if rate else "",
        customer_reference=_reference(receiver, own_id),
    )
    return [event]


def _amounts(order: Payload) -> tuple[int, str, int, str]:
    """Return total, currency, discount and rate: in the buyer's currency, in which refunds come.

    The rate is the price of one unit of it in the shop's currency; empty if they are the same.
    """
    currency = order.text("currency")
    presented = order.text("presentment_currency", "total_price_set.presentment_money.currency_code")
    if presented in ("", currency):
        total = read_minor(order.text("total_price", "current_total_price"), currency, "total_price")
        return total, currency, _discount(order.text("total_discounts"), currency), ""
    money = order.inner("total_price_set.presentment_money")
    total = read_minor(money.text("amount"), presented, "total_price_set.presentment_money.amount")
    shop = read_minor(order.text("total_price_set.shop_money.amount", "total_price"), currency, "total_price")
    discount = _discount(order.text("total_discounts_set.presentment_money.amount"), presented)
    if total <= 0 or shop <= 0:
        return shop, currency, _discount(order.text("total_discounts"), currency), ""
    major = Decimal(shop).scaleb(-digits_of(currency)), Decimal(total).scaleb(-digits_of(presented))
    return total, presented, discount, format(_RATE.divide(*major).normalize(), "f")


def _refund(refund: Payload, delivery: Delivery, receiver: Receiver) -> list[HookEvent]:
    minor, currency = _given_back(refund)
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
    at = _first(refund.moment("processed_at", "created_at"), _triggered(delivery), delivery.now_ms)
    order_reference = _reference(receiver, reference)
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
    at = _first(customer.moment("created_at"), _triggered(delivery), delivery.now_ms)
    return [build(receiver, "signup", fields, at, customer_reference=_reference(receiver, own_id))]


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
    at = _first(consent.moment("consent_updated_at"), _triggered(delivery), delivery.now_ms)
    customer_id = customer_of(receiver.hook, email, own_id)
    event_id = f"consent:{derived_id(PLATFORM, customer_id, channel, consent.text('consent_updated_at'), granted)}"
    fields = {"event_id": event_id, "customer_id": customer_id, "channel": channel, "granted": granted}
    reference = _reference(receiver, own_id)
    return [build(receiver, "consent", fields, at, customer_reference=reference, names_reference=not email)]


def _erasure(request: Payload, delivery: Delivery, receiver: Receiver) -> list[HookEvent]:
    own_id = request.text("customer.id")
    customer_id = customer_of(receiver.hook, request.text("customer.email"), own_id)
    event_id = f"erasure:{derived_id(PLATFORM, customer_id, own_id, _header(delivery, _TRIGGERED))}"
    at = _first(_triggered(delivery), delivery.now_ms)
    fields = {"event_id": event_id, "customer_id": customer_id}
    return [build(receiver, "erasure", fields, at, customer_reference=_reference(receiver, own_id))]


_READERS: Final = {
    "orders/paid": _purchase,
    "refunds/create": _refund,
    "customers/create": _signup,
    "customers_email_marketing_consent/update": _email_consent,
    "customers_marketing_consent/update": _sms_consent,
    "customers/redact": _erasure,
}


def _header(delivery: Delivery, names: tuple[str, ...]) -> str:
    return next((value for name in names if (value := delivery.headers.get(name, "").strip())), "")


def _triggered(delivery: Delivery) -> int | None:
    headers = Payload({"header": _header(delivery, _TRIGGERED)})
    return headers.moment("header")


def _first(*moments: int | None) -> int:
    return next(moment for moment in moments if moment is not None)


def _was_imported(processed: int, created: int) -> bool:
    return created - processed > _IMPORTED_AFTER_MS


def _reference(receiver: Receiver, number: str) -> str:
    """Return a number of Shopify as the order ledger keeps it: two shops cannot have the same, two platforms can."""
    return bounded_id(PLATFORM, receiver.hook.prefixes.order(number)) if number else ""


def _discount(text: str, currency: str) -> int:
    return read_minor(text, currency, "total_discounts") if text else 0


def _coupons(order: Payload) -> str:
    codes = [code for each in order.objects("discount_codes") if (code := each.text("code"))]
    return ",".join(codes)[:128]


def _is_test(order: Payload) -> bool:
    """Whether an order is a test, also by the rule of the import for the gateway that only tests have."""
    if order.flag("test"):
        return True
    names = order.get("payment_gateway_names")
    gateways = [order.text("gateway"), *(names if isinstance(names, list) else ())]
    patterns = [rule.matches for rule in orders_mapping(PLATFORM).rules if rule.reason == "test_order" and rule.matches]
    return any(isinstance(each, str) and re.search(pattern, each) for each in gateways for pattern in patterns)
