"""What Segment's events become."""

from typing import Any

import pytest

from agents.serve.hooks.delivery import BadSignature, Delivery, Ignored, Refused
from agents.serve.hooks.platforms.segment import read_call
from tests.unit.agents.serve.hooks.hook_deliveries import (
    NOW_MS,
    event,
    events,
    ignored,
    read,
    receiver,
    refused,
    segment,
)

MAIN = receiver("segment", consents={"email": "context.consent.categoryPreferences.Marketing", "sms": "traits.sms"})


def message(name: str = "Order Completed", **fields: Any) -> dict[str, Any]:
    return {
        "type": "track",
        "event": name,
        "messageId": "m-1",
        "userId": "u1",
        "timestamp": "2026-05-01T08:05:10.250Z",
        "properties": {"order_id": "A1", "total": 52.4, "currency": "USD", "discount": 2, "affiliation": "store 3"},
        **fields,
    }


def test_a_completed_order_is_a_purchase_with_the_ids_of_an_export() -> None:
    assert event(segment(message()), MAIN).fields == {
        "event_id": "m-1",
        "customer_id": "u1",
        "order_id": "A1",
        "amount": "52.40",
        "currency": "USD",
        "discount": "2.00",
        "store_id": "store 3",
    }


def test_revenue_is_without_tax_and_shipping() -> None:
    properties = {"order_id": "A1", "revenue": 40.1, "tax": "1.20", "shipping": 3, "currency": "USD"}
    assert event(segment(message(properties=properties)), MAIN).fields["amount"] == "44.30"


def test_a_refund_without_a_number_has_the_id_that_an_import_gives_it() -> None:
    refund = event(
        segment(message("Order Refunded", properties={"order_id": "A1", "total": 10, "currency": "USD"})), MAIN
    )
    assert refund.fields["refund_id"].startswith("A1:refund:imp-")
    assert refund.fields["amount"] == "10.00"


def test_a_refund_without_a_sum_is_refused() -> None:
    properties = {"order_id": "A1", "currency": "USD"}
    assert refused(segment(message("Order Refunded", properties=properties)), MAIN)[0] == "invalid"


def test_a_cancelled_order_needs_its_purchase() -> None:
    refund = event(segment(message("Order Cancelled")), MAIN)
    assert (refund.fields["refund_id"], refund.needs_order) == ("A1:cancelled", True)


def test_nobody_is_known_by_a_device() -> None:
    sale = message(userId=None, anonymousId="d1")
    assert event(segment(sale), MAIN).customer_id == ""
    assert ignored(segment(message("Signed Up", userId=None)), MAIN) == "no_customer"


def test_identify_gives_a_signup_and_mapped_consents() -> None:
    identify = {
        "type": "identify",
        "messageId": "m-2",
        "userId": "u1",
        "timestamp": "2026-05-01T08:05:10Z",
        "traits": {"createdAt": "2026-04-01T00:00:00Z", "birthday": "1990-05-01T00:00:00Z", "sms": "no"},
        "context": {
            "locale": "de-CH",
            "timezone": "Europe/Zurich",
            "consent": {"categoryPreferences": {"Marketing": True}},
        },
    }
    email, sms, signup = events(read(segment(identify), MAIN))
    assert (email.fields["channel"], email.fields["granted"]) == ("email", True)
    assert (sms.fields["channel"], sms.fields["granted"]) == ("sms", False)
    assert signup.fields["birth_date"] == "1990-05-01"
    assert (signup.fields["language"], signup.fields["timezone"]) == ("de", "Europe/Zurich")


@pytest.mark.parametrize(
    ("name", "kind"),
    [("Email Delivered", "delivered"), ("Email Link Clicked", "clicked"), ("Unsubscribed", "unsubscribed")],
)
def test_a_response_to_our_message_is_a_contact(name: str, kind: str) -> None:
    contact = event(segment(message(name, properties={"message_id": "u1:spring:1"})), MAIN)
    assert (contact.kind, contact.fields["kind"], contact.fields["message_id"]) == ("contact", kind, "u1:spring:1")
    assert ignored(segment(message(name, properties={})), MAIN) == "foreign_message"


def test_a_batch_has_an_outcome_for_each_message() -> None:
    broken = message(properties={"order_id": "A2"})
    batch = {"batch": [message(), {"type": "page"}, broken, 7, message("Product Viewed")]}
    outcomes = read_call("batch", segment(batch), MAIN)
    assert [type(each) for each in outcomes[1:]] == [Ignored, Refused, Refused, Ignored]


def test_a_signature_of_something_else_is_none() -> None:
    delivery = segment(message())
    assert read(Delivery(delivery.headers, b"{}", NOW_MS), MAIN) == BadSignature()
    assert read(Delivery({}, delivery.body, NOW_MS), receiver("segment", secrets=())) == BadSignature()
