"""WooCommerce's webhooks: orders with their refunds, customers, as docs/hooks/woocommerce.md describes them.

A delivery holds the whole order as it is when it is sent, as an export does: what it says of refunds is a total, and
each refund is known by the total after it.
"""

from typing import Final
from urllib.parse import urlsplit

from agents.importing.events.customer_ids import bounded_id, refunded_id
from agents.importing.rows.refund_lists import in_order, with_totals
from agents.serve.hooks.delivery import BadSignature, Delivery, HookEvent, Ignored, Outcomes, Receiver
from agents.serve.hooks.platforms.event_building import (
    build,
    customer_of,
    outcomes_of,
    purchase_event_id,
    refund_event_id,
)
from agents.serve.hooks.platforms.mapped_row import MappedRow, orders_mapping
from agents.serve.hooks.platforms.payload import Payload, plain_amount, read_minor, read_moment, read_object
from agents.serve.hooks.platforms.rejection import NotOurs
from agents.serve.hooks.platforms.signatures import is_signed_base64

PLATFORM: Final = "woocommerce"
_ORDER_TOPICS: Final = ("order.created", "order.updated", "order.restored")
_PING: Final = b"webhook_id="
_PING_DIGITS: Final = 20
_WITHDRAWN: Final = ("cancelled", "failed", "trash")
"""States in which an order that counted before counts no more."""


def read_delivery(delivery: Delivery, receiver: Receiver) -> Outcomes:
    """Return what a webhook of WooCommerce becomes; no bytes raise."""
    if is_ping(delivery.body):
        return (Ignored("ping"),)
    headers = delivery.headers
    if not is_signed_base64(delivery.body, headers.get("x-wc-webhook-signature", ""), receiver.hook.secrets):
        return BadSignature()
    return outcomes_of(lambda: _read(delivery, receiver))


def _read(delivery: Delivery, receiver: Receiver) -> list[HookEvent]:
    topic = delivery.headers.get("x-wc-webhook-topic", "").strip().lower()
    if topic in _ORDER_TOPICS:
        return _order(read_object(delivery.body), delivery, receiver)
    if topic == "customer.created":
        return [_signup(read_object(delivery.body), delivery, receiver)]
    raise NotOurs("topic")


def is_ping(body: bytes) -> bool:
    """Whether a body is the unsigned one that WooCommerce sends when a webhook is saved."""
    number = body[len(_PING) :]
    return body.startswith(_PING) and number.isdigit() and len(number) <= _PING_DIGITS


def _order(order: Payload, delivery: Delivery, receiver: Receiver) -> list[HookEvent]:
    row = MappedRow(order, orders_mapping(PLATFORM))
    status = row.status()
    is_withdrawn = status == "skip" and order.text("status").removeprefix("wc-") in _WITHDRAWN
    if status not in ("counts", "refunded") and not is_withdrawn:
        raise NotOurs("status")
    hook = receiver.hook
    currency = row.text("currency")
    minor = read_minor(row.number("amount"), currency, "total")
    order_id = hook.prefixes.order(number) if (number := row.text("order_id")) else ""
    own_id = row.text("customer_id")
    customer_id = customer_of(hook, row.text("email"), own_id)
    modified = _moment(order, "date_modified_gmt")
    paid = row.moment("occurred_at")
    at = next(moment for moment in (paid, modified, delivery.now_ms) if moment is not None)
    common = {"customer_id": customer_id, "order_id": order_id, "currency": currency}
    events: list[HookEvent] = []
    if not is_withdrawn:
        fields = {
            "event_id": purchase_event_id(order_id),
            **common,
            "amount": plain_amount(minor, currency),
            "discount": _discount(order, row, currency),
            "coupon": ",".join(code for each in order.objects("coupon_lines") if (code := each.text("code")))[:128],
            "channel": row.text("channel"),
            "store_id": urlsplit(delivery.headers.get("x-wc-webhook-source", "")).hostname or "",
        }
        events.append(build(receiver, "purchase", fields, at))
    gives_all_back = is_withdrawn or status == "refunded"
    totals = refund_totals(order, currency)
    if gives_all_back and minor > 0 and not (totals and not is_withdrawn) and (totals or [0])[-1] < minor:
        totals.append(minor)
    before = 0
    for total in totals:
        refund_id = refunded_id(order_id, plain_amount(total, currency))
        fields = {
            "event_id": refund_event_id(refund_id),
            "refund_id": refund_id,
            **common,
            "amount": plain_amount(total - before, currency),
        }
        refund_at = at if modified is None else max(at, modified)
        events.append(build(receiver, "refund", fields, refund_at, refunded_minor=total, needs_order=is_withdrawn))
        before = total
    return events


def refund_totals(order: Payload, currency: str) -> list[int]:
    """Return what was refunded of an order in all after each of its refunds, in minor units, the earliest first."""
    refunds = map(Payload, in_order(each.content for each in order.objects("refunds")))
    amounts = (abs(read_minor(each.text("total"), currency, "refunds.total")) for each in refunds)
    return [total for _, total in with_totals(filter(None, amounts))]


def _discount(order: Payload, row: MappedRow, currency: str) -> str | None:
    text = row.number("discount")
    if not text:
        return None
    minor = read_minor(text, currency, "discount_total")
    if order.flag("prices_include_tax") and (tax := order.text("discount_tax")):
        minor += read_minor(tax, currency, "discount_tax")
    return plain_amount(minor, currency) if minor else None


def _moment(payload: Payload, path: str) -> int | None:
    """Return a moment in UTC that is written without an offset."""
    text = payload.text(path)
    return read_moment(text if text.endswith("Z") else f"{text}Z", path) if text else None


def _signup(customer: Payload, delivery: Delivery, receiver: Receiver) -> HookEvent:
    if (role := customer.text("role")) and role != "customer":
        raise NotOurs("role")
    hook, own_id = receiver.hook, customer.text("id")
    created = _moment(customer, "date_created_gmt")
    fields = {
        "event_id": bounded_id("signup", hook.prefixes.order(f"{PLATFORM}:{own_id}")) if own_id else "",
        "customer_id": customer_of(hook, customer.text("email", "billing.email"), own_id),
        "source": PLATFORM,
        "city": customer.text("billing.city"),
        "country": customer.text("billing.country"),
    }
    return build(receiver, "signup", fields, delivery.now_ms if created is None else created)
