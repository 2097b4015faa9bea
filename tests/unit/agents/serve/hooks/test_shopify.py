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


def test_an_order_without_an_address_is_the_customers_own_id() -> None:
    order = shopify_order(email=None, customer={"id": 115310627314723954})
    assert event(shopify("orders/paid", order), MAIN).customer_id == "115310627314723954"


def test_an_order_of_nobody_is_anonymous() -> None:
    assert event(shopify("orders/paid", shopify_order(email="", customer=None)), MAIN).customer_id == ""


def test_identify_and_source_change_the_ids() -> None:
    by_id = receiver("shopify", identify=Identify("id"), prefixes=prefixed("shop1"))
    purchase = event(shopify("orders/paid", shopify_order()), by_id)
    assert (purchase.customer_id, purchase.order_id) == ("shop1:115310627314723954", "shop1:#1042")
    hashed = receiver("shopify", prefixes=prefixed(key=b"0123456789abcdef"))
    expected = hmac.digest(b"0123456789abcdef", b"nina.abel@example.com", "sha256").hex()
    assert event(shopify("orders/paid", shopify_order()), hashed).customer_id == f"h:{expected}"


def test_a_buyers_currency_comes_with_the_rate_to_the_shops() -> None:
    order = shopify_order(
        presentment_currency="USD",
        total_price="58.90",
        total_price_set={
            "shop_money": {"amount": "58.90", "currency_code": "EUR"},
            "presentment_money": {"amount": "64.79", "currency_code": "USD"},
        },
        total_discounts_set={"presentment_money": {"amount": "5.50", "currency_code": "USD"}},
    )
    fields = event(shopify("orders/paid", order), MAIN).fields
    assert (fields["amount"], fields["currency"], fields["rate"], fields["discount"]) == (
        "64.79",
        "USD",
        "0.909090909091",
        "5.50",
    )


def _presented(shop: str, shop_amount: str, buyer: str, buyer_amount: str) -> dict[str, Any]:
    """Return an order in the currencies of shop and buyer."""
    return shopify_order(
        currency=shop,
        presentment_currency=buyer,
        total_price=shop_amount,
        total_price_set={
            "shop_money": {"amount": shop_amount, "currency_code": shop},
            "presentment_money": {"amount": buyer_amount, "currency_code": buyer},
        },
    )


@pytest.mark.parametrize(
    ("shop", "buyer", "published", "to_shop"),
    [
        ("EUR", "GBP", "1.25", "1.25"),  # the shop's currency is the policy's
        ("USD", "GBP", "1.125", "1.25"),  # times the policy's rate of the shop's currency
        ("USD", "EUR", None, "1.25"),  # the buyer's currency is the policy's
    ],
)
def test_a_rate_leads_to_the_currency_of_the_policy(shop: str, buyer: str, published: str | None, to_shop: str) -> None:
    purchase = event(shopify("orders/paid", _presented(shop, "100.00", buyer, "80.00")), MAIN)
    assert (purchase.fields["amount"], purchase.fields["currency"]) == ("80.00", buyer)
    assert purchase.fields.get("rate") == published
    assert (purchase.rate, purchase.shop_currency) == (to_shop, shop)


def test_an_order_whose_currencies_the_policy_has_not_is_refused() -> None:
    assert refused(shopify("orders/paid", _presented("CHF", "100.00", "GBP", "80.00")), MAIN)[0] == "currency"


@pytest.mark.parametrize("status", ["refunded", "partially_refunded"])
def test_an_order_that_was_paid_counts_although_it_is_cancelled_now(status: str) -> None:
    order = shopify_order(cancelled_at="2026-03-02T19:00:00+01:00", financial_status=status)
    assert event(shopify("orders/paid", order), MAIN).fields["amount"] == "58.90"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"test": True}, "test"),
        ({"payment_gateway_names": ["Bogus"]}, "test"),
        ({"gateway": "(for testing) Bogus Gateway"}, "test"),
        ({"cancelled_at": "2026-03-02T19:00:00+01:00"}, "cancelled"),
        ({"financial_status": "voided"}, "status"),
        ({"financial_status": "authorized"}, "status"),
    ],
)
def test_an_order_that_an_export_would_leave_out_is_ignored(changes: dict[str, Any], reason: str) -> None:
    assert ignored(shopify("orders/paid", shopify_order(**changes)), MAIN) == reason


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


def test_an_order_of_the_past_is_history() -> None:
    order = shopify_order(processed_at="2025-01-01T00:00:00Z")
    assert event(shopify("orders/paid", order), MAIN).fields["backfill"] is True


def test_what_floats_have_made_of_an_amount_is_repaired() -> None:
    body = b'{"name": "#1", "currency": "EUR", "total_price": 25.000000000000004, "created_at": "2026-03-02T18:19:40Z"}'
    assert event(shopify("orders/paid", body), MAIN).fields["amount"] == "25.00"
    body = body.replace(b"25.000000000000004", b"27.5")
    assert event(shopify("orders/paid", body), MAIN).fields["amount"] == "27.50"


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


CREATED = receiver("shopify", count="created")


@pytest.mark.parametrize("status", ["pending", "authorized", "paid", None])
def test_an_order_counts_when_it_is_created_where_the_hook_says_so(status: str | None) -> None:
    delivery = shopify("orders/create", shopify_order(financial_status=status))
    assert event(delivery, CREATED) == event(shopify("orders/paid", shopify_order()), CREATED)
    assert ignored(delivery, MAIN) == "topic"


@pytest.mark.parametrize("status", ["voided", "expired"])
def test_an_order_that_will_not_be_paid_does_not_count(status: str) -> None:
    assert ignored(shopify("orders/create", shopify_order(financial_status=status)), CREATED) == "status"


def test_a_cancelled_order_that_was_never_paid_is_refunded_as_a_whole() -> None:
    order = shopify_order(financial_status="voided", cancelled_at="2026-03-04T10:00:00+01:00", refunds=[])
    refund = event(shopify("orders/cancelled", order), CREATED)
    assert (refund.kind, refund.needs_order, refund.order_reference) == ("refund", True, "shopify:820982911946154508")
    assert refund.fields == {
        "event_id": "refund:cancelled:#1042",
        "refund_id": "cancelled:#1042",
        "customer_id": "nina.abel@example.com",
        "order_id": "#1042",
        "amount": "58.90",
        "currency": "EUR",
    }
    assert refund.occurred_at_ms == 1772614800000
    assert ignored(shopify("orders/cancelled", order), MAIN) == "topic"


@pytest.mark.parametrize(
    "fields", [{"financial_status": "refunded"}, {"financial_status": "voided", "refunds": [{"id": 1}]}]
)
def test_a_cancelled_order_that_was_paid_is_refunded_by_its_refunds(fields: dict[str, Any]) -> None:
    order = shopify_order(cancelled_at="2026-03-04T10:00:00+01:00", **fields)
    assert ignored(shopify("orders/cancelled", order), CREATED) == "paid"


def _line(price: str, quantity: Any = 1, *, gift_card: bool = False, **fields: Any) -> dict[str, Any]:
    return {"price": price, "quantity": quantity, "gift_card": gift_card, **fields}


def test_gift_cards_that_are_bought_are_left_out_where_the_hook_says_so() -> None:
    allocations = [{"amount": "1.10"}]
    lines = [_line("28.90"), _line("10.00", 2, gift_card=True), _line("11.10", gift_card=True)]
    lines[2]["discount_allocations"] = allocations
    delivery = shopify("orders/paid", shopify_order(line_items=lines))
    assert event(delivery, receiver("shopify", gift_cards="skip")).fields["amount"] == "28.90"
    assert event(delivery, MAIN).fields["amount"] == "58.90"


@pytest.mark.parametrize("quantity", ["x", "", None, [], -1])
def test_a_quantity_that_is_none_is_one(quantity: Any) -> None:
    order = shopify_order(line_items=[_line("8.90", quantity, gift_card=True)])
    skipping = receiver("shopify", gift_cards="skip")
    assert event(shopify("orders/paid", order), skipping).fields["amount"] == "50.00"


def _refunded_line(subtotal: str, *, gift_card: bool, **fields: Any) -> dict[str, Any]:
    return {"quantity": 1, "subtotal": subtotal, "line_item": {"gift_card": gift_card}, **fields}


def test_a_refund_of_gift_cards_is_left_out_as_they_are() -> None:
    skipping = receiver("shopify", gift_cards="skip")
    both = [_refunded_line("15.00", gift_card=True), _refunded_line("5.00", gift_card=False)]
    delivery = shopify("refunds/create", shopify_refund(refund_line_items=both))
    assert event(delivery, skipping).fields["amount"] == "5.00"
    assert event(delivery, MAIN).fields["amount"] == "20.00"
    money = {"presentment_money": {"amount": "20.00", "currency_code": "EUR"}}
    alone = [_refunded_line("18.00", gift_card=True, subtotal_set=money)]
    assert ignored(shopify("refunds/create", shopify_refund(refund_line_items=alone)), skipping) == "gift_card"


def test_an_order_of_gift_cards_alone_is_ignored_where_they_are_left_out() -> None:
    order = shopify_order(line_items=[_line("58.90", gift_card=True)])
    assert ignored(shopify("orders/paid", order), receiver("shopify", gift_cards="skip")) == "gift_card"


def test_gift_cards_are_left_out_in_the_buyers_currency() -> None:
    price = {"presentment_money": {"amount": "10.00", "currency_code": "USD"}}
    order = shopify_order(
        presentment_currency="USD",
        total_price_set={"presentment_money": {"amount": "65.00"}, "shop_money": {"amount": "58.50"}},
        line_items=[_line("9.00", gift_card=True, price_set=price)],
    )
    purchase = event(shopify("orders/paid", order), receiver("shopify", gift_cards="skip"))
    assert (purchase.fields["amount"], purchase.fields["currency"], purchase.rate) == ("55.00", "USD", "0.9")
