"""What Shopify's webhooks become."""

import hmac
from typing import Any

import pytest

from agents.importing.mapping.mapping import Identify
from agents.serve.hooks.delivery import BadSignature, Delivery
from tests.unit.agents.serve.hooks.hook_deliveries import (
    NOW_MS,
    SECRET,
    event,
    ignored,
    prefixed,
    read,
    receiver,
    refused,
    shopify,
    shopify_order,
    shopify_refund,
    sign,
)

MAIN = receiver("shopify")


def test_a_paid_order_is_a_purchase_with_the_ids_of_an_export() -> None:
    purchase = event(shopify("orders/paid", shopify_order()), MAIN)
    assert purchase.kind == "purchase"
    assert purchase.fields == {
        "event_id": "purchase:#1042",
        "customer_id": "nina.abel@example.com",
        "order_id": "#1042",
        "amount": "58.90",
        "currency": "EUR",
        "discount": "5.00",
        "coupon": "SPRING",
        "channel": "web",
        "store_id": "a.example",
    }
    assert purchase.occurred_at_ms == 1772472011000
    assert purchase.order_reference == "shopify:820982911946154508"
    assert purchase.customer_reference == "shopify:115310627314723954"


@pytest.mark.parametrize("header", ["x-shopify-hmac-sha256", "shopify-hmac-sha256"])
def test_both_spellings_of_the_signature_are_accepted(header: str) -> None:
    delivery = shopify("orders/paid", shopify_order())
    signed = Delivery({"x-shopify-topic": "orders/paid", header: sign(delivery.body)}, delivery.body, NOW_MS)
    assert event(signed, MAIN).order_id == "#1042"


def test_the_old_secret_is_valid_beside_the_new_one() -> None:
    both = receiver("shopify", secrets=("new secret", SECRET))
    assert event(shopify("orders/paid", shopify_order()), both).order_id == "#1042"
    assert event(shopify("orders/paid", shopify_order(), "new secret"), both).order_id == "#1042"


@pytest.mark.parametrize("signature", ["", "AAAA", "é", sign(b"something else")])
def test_a_bad_signature_is_none(signature: str) -> None:
    delivery = shopify("orders/paid", shopify_order(), **{"x-shopify-hmac-sha256": signature})
    assert read(delivery, MAIN) == BadSignature()


def test_a_changed_byte_is_noticed() -> None:
    delivery = shopify("orders/paid", shopify_order())
    assert read(Delivery(delivery.headers, delivery.body + b" ", NOW_MS), MAIN) == BadSignature()


def test_identify_and_source_change_the_ids() -> None:
    by_id = receiver("shopify", identify=Identify("id"), prefixes=prefixed("shop1"))
    purchase = event(shopify("orders/paid", shopify_order()), by_id)
    assert (purchase.customer_id, purchase.order_id) == ("shop1:115310627314723954", "shop1:#1042")
    hashed = receiver("shopify", prefixes=prefixed(key=b"0123456789abcdef"))
    expected = hmac.digest(b"0123456789abcdef", b"nina.abel@example.com", "sha256").hex()
    assert event(shopify("orders/paid", shopify_order()), hashed).customer_id == f"h:{expected}"


@pytest.mark.parametrize(
    "topic", ["orders/updated", "orders/edited", "orders/cancelled", "products/create", "", "orders/PAID/x"]
)
def test_other_topics_are_ignored(topic: str) -> None:
    assert ignored(shopify(topic, shopify_order()), MAIN) == "topic"


@pytest.mark.parametrize("topic", ["customers/data_request", "shop/redact", "app/uninstalled"])
def test_what_an_operator_has_to_do_is_a_warning_without_ids(topic: str) -> None:
    outcomes = read(shopify(topic, {"customer": {"email": "a@example.com"}}), MAIN)
    assert isinstance(outcomes, tuple)
    (only,) = outcomes
    assert "shop" in getattr(only, "warning", "")
    assert "a@example.com" not in repr(only)


@pytest.mark.parametrize(
    ("changes", "reason", "word"),
    [
        ({"total_price": "58.905"}, "amount", "total_price"),
        ({"total_price": "1e999999999"}, "amount", "total_price"),
        ({"total_price": "much"}, "invalid", "total_price"),
        ({"total_price": None}, "invalid", "total_price"),
        ({"currency": "XXQ", "presentment_currency": "XXQ"}, "currency", "XXQ"),
        ({"currency": "GBP", "presentment_currency": "GBP"}, "currency", "GBP"),
        ({"name": None}, "invalid", "order_id"),
        ({"processed_at": "2026-03-02 18:20"}, "invalid", "processed_at"),
        ({"processed_at": "2026-05-20T13:00:00Z"}, "future", "occurred_at"),
        ({"email": "\ud800@example.com"}, "invalid", "Unicode"),
    ],
)
def test_what_is_not_valid_is_refused_with_field_and_value(changes: dict[str, Any], reason: str, word: str) -> None:
    found, detail = refused(shopify("orders/paid", shopify_order(**changes)), MAIN)
    assert found == reason
    assert word in detail


def test_a_refund_sums_up_what_was_given_back_and_waits_for_its_order() -> None:
    refund = event(shopify("refunds/create", shopify_refund()), MAIN)
    assert refund.fields == {
        "event_id": "refund:509562969",
        "refund_id": "509562969",
        "amount": "20.00",
        "currency": "EUR",
    }
    assert refund.names_order
    assert refund.order_reference == "shopify:820982911946154508"


def test_a_refund_that_gives_no_money_back_is_ignored() -> None:
    restocked = shopify_refund(transactions=[])
    assert ignored(shopify("refunds/create", restocked), MAIN) == "nothing_refunded"


def test_a_customer_is_a_signup_with_consents() -> None:
    customer = {
        "id": 7,
        "email": "Ann@example.com",
        "created_at": "2026-03-01T10:00:00Z",
        "email_marketing_consent": {"state": "subscribed"},
        "sms_marketing_consent": {"state": "not_subscribed"},
        "default_address": {"city": "Bern", "country_code": "CH"},
    }
    signup = event(shopify("customers/create", customer), MAIN)
    assert signup.fields == {
        "event_id": "signup:shopify:7",
        "customer_id": "ann@example.com",
        "source": "shopify",
        "city": "Bern",
        "country": "CH",
        "consent": {"email": True},
    }


@pytest.mark.parametrize(("state", "granted"), [("subscribed", True), ("unsubscribed", False)])
def test_a_change_of_consent_is_one(state: str, *, granted: bool) -> None:
    change = {
        "customer_id": 7,
        "email_address": "Ann@example.com",
        "email_marketing_consent": {"state": state, "consent_updated_at": "2026-03-03T10:00:00Z"},
    }
    consent = event(shopify("customers_email_marketing_consent/update", change), MAIN)
    assert (consent.customer_id, consent.fields["channel"], consent.fields["granted"]) == (
        "ann@example.com",
        "email",
        granted,
    )
    change = {"id": 7, "phone": "+41", "sms_marketing_consent": {"state": state}}
    consent = event(shopify("customers_marketing_consent/update", change), MAIN)
    assert (consent.customer_id, consent.fields["channel"], consent.customer_reference) == ("7", "sms", "shopify:7")


@pytest.mark.parametrize("state", ["not_subscribed", "pending", "redacted", "invalid", ""])
def test_other_states_of_a_consent_say_nothing(state: str) -> None:
    change = {"customer_id": 7, "email_address": "a@b.c", "email_marketing_consent": {"state": state}}
    assert ignored(shopify("customers_email_marketing_consent/update", change), MAIN) == "consent_state"


def test_a_redaction_is_an_erasure() -> None:
    request = {"shop_id": 1, "customer": {"id": 7, "email": "Ann@example.com"}, "orders_to_redact": [1]}
    erasure = event(shopify("customers/redact", request), MAIN)
    assert (erasure.kind, erasure.customer_id, erasure.customer_reference) == (
        "erasure",
        "ann@example.com",
        "shopify:7",
    )
    assert erasure.occurred_at_ms == NOW_MS


@pytest.mark.parametrize(
    ("topic", "content"),
    [
        ("orders/paid", shopify_order(id="\ud800")),
        ("orders/paid", shopify_order(customer={"id": "\ud800"})),
        ("refunds/create", shopify_refund(order_id="\ud800")),
        ("customers/create", {"id": "\ud800", "email": "a@b.c"}),
        (
            "customers_email_marketing_consent/update",
            {
                "customer_id": "\ud800",
                "email_address": "a@b.c",
                "email_marketing_consent": {"state": "subscribed"},
            },
        ),
        ("customers/redact", {"customer": {"id": "\ud800", "email": "a@b.c"}}),
    ],
)
def test_a_number_of_the_platform_that_is_no_text_is_refused(topic: str, content: dict[str, Any]) -> None:
    assert refused(shopify(topic, content), MAIN)[0] == "invalid"
