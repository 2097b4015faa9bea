"""What WooCommerce's webhooks become."""

from typing import Any

import pytest

from agents.serve.hooks.delivery import BadSignature, Delivery, HookEvent, Ignored
from tests.unit.agents.serve.hooks.hook_deliveries import (
    NOW_MS,
    event,
    events,
    ignored,
    read,
    receiver,
    refused,
    woocommerce,
    woocommerce_order,
)

MAIN = receiver("woocommerce")


def amounts(found: list[HookEvent]) -> list[tuple[str, str]]:
    return [(each.fields["refund_id"], each.fields["amount"]) for each in found if each.kind == "refund"]


@pytest.mark.parametrize("topic", ["order.created", "order.updated"])
def test_an_order_that_counts_is_a_purchase_with_the_ids_of_an_export(topic: str) -> None:
    purchase = event(woocommerce(topic, woocommerce_order()), MAIN)
    assert purchase.fields == {
        "event_id": "purchase:3108",
        "customer_id": "lee@example.org",
        "order_id": "3108",
        "amount": "66.00",
        "currency": "EUR",
        "discount": "5.00",
        "coupon": "five",
        "channel": "checkout",
        "store_id": "shop.example",
    }
    assert purchase.occurred_at_ms == 1770831930000


def test_a_discount_includes_its_tax_where_prices_do() -> None:
    order = woocommerce_order(prices_include_tax=True)
    assert event(woocommerce("order.created", order), MAIN).fields["discount"] == "5.95"


@pytest.mark.parametrize("status", ["pending", "on-hold", "checkout-draft", "auto-draft", "trash2", ""])
def test_an_order_that_does_not_count_is_ignored(status: str) -> None:
    assert ignored(woocommerce("order.updated", woocommerce_order(status=status)), MAIN) == "status"


def test_a_customer_without_an_address_is_the_account_and_a_guest_is_nobody() -> None:
    order = woocommerce_order(billing={}, customer_id=18)
    assert event(woocommerce("order.created", order), MAIN).customer_id == "18"
    order = woocommerce_order(billing={"email": ""}, customer_id=0)
    assert event(woocommerce("order.created", order), MAIN).customer_id == ""


def test_each_refund_is_known_by_the_total_after_it() -> None:
    refunds = [{"id": 3130, "reason": "", "total": "-6.00"}, {"id": 3120, "reason": "broken", "total": "-10.00"}]
    found = events(read(woocommerce("order.updated", woocommerce_order(refunds=refunds)), MAIN))
    assert amounts(found) == [("3108:refunded:10.00", "10.00"), ("3108:refunded:16.00", "6.00")]
    assert [each.refunded_minor for each in found] == [None, 1000, 1600]


def test_a_refunded_order_without_sums_is_refunded_as_a_whole() -> None:
    found = events(read(woocommerce("order.updated", woocommerce_order(status="refunded")), MAIN))
    assert amounts(found) == [("3108:refunded:66.00", "66.00")]


def test_a_cancelled_order_gives_back_what_is_left_of_it_if_it_is_known() -> None:
    order = woocommerce_order(status="cancelled", refunds=[{"id": 1, "total": "-6.00"}])
    found = events(read(woocommerce("order.updated", order), MAIN))
    assert amounts(found) == [("3108:refunded:6.00", "6.00"), ("3108:refunded:66.00", "60.00")]
    assert all(each.needs_order for each in found)


@pytest.mark.parametrize("body", [b"webhook_id=7", b"webhook_id=12345"])
def test_the_unsigned_ping_is_answered(body: bytes) -> None:
    assert read(Delivery({}, body, NOW_MS), MAIN) == (Ignored("ping"),)


@pytest.mark.parametrize("body", [b"webhook_id=", b"webhook_id=7&x=1", b'{"id": 1}', b"webhook_id=7\n", b""])
def test_everything_else_must_be_signed(body: bytes) -> None:
    assert read(Delivery({"x-wc-webhook-topic": "order.created"}, body, NOW_MS), MAIN) == BadSignature()


@pytest.mark.parametrize("topic", ["order.deleted", "product.updated", "customer.deleted", "action.anything", ""])
def test_other_topics_are_ignored(topic: str) -> None:
    assert ignored(woocommerce(topic, woocommerce_order()), MAIN) == "topic"


@pytest.mark.parametrize(
    ("changes", "reason", "word"),
    [
        ({"currency": "BTC"}, "currency", "BTC"),
        ({"total": "66.005"}, "amount", "total"),
        ({"total": ""}, "invalid", "total"),
        ({"id": None}, "invalid", "order_id"),
        ({"date_paid_gmt": "yesterday"}, "invalid", "date_paid_gmt"),
        ({"refunds": [{"id": 1, "total": "x"}]}, "invalid", "refunds.total"),
    ],
)
def test_what_is_not_valid_is_refused(changes: dict[str, Any], reason: str, word: str) -> None:
    found, detail = refused(woocommerce("order.updated", woocommerce_order(**changes)), MAIN)
    assert found == reason
    assert word in detail


def test_a_new_account_of_a_customer_is_a_signup() -> None:
    customer = {
        "id": 18,
        "email": "Amy@example.org",
        "role": "customer",
        "date_created_gmt": "2026-02-10T11:02:13",
        "billing": {"city": "York", "country": "GB"},
    }
    signup = event(woocommerce("customer.created", customer), MAIN)
    assert (signup.customer_id, signup.fields["city"], signup.fields["country"]) == ("amy@example.org", "York", "GB")
    assert ignored(woocommerce("customer.created", {**customer, "role": "shop_manager"}), MAIN) == "role"
