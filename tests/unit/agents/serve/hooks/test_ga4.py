"""What events of the Measurement Protocol become."""

from typing import Any

import pytest

from agents.serve.hooks.delivery import BadSignature, Delivery
from tests.unit.agents.serve.hooks.hook_deliveries import NOW_MS, event, events, ga4, ignored, read, receiver, refused

MAIN = receiver("ga4", measurement_id="G-1")


def request(name: str = "purchase", **params: Any) -> Delivery:
    own = {"transaction_id": "T1", "value": 30.5, "currency": "EUR", "items": [{"discount": 0.5, "quantity": 2}]}
    events = [{"name": name, "params": {**own, **params}}]
    content = {"client_id": "c", "user_id": "u1", "timestamp_micros": "1778832000123456", "events": events}
    return ga4(content, measurement_id="G-1")


def test_a_purchase_has_the_ids_of_an_export() -> None:
    purchase = event(request(coupon="MAY", affiliation="web shop"), MAIN)
    assert purchase.fields == {
        "event_id": "purchase:T1",
        "customer_id": "u1",
        "order_id": "T1",
        "amount": "30.50",
        "currency": "EUR",
        "discount": "1.00",
        "coupon": "MAY",
        "store_id": "web shop",
        "channel": "web",
    }
    assert purchase.occurred_at_ms == 1778832000123


@pytest.mark.parametrize("value", [-10, 10, "10.00"])
def test_a_refund_may_be_negative(value: object) -> None:
    refund = event(request("refund", value=value), MAIN)
    assert refund.fields["amount"] == "10.00"
    assert refund.fields["refund_id"] == event(request("refund", value=10), MAIN).fields["refund_id"]
    assert event(request("refund", value=value, refund_id="R1"), MAIN).fields["refund_id"] == "R1"


def test_a_refund_without_a_sum_is_refused() -> None:
    assert refused(request("refund", value=None), MAIN)[0] == "invalid"


def _at(moment: object, name: str = "purchase") -> Delivery:
    params = {"transaction_id": "T1", "value": 1, "currency": "EUR"}
    content = {"user_id": "u1", "timestamp_micros": moment, "events": [{"name": name, "params": params}]}
    return ga4(content, measurement_id="G-1")


@pytest.mark.parametrize(
    ("moment", "at_ms"),
    [
        (1778832000123456, 1778832000123),
        ("1778832000123999", 1778832000123),
        (1778832000123456.5, 1778832000123),
        (None, NOW_MS),
        ("", NOW_MS),
    ],
)
def test_a_moment_is_in_microseconds_or_that_of_the_receipt(moment: object, at_ms: int) -> None:
    assert event(_at(moment), MAIN).occurred_at_ms == at_ms


@pytest.mark.parametrize(
    "moment", ["yesterday", 1778832000, 1778832000123, -1778832000123456, 10**30, [1], True, "2026-05-15T08:00:00Z"]
)
def test_a_moment_in_another_unit_or_form_is_refused_and_not_replaced_by_the_receipt(moment: object) -> None:
    reason, detail = refused(_at(moment), MAIN)
    assert reason == "invalid"
    assert "timestamp_micros must be microseconds since 1970" in detail
    assert ignored(_at(moment, "page_view"), MAIN) == "event"


def test_a_device_is_nobody() -> None:
    content = {
        "client_id": "c",
        "events": [{"name": "purchase", "params": {"transaction_id": "T", "value": 1, "currency": "EUR"}}],
    }
    assert event(ga4(content, measurement_id="G-1"), MAIN).customer_id == ""


def test_a_signup_names_its_method() -> None:
    assert event(request("sign_up", method="google"), MAIN).fields["source"] == "google"


def test_other_events_are_ignored_and_each_has_an_outcome() -> None:
    assert ignored(request("page_view"), MAIN) == "event"
    content = {"user_id": "u1", "events": [{"name": "sign_up"}, {"name": "sign_up"}]}
    first, second = events(read(ga4(content, measurement_id="G-1"), MAIN))
    assert first.fields["event_id"] == second.fields["event_id"]


@pytest.mark.parametrize("query", [{"api_secret": "x"}, {"measurement_id": "G-2"}, {"measurement_id": ""}])
def test_secret_and_stream_must_fit(query: dict[str, str]) -> None:
    delivery = request()
    other = Delivery({}, delivery.body, NOW_MS, {**delivery.query, **query})
    assert read(other, MAIN) == BadSignature()


@pytest.mark.parametrize("number", ["", "(not set)", None])
def test_an_order_without_a_number_is_refused(number: object) -> None:
    assert refused(request(transaction_id=number), MAIN)[0] == "invalid"
