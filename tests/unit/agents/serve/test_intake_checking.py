"""The check of a request's events: what is filled in, and that the reasons are those of admission."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from agents.serve.intake.checking import check_events
from agents.serve.intake.requests.bodies import UnreadableBodyError
from agents.serve.intake.requests.cloud_events import from_batch, from_binary, from_structured
from agents.serve.intake.sent_events import SentEvent, with_key
from state.intake.admission import AdmissionRules, Rejected, admit
from state.units.timestamps import parse_rfc3339

RULES = AdmissionRules("RUB", 2, {"EUR": Decimal("98.40")})
LATEST_MS = parse_rfc3339("2026-06-01T00:00:00Z")

PURCHASE: dict[str, Any] = {
    "event_id": "till-7/124",
    "customer_id": "c-17",
    "order_id": "124",
    "occurred_at": "2026-05-12T12:31:00+03:00",
    "amount": "990.00",
    "currency": "RUB",
}
CONSENT: dict[str, Any] = {
    "type": "consent",
    "customer_id": "c-17",
    "occurred_at": "2026-05-12T12:31:00Z",
    "channel": "sms",
    "granted": True,
}


def encoded(event: dict[str, Any], **changes: Any) -> bytes:
    return msgspec.json.encode({**event, **changes})


def accepted(events: list[SentEvent]) -> list[Any]:
    checked = check_events(events, RULES, LATEST_MS)
    assert not checked.refused
    return [msgspec.json.decode(value) for _, value in checked.admissible]


def refusal(event: SentEvent) -> tuple[str, str]:
    checked = check_events([event], RULES, LATEST_MS)
    assert not checked.admissible
    return checked.refused[0].reason, checked.refused[0].detail


@pytest.mark.parametrize(
    "value",
    [
        encoded(PURCHASE, type="purchase"),
        encoded(PURCHASE, type="purchase", amount="-1"),
        encoded(PURCHASE, type="purchase", amount="1.234"),
        encoded(PURCHASE, type="purchase", currency="XXZ"),
        encoded(PURCHASE, type="purchase", currency="USD"),
        encoded(PURCHASE, type="purchase", occurred_at="2026-07-01T00:00:00Z"),
        encoded(PURCHASE, type="purchase", occurred_at="2026-05-12T12:31:00"),
        encoded(PURCHASE, type="order"),
        encoded(PURCHASE),
        encoded(CONSENT),
        b'{"type":"purchase","event_id":"\\ud800"}',
        b"5", b"null", b'"text"', b"[1]", b"{broken",
        b'{"type":"purchase","pad":"' + b"x" * 70_000 + b'"}',
        b'{"a":' + b"[" * 600 + b"]" * 600 + b"}",
    ],
)  # fmt: skip
def test_reasons_and_details_are_those_of_the_topic_events(value: bytes) -> None:
    by_topic = admit("events", 0, 0, value, RULES, LATEST_MS)
    checked = check_events([SentEvent(value)], RULES, LATEST_MS)
    if isinstance(by_topic, Rejected):
        assert [(each.reason, each.detail) for each in checked.refused] == [(by_topic.reason, by_topic.detail)]
    else:
        assert checked.admissible == [(by_topic.customer_id.encode(), value)]


def test_what_is_published_is_what_was_sent_to_the_last_digit() -> None:
    value = b'{"type":"purchase","event_id":"1","occurred_at":"2026-05-12T00:00:00Z","order_id":"1", "amount" : 12.40000000000000000000, "currency":"RUB","x":1.10e5}'  # noqa: E501
    checked = check_events(with_key([value], None, None), RULES, None)
    assert checked.admissible == [(None, value)]
    checked = check_events(with_key([value.replace(b'"type":"purchase",', b"")], "purchase", None), RULES, None)
    assert checked.admissible[0][1].endswith(
        b' "amount" : 12.40000000000000000000, "currency":"RUB","x":1.10e5,"type":"purchase"}'
    )


@pytest.mark.parametrize("amount", [b"1e400", b"1e-400", b"99999999999999999999999", b"1e1000000000"])
def test_numbers_of_any_size_are_refused_with_a_reason(amount: bytes) -> None:
    value = encoded(PURCHASE, amount=1).replace(b'"amount":1', b'"amount":' + amount)
    assert refusal(with_key([value], "purchase", None)[0])[0] == "amount"


@pytest.mark.parametrize("own", [{}, {"type": "purchase"}, {"type": None}])
def test_the_path_gives_the_type(own: dict[str, Any]) -> None:
    (event,) = accepted(with_key([encoded({**own, **PURCHASE})], "purchase", None))
    assert event == {**PURCHASE, "type": "purchase"}


def test_another_type_than_that_of_the_path_is_refused() -> None:
    event = with_key([encoded(PURCHASE, type="refund")], "purchase", None)[0]
    assert refusal(event) == ("invalid", "type must be purchase or absent on this path: got 'refund'")
    event = with_key([encoded(PURCHASE, type=7)], "purchase", None)[0]
    assert refusal(event) == ("invalid", "type must be purchase or absent on this path: got 7")


def test_the_idempotency_key_is_the_id_of_one_event_and_the_stem_for_several() -> None:
    assert accepted(with_key([encoded(CONSENT)], None, "k-1"))[0]["event_id"] == "k-1"
    events = accepted(
        with_key([encoded(CONSENT), encoded(CONSENT, event_id="own"), encoded(CONSENT, event_id=None)], None, "k-1")
    )
    assert [event["event_id"] for event in events] == ["k-1/0", "own", "k-1/2"]


def test_an_id_made_from_the_key_that_is_too_long_is_refused_by_the_name_of_the_header() -> None:
    reason, detail = refusal(with_key([encoded(CONSENT)], None, "k" * 129)[0])
    assert reason == "invalid"
    assert detail.startswith("event_id must be a string of 1 to 128 characters: got 'kkk")
    assert detail.endswith("…, from the header Idempotency-Key")


def test_a_refusal_names_the_index_and_the_id() -> None:
    values = [
        encoded(PURCHASE, type="purchase"),
        encoded(CONSENT, channel="fax"),
        encoded(CONSENT, event_id="e-3", granted=1),
    ]
    checked = check_events(with_key(values, None, "k"), RULES, LATEST_MS)
    assert [(each.index, each.event_id, each.reason) for each in checked.refused] == [
        (1, "k/1", "invalid"),
        (2, "e-3", "invalid"),
    ]
    assert len(checked.admissible) == 1
    lone = check_events([SentEvent(b'{"type":"consent","event_id":"a\\ud800"}')], RULES, None).refused[0]
    assert lone.event_id == "a?"


def test_an_empty_object_gets_what_it_lacks_and_is_refused_for_the_rest() -> None:
    assert refusal(with_key([b"{ }"], "erasure", "k")[0])[1].startswith("customer_id must be")


def test_erasures_are_counted_for_their_scope() -> None:
    erasure = encoded({"type": "erasure", "event_id": "1", "customer_id": "c", "occurred_at": "2026-05-12T00:00:00Z"})
    assert check_events([SentEvent(erasure), SentEvent(b"5")], RULES, None).erasures == 1


HEADERS = [(b"ce-specversion", b"1.0"), (b"ce-id", b"id-1"), (b"ce-source", b"/till/7"), (b"ce-type", b"purchase")]


def without(event: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name not in names}


@pytest.mark.parametrize("kind", ["purchase", "goldstream.purchase.v1"])
def test_a_binary_cloud_event_has_its_id_and_type_in_headers(kind: str) -> None:
    headers = [*HEADERS[:3], (b"CE-Type", kind.encode())]
    (event,) = accepted(from_binary(headers, encoded(without(PURCHASE, "event_id"))))
    assert event == {**PURCHASE, "event_id": "id-1", "type": "purchase"}
    (event,) = accepted(from_binary(headers, encoded(PURCHASE)))
    assert event["event_id"] == PURCHASE["event_id"]


@pytest.mark.parametrize(
    ("sent", "event_id"),
    [(b"%D0%91%20%22%F0%9F%98%80", 'Б "😀'), (b'"a \\"b\\""', 'a "b"'), (b"a%25", "a%"), (b"50%", "50%")],
)
def test_headers_of_a_cloud_event_are_percent_decoded(sent: bytes, event_id: str) -> None:
    headers = [*HEADERS[:1], (b"ce-id", sent), *HEADERS[2:]]
    assert accepted(from_binary(headers, encoded(without(PURCHASE, "event_id"))))[0]["event_id"] == event_id


def test_the_type_of_the_data_comes_before_that_of_the_envelope() -> None:
    (event,) = accepted(from_binary(HEADERS, encoded(CONSENT)))
    assert event == {**CONSENT, "event_id": "id-1"}


def envelope(data: object) -> dict[str, Any]:
    return {"specversion": "1.0", "id": "id-1", "source": "/till/7", "type": "purchase", "data": data}


def test_a_structured_cloud_event_and_a_batch_have_their_data_inside() -> None:
    body = msgspec.json.encode(envelope(PURCHASE)).replace(b'"990.00"', b"990.00")
    (value,) = [value for _, value in check_events(from_structured(body), RULES, None).admissible]
    assert b'"amount":990.00,' in value
    batch = msgspec.json.encode([{**envelope(without(PURCHASE, "event_id")), "id": f"id-{n}"} for n in range(3)])
    assert [event["event_id"] for event in accepted(from_batch(batch))] == ["id-0", "id-1", "id-2"]


def test_data_in_base64_is_the_same_event() -> None:
    body = msgspec.json.encode({**without(envelope(None), "data"), "data_base64": msgspec.json.encode(PURCHASE)})
    assert accepted(from_structured(body))[0] == {**PURCHASE, "type": "purchase"}


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"specversion": "0.3"}, "specversion must be 1.0: got '0.3'"),
        ({"specversion": 1.0}, "specversion must be 1.0: got 1.0"),
        ({"specversion": None}, "specversion must be 1.0: got nothing"),
        ({"id": ""}, "id must be a string of at least 1 character: got ''"),
        ({"id": 7}, "id must be a string of at least 1 character: got 7"),
        ({"type": None}, "type must be a string of at least 1 character: got nothing"),
        ({"datacontenttype": "text/xml"}, "datacontenttype must be application/json: got 'text/xml'"),
        ({"data_base64": "???"}, "data_base64 must be Base64: got '???'"),
        (
            {"type": "com.shop.order"},
            "type must be one of purchase, refund, signup, consent, contact, erasure: got 'com.shop.order'",
        ),
        (
            {"id": "x" * 129, "data": without(PURCHASE, "event_id")},
            f"event_id must be a string of 1 to 128 characters: got '{'x' * 79}…, from the CloudEvent's id",
        ),
    ],
)
def test_a_wrong_envelope_is_a_refused_event(change: dict[str, Any], detail: str) -> None:
    assert refusal(from_structured(msgspec.json.encode({**envelope(PURCHASE), **change}))[0]) == ("invalid", detail)


def test_what_is_no_envelope_is_a_refused_event() -> None:
    checked = check_events(from_batch(b'[5, {"specversion":"1.0","id":"\\ud800","type":"purchase"}]'), RULES, None)
    assert [each.reason for each in checked.refused] == ["malformed", "invalid"]
    missing = without(envelope(None), "data")
    assert refusal(from_structured(msgspec.json.encode(missing))[0])[0] == "malformed"


def test_a_request_without_headers_of_a_cloud_event_is_none() -> None:
    with pytest.raises(UnreadableBodyError, match="ce-id, ce-source, ce-specversion and ce-type"):
        from_binary([(b"content-type", b"application/json")], encoded(PURCHASE))
    with pytest.raises(UnreadableBodyError, match="percent-encoded"):
        from_binary([(b"ce-id", b"%ff")], encoded(PURCHASE))
