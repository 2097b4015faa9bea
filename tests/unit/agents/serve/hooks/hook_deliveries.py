"""Deliveries of made-up shops, signed as the platforms sign them."""

import base64
import hmac
import json
from decimal import Decimal
from typing import Any

from agents.importing.events.customer_ids import IdPrefixes
from agents.serve.hooks.delivery import Delivery, HookEvent, Ignored, Outcomes, Receiver, Refused
from agents.serve.hooks.hook import Hook
from agents.serve.hooks.platforms.catalog import READERS
from state.intake.admission_result import AdmissionRules
from state.units.timestamps import parse_rfc3339

SECRET = "shpss_0123456789abcdef"  # noqa: S105 - of shops that do not exist
NOW_MS = parse_rfc3339("2026-05-20T12:00:00Z")
RULES = AdmissionRules("EUR", 2, {"USD": Decimal("0.9")})


def receiver(platform: str, **settings: Any) -> Receiver:
    hook = Hook(platform, "main", settings.pop("secrets", (SECRET,)), **settings)
    return Receiver(hook, RULES, NOW_MS + 300_000)


def prefixed(source: str = "", key: bytes | None = None) -> IdPrefixes:
    return IdPrefixes(source, key)


def sign(body: bytes, secret: str = SECRET) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()


def shopify(topic: str, content: Any, secret: str = SECRET, **headers: str) -> Delivery:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    own = {"x-shopify-topic": topic, "x-shopify-hmac-sha256": sign(body, secret), "x-shopify-shop-domain": "a.example"}
    return Delivery({**own, **headers}, body, NOW_MS)


def woocommerce(topic: str, content: Any, secret: str = SECRET) -> Delivery:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    headers = {
        "x-wc-webhook-topic": topic,
        "x-wc-webhook-signature": sign(body, secret),
        "x-wc-webhook-source": "https://shop.example/",
    }
    return Delivery(headers, body, NOW_MS)


def segment(content: Any, secret: str = SECRET) -> Delivery:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Delivery({"x-signature": hmac.digest(secret.encode(), body, "sha1").hex()}, body, NOW_MS)


def ga4(content: Any, **query: str) -> Delivery:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Delivery({}, body, NOW_MS, {"api_secret": SECRET, **query})


def read(delivery: Delivery, who: Receiver) -> Outcomes:
    return READERS[who.hook.platform](delivery, who)


def events(outcomes: Outcomes) -> list[HookEvent]:
    assert isinstance(outcomes, tuple), outcomes
    found = [each for each in outcomes if isinstance(each, HookEvent)]
    assert len(found) == len(outcomes), outcomes
    return found


def event(delivery: Delivery, who: Receiver) -> HookEvent:
    (only,) = events(read(delivery, who))
    return only


def ignored(delivery: Delivery, who: Receiver) -> str:
    outcomes = read(delivery, who)
    assert isinstance(outcomes, tuple)
    (only,) = outcomes
    assert isinstance(only, Ignored), only
    return only.reason


def refused(delivery: Delivery, who: Receiver) -> tuple[str, str]:
    outcomes = read(delivery, who)
    assert isinstance(outcomes, tuple)
    (only,) = outcomes
    assert isinstance(only, Refused), only
    return only.reason.value, only.detail


def shopify_order(**fields: Any) -> dict[str, Any]:
    return {
        "id": 820982911946154508,
        "name": "#1042",
        "email": " Nina.Abel@Example.com ",
        "created_at": "2026-03-02T18:19:40+01:00",
        "processed_at": "2026-03-02T18:20:11+01:00",
        "financial_status": "paid",
        "currency": "EUR",
        "presentment_currency": "EUR",
        "total_price": "58.90",
        "total_discounts": "5.00",
        "discount_codes": [{"code": "SPRING", "amount": "5.00", "type": "fixed_amount"}],
        "source_name": "web",
        "test": False,
        "cancelled_at": None,
        "payment_gateway_names": ["shopify_payments"],
        "customer": {"id": 115310627314723954, "email": "nina.abel@example.com"},
        **fields,
    }


def shopify_refund(**fields: Any) -> dict[str, Any]:
    return {
        "id": 509562969,
        "order_id": 820982911946154508,
        "created_at": "2026-03-05T09:00:00+01:00",
        "processed_at": "2026-03-05T09:00:01+01:00",
        "transactions": [
            {"kind": "refund", "status": "success", "amount": "20.00", "currency": "EUR", "test": False},
            {"kind": "refund", "status": "failure", "amount": "5.00", "currency": "EUR"},
        ],
        **fields,
    }


def woocommerce_order(**fields: Any) -> dict[str, Any]:
    return {
        "id": 3108,
        "parent_id": 0,
        "status": "processing",
        "currency": "EUR",
        "date_created_gmt": "2026-02-11T17:45:09",
        "date_paid_gmt": "2026-02-11T17:45:30",
        "date_modified_gmt": "2026-02-12T08:00:00",
        "discount_total": "5.00",
        "discount_tax": "0.95",
        "prices_include_tax": False,
        "total": "66.00",
        "customer_id": 0,
        "created_via": "checkout",
        "billing": {"email": "Lee@Example.org"},
        "coupon_lines": [{"code": "five"}],
        "refunds": [],
        **fields,
    }
