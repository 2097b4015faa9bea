"""Whatever bytes and headers arrive, reading them raises nothing; the same delivery twice is the same events."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agents.serve.hooks.delivery import BadSignature, Delivery, HookEvent, Ignored, Refused
from agents.serve.hooks.orders.order_book import OrderBook
from agents.serve.hooks.orders.order_index import OrderIndex
from agents.serve.hooks.platforms.catalog import READERS
from agents.serve.hooks.platforms.event_building import encode_event
from agents.serve.hooks.platforms.segment import read_call
from state.intake.admission import Admitted, admit
from tests.unit.agents.serve.hooks import hook_deliveries as made
from tests.unit.agents.serve.hooks.hook_deliveries import NOW_MS, RULES, receiver

PLATFORMS = sorted(READERS)
TOPICS = [
    "orders/paid", "orders/create", "orders/cancelled",
    "refunds/create", "customers/create", "customers_email_marketing_consent/update",
    "customers_marketing_consent/update", "customers/redact", "shop/redact", "order.created", "order.updated",
    "customer.created", "order.deleted", "",
]  # fmt: skip
BOOK = OrderBook(OrderIndex())
"""It knows nothing."""
SETTINGS = [{}, {"count": "created", "gift_cards": "skip"}]

_texts = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["EUR", "JPY", "58.90", "-1", "1e400", "2026-03-02T18:20:11Z", "2026-03-02T18:20:11", "paid", "#1", "\ud800"]
    ),
)
_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), _texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_texts, inner, max_size=3)),
    max_leaves=10,
)


def _changed(content: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return the content with some members replaced by anything."""
    return st.dictionaries(st.sampled_from(sorted(content)), _values, max_size=4).map(lambda new: {**content, **new})


_contents = st.one_of(
    _values,
    _changed(made.shopify_order()),
    _changed(made.shopify_refund()),
    _changed(made.woocommerce_order()),
    _changed({"customer": {"id": 7, "email": "a@b.c"}}),
    _changed({"id": 7, "email": "a@b.c", "sms_marketing_consent": {"state": "subscribed"}}),
    _changed({"type": "track", "event": "Order Completed", "properties": {}, "userId": "u", "timestamp": ""}),
    _changed({"events": [{"name": "purchase", "params": {}}], "user_id": "u", "timestamp_micros": 1}),
)
_bodies = st.one_of(st.binary(max_size=200), _contents.map(lambda content: json.dumps(content).encode()))


def signed(platform: str, topic: str, body: bytes) -> Delivery:
    match platform:
        case "shopify":
            return made.shopify(topic, body)
        case "woocommerce":
            return made.woocommerce(topic, body)
        case "segment":
            return made.segment(body)
        case _:
            return made.ga4(body)


@pytest.mark.parametrize("platform", PLATFORMS)
@given(body=_bodies, topic=st.sampled_from(TOPICS), settings=st.sampled_from(SETTINGS))
@example(body=rb'{"customer": {"id": "\ud800", "email": "a@b.c"}}', topic="customers/redact", settings={})
def test_a_signed_delivery_raises_nothing_and_gives_the_same_events_twice(
    platform: str, body: bytes, topic: str, settings: dict[str, str]
) -> None:
    who = receiver(platform, **settings)
    outcomes = READERS[platform](signed(platform, topic, body), who)
    assert outcomes == READERS[platform](signed(platform, topic, body), who)
    assert isinstance(outcomes, tuple)
    for outcome in outcomes:
        assert isinstance(outcome, HookEvent | Ignored | Refused)
        if isinstance(outcome, HookEvent):
            BOOK.decide(outcome, who.hook)
            value = encode_event(outcome)
            if outcome.kind == "refund" and not outcome.order_id:
                continue  # its order is not known yet
            assert isinstance(admit("events", 0, 0, value, RULES, NOW_MS + 300_000), Admitted), value


@pytest.mark.parametrize("platform", PLATFORMS)
@given(
    body=st.binary(max_size=100),
    headers=st.dictionaries(
        st.sampled_from(["x-shopify-hmac-sha256", "x-wc-webhook-signature", "x-signature", "x-shopify-topic"]),
        st.text(),
    ),
    query=st.dictionaries(st.sampled_from(["api_secret", "measurement_id"]), st.text()),
)
def test_an_unsigned_delivery_raises_nothing_and_becomes_nothing(
    platform: str, body: bytes, headers: dict[str, str], query: dict[str, str]
) -> None:
    outcomes = READERS[platform](Delivery(headers, body, NOW_MS, query), receiver(platform))
    assert outcomes == BadSignature() or outcomes == (Ignored("ping"),)


@pytest.mark.parametrize("depth", [100, 1_000, 10_000, 100_000])
@pytest.mark.parametrize("platform", PLATFORMS)
def test_deep_nesting_raises_nothing(platform: str, depth: int) -> None:
    for body in (
        b"[" * depth,
        b'{"a":' * depth + b"1" + b"}" * depth,
        b'{"refunds":' + b"[" * depth + b"]" * depth + b"}",
    ):
        for topic in TOPICS:
            assert isinstance(READERS[platform](signed(platform, topic, body), receiver(platform)), tuple)


@given(body=_bodies, call=st.sampled_from(["track", "identify", "batch"]))
def test_a_call_of_segments_api_raises_nothing(body: bytes, call: str) -> None:
    who = receiver("segment", consents={"email": "traits.email"})
    assert read_call(call, Delivery({}, body, NOW_MS), who) == read_call(call, Delivery({}, body, NOW_MS), who)
