"""Shopify's webhooks about an order: paid, created, cancelled."""

import re
from decimal import Decimal
from typing import Final

from agents.importing.events.customer_ids import bounded_id
from agents.serve.hooks.base_rates import RATE_CONTEXT, base_rates
from agents.serve.hooks.delivery import Delivery, HookEvent, Receiver
from agents.serve.hooks.hook import Hook
from agents.serve.hooks.platforms.event_building import build, customer_of, purchase_event_id, refund_event_id
from agents.serve.hooks.platforms.mapped_row import reads_status
from agents.serve.hooks.platforms.payload import Payload, digits_of, plain_amount, read_minor
from agents.serve.hooks.platforms.rejection import NotOurs
from agents.serve.hooks.platforms.shopify_request import (
    PLATFORM,
    first_of,
    header_of,
    is_test,
    reference_of,
    triggered,
)

_IMPORTED_AFTER_MS: Final = 48 * 3_600_000
"""An order that was processed so long before it was created came from another system."""
_COUNTING: Final = ("counts", "refunded")
_COUNT: Final = re.compile("[0-9]{1,6}")
_VOID: Final = ("voided", "expired")
_GIVEN_BACK: Final = ("partially_refunded", "refunded")
"""States of an order that was paid, even if it is cancelled now: what was given back arrives as `refunds/create`."""
_SHOPS: Final = ("x-shopify-shop-domain", "shopify-shop-domain")


def read_paid(order: Payload, delivery: Delivery, receiver: Receiver) -> list[HookEvent]:
    """Return the purchase of an order that counts."""
    hook = receiver.hook
    if is_test(order):
        raise NotOurs("test")
    status = order.text("financial_status")
    if order.has("cancelled_at") and status.lower() not in _GIVEN_BACK:
        raise NotOurs("cancelled")
    if hook.count == "created":
        if status in _VOID:
            raise NotOurs("status")
    elif status and reads_status(PLATFORM, status) not in _COUNTING:
        raise NotOurs("status")
    minor, currency, discount, rate = _amounts(order)
    minor = _without_gift_cards(minor, order, currency, hook)
    order_id = hook.prefixes.order(name) if (name := order.text("name")) else ""
    own_id = order.text("customer.id")
    channel = order.text("source_name")
    processed, created = order.moment("processed_at"), order.moment("created_at")
    at = first_of(processed, created, triggered(delivery), delivery.now_ms)
    location = order.text("location_id") if channel == "pos" else ""
    shop_currency = order.text("currency")
    fields = {
        "event_id": purchase_event_id(order_id),
        "customer_id": customer_of(hook, order.text("email", "contact_email", "customer.email"), own_id),
        "order_id": order_id,
        "amount": plain_amount(minor, currency),
        "currency": currency,
        "discount": plain_amount(discount, currency) if discount else None,
        "coupon": _coupons(order),
        "channel": channel,
        "store_id": location or header_of(delivery, _SHOPS),
        "rate": base_rates(receiver.rules).of_order(currency, rate, shop_currency),
        "backfill": True
        if processed is not None and created is not None and _was_imported(processed, created)
        else None,
    }
    event = build(
        receiver,
        "purchase",
        fields,
        at,
        order_reference=reference_of(receiver, order.text("id")),
        rate=rate,
        shop_currency=shop_currency if rate else "",
        customer_reference=reference_of(receiver, own_id),
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
    return total, presented, discount, format(RATE_CONTEXT.divide(*major).normalize(), "f")


def _without_gift_cards(minor: int, order: Payload, currency: str, hook: Hook) -> int:
    """Return the sum of an order without the gift cards that it buys, if the hook leaves them out.

    Raises:
        NotOurs: it buys nothing else.
    """
    cards = _gift_cards(order, currency) if hook.gift_cards == "skip" else 0
    if cards and cards >= minor:
        raise NotOurs("gift_card")
    return minor - cards


def _gift_cards(order: Payload, currency: str) -> int:
    """Return what the gift cards in an order cost, after discounts, in minor units of the order's currency."""
    total = 0
    for line in order.objects("line_items"):
        if not line.flag("gift_card"):
            continue
        presented = line.text("price_set.presentment_money.currency_code") == currency
        price = line.text("price_set.presentment_money.amount") if presented else line.text("price")
        quantity = line.text("quantity")
        total += read_minor(price, currency, "line_items.price") * (int(quantity) if _COUNT.fullmatch(quantity) else 1)
        for allocation in line.objects("discount_allocations"):
            amount = allocation.text("amount_set.presentment_money.amount") if presented else allocation.text("amount")
            total -= read_minor(amount, currency, "discount_allocations.amount") if amount else 0
    return total


def read_created(order: Payload, delivery: Delivery, receiver: Receiver) -> list[HookEvent]:
    """Return the purchase of an order that is not paid yet, where such orders count."""
    if receiver.hook.count != "created":
        raise NotOurs("topic")
    return read_paid(order, delivery, receiver)


def read_cancelled(order: Payload, delivery: Delivery, receiver: Receiver) -> list[HookEvent]:
    """Return the refund of an order that counted when it was created, and was never paid.

    What was paid and is given back arrives as `refunds/create`.
    """
    if receiver.hook.count != "created":
        raise NotOurs("topic")
    if is_test(order):
        raise NotOurs("test")
    if reads_status(PLATFORM, order.text("financial_status")) in _COUNTING or next(order.objects("refunds"), None):
        raise NotOurs("paid")
    minor, currency, _, _ = _amounts(order)
    minor = _without_gift_cards(minor, order, currency, receiver.hook)
    order_id = receiver.hook.prefixes.order(name) if (name := order.text("name")) else ""
    refund_id = bounded_id("cancelled", order_id) if order_id else ""
    fields = {
        "event_id": refund_event_id(refund_id),
        "refund_id": refund_id,
        "order_id": order_id,
        "customer_id": customer_of(receiver.hook, order.text("email", "customer.email"), order.text("customer.id")),
        "amount": plain_amount(minor, currency),
        "currency": currency,
    }
    at = first_of(order.moment("cancelled_at"), triggered(delivery), delivery.now_ms)
    reference = reference_of(receiver, order.text("id"))
    return [build(receiver, "refund", fields, at, order_reference=reference, needs_order=True)]


def _was_imported(processed: int, created: int) -> bool:
    return created - processed > _IMPORTED_AFTER_MS


def _discount(text: str, currency: str) -> int:
    return read_minor(text, currency, "total_discounts") if text else 0


def _coupons(order: Payload) -> str:
    codes = [code for each in order.objects("discount_codes") if (code := each.text("code"))]
    return ",".join(codes)[:128]
