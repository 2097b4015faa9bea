"""Which orders of Shopify count, and with what: currencies, gift cards, those that are not paid or cancelled."""

from typing import Any

import pytest

from tests.unit.agents.serve.hooks.hook_deliveries import (
    event,
    ignored,
    receiver,
    refused,
    shopify,
    shopify_order,
    shopify_refund,
)

MAIN = receiver("shopify")


def test_an_order_without_an_address_is_the_customers_own_id() -> None:
    order = shopify_order(email=None, customer={"id": 115310627314723954})
    assert event(shopify("orders/paid", order), MAIN).customer_id == "115310627314723954"


def test_an_order_of_nobody_is_anonymous() -> None:
    assert event(shopify("orders/paid", shopify_order(email="", customer=None)), MAIN).customer_id == ""


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


def test_an_order_of_the_past_is_history() -> None:
    order = shopify_order(processed_at="2025-01-01T00:00:00Z")
    assert event(shopify("orders/paid", order), MAIN).fields["backfill"] is True


def test_what_floats_have_made_of_an_amount_is_repaired() -> None:
    body = b'{"name": "#1", "currency": "EUR", "total_price": 25.000000000000004, "created_at": "2026-03-02T18:19:40Z"}'
    assert event(shopify("orders/paid", body), MAIN).fields["amount"] == "25.00"
    body = body.replace(b"25.000000000000004", b"27.5")
    assert event(shopify("orders/paid", body), MAIN).fields["amount"] == "27.50"


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
