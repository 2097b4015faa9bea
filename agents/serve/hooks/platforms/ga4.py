"""Google Analytics 4's Measurement Protocol. docs/hooks/ga4.md describes it for shops."""

import re
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
from agents.serve.hooks.platforms.mapped_row import orders_mapping
from agents.serve.hooks.platforms.payload import Payload, plain_amount, read_minor, read_object
from agents.serve.hooks.platforms.rejection import NotOurs, NotValid
from agents.serve.hooks.platforms.signatures import is_one_of
from state.intake.field_errors import show
from state.records.reasons import RejectionReason

PLATFORM: Final = "ga4"
MAX_EVENTS: Final = 25
"""Of one request, as at Google."""
_MICROS: Final = re.compile(r"([0-9]{16})(?:\.[0-9]{1,9})?")
"""Microseconds since 1970: fewer digits are another unit. A fraction is what floats have made of them."""
_MICROS_PER_MS: Final = 1_000


def read_delivery(delivery: Delivery, receiver: Receiver) -> Outcomes:
    """Return what a request of the Measurement Protocol becomes; no bytes raise."""
    hook, query = receiver.hook, delivery.query
    is_ours = is_one_of(query.get("api_secret", ""), hook.secrets)
    if hook.measurement_id:
        is_ours &= is_one_of(query.get("measurement_id", ""), [hook.measurement_id])
    if not is_ours:
        return BadSignature()
    return outcomes_of(lambda: _read(delivery, receiver))


def _read(delivery: Delivery, receiver: Receiver) -> Iterator[Outcome]:
    content = read_object(delivery.body)
    events = list(content.objects("events"))
    if not events:
        raise NotOurs("no_events")
    if len(events) > MAX_EVENTS:
        raise NotValid(RejectionReason.OVERSIZE, f"events must have at most {MAX_EVENTS}: got {len(events)}")
    for event in events:
        yield from outcomes_of(partial(_read_event, event, content, delivery, receiver))


def _read_event(event: Payload, content: Payload, delivery: Delivery, receiver: Receiver) -> list[HookEvent]:
    name = event.text("name")
    words = orders_mapping(PLATFORM).words
    customer_id = customer_of(receiver.hook, "", content.text("user_id"), orders_mapping(PLATFORM).guests)
    if name not in (*words["purchase"], *words["refund"], "sign_up"):
        raise NotOurs("event")
    stated_at = _moment(event, content)
    at = delivery.now_ms if stated_at is None else stated_at
    params = event.inner("params")
    if name in words["purchase"]:
        return [_purchase(params, customer_id, at, receiver)]
    if name in words["refund"]:
        return [_refund(params, customer_id, at, stated_at, receiver)]
    return [_signup(params, customer_id, at, stated_at, receiver)]


def _purchase(params: Payload, customer_id: str, at: int, receiver: Receiver) -> HookEvent:
    order_id = _order_id(params, receiver)
    currency = params.text("currency").upper()
    discount = sum(_discount(item, currency) for item in params.objects("items"))
    fields = {
        "event_id": purchase_event_id(order_id),
        "customer_id": customer_id,
        "order_id": order_id,
        "amount": plain_amount(read_minor(params.text("value"), currency, "value"), currency),
        "currency": currency,
        "discount": plain_amount(discount, currency) if discount > 0 else None,
        "coupon": params.text("coupon"),
        "store_id": params.text("affiliation"),
        "channel": "web",
    }
    return build(receiver, "purchase", fields, at)


def _refund(params: Payload, customer_id: str, at: int, stated_at: int | None, receiver: Receiver) -> HookEvent:
    order_id = _order_id(params, receiver)
    currency = params.text("currency").upper()
    minor = abs(read_minor(params.text("value"), currency, "value"))
    prefixes = receiver.hook.prefixes
    own_id = params.text("refund_id")
    refund_id = prefixes.order(
        own_id or refund_of_order_id(params.text("transaction_id"), stated_at, minor, currency, 1)
    )
    fields = {
        "event_id": refund_event_id(refund_id),
        "customer_id": customer_id,
        "refund_id": refund_id,
        "order_id": order_id,
        "amount": plain_amount(minor, currency),
        "currency": currency,
    }
    return build(receiver, "refund", fields, at, names_order=not customer_id)


def _signup(params: Payload, customer_id: str, at: int, stated_at: int | None, receiver: Receiver) -> HookEvent:
    event_id = bounded_id("signup", derived_id(PLATFORM, customer_id, stated_at))
    fields = {"event_id": event_id, "customer_id": customer_id, "source": params.text("method")}
    return build(receiver, "signup", fields, at)


def _order_id(params: Payload, receiver: Receiver) -> str:
    """Return the id of the order.

    Raises:
        NotValid: there is none.
    """
    number = params.text("transaction_id")
    if not number or number.lower() == "(not set)":
        raise NotValid(RejectionReason.INVALID, "transaction_id is missing")
    return receiver.hook.prefixes.order(number)


def _discount(item: Payload, currency: str) -> int:
    """Return what was deducted for an item: `discount` is for one piece."""
    text, quantity = item.text("discount"), item.text("quantity") or "1"
    if not text or not quantity.isdecimal() or len(quantity) > 6:
        return 0
    return read_minor(text, currency, "discount") * int(quantity)


def _moment(event: Payload, content: Payload) -> int | None:
    """Return the moment of an event, in milliseconds; None if nothing states it.

    Raises:
        NotValid: what states it is no number of microseconds.
    """
    for payload in (event, content):
        value = payload.get("timestamp_micros")
        if value is None or value == "":
            continue
        found = _MICROS.fullmatch(payload.text("timestamp_micros"))
        if found is None:
            form = "microseconds since 1970, such as 1778832000123456"
            raise NotValid(RejectionReason.INVALID, f"timestamp_micros must be {form}: got {show(str(value))}")
        return int(found[1]) // _MICROS_PER_MS
    return None
