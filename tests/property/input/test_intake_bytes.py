"""Any request to the intake gets an answer of the table, never a fault of the server."""

import gzip
import json
from collections.abc import Iterator
from typing import Any, Final

import hypothesis
import pytest
from hypothesis import strategies as st
from litestar.testing import TestClient

from agents.serve.application import create_app
from agents.serve.context import ServeContext
from state.intake.admission import AdmissionRules
from streams.clock import SYSTEM_CLOCK
from streams.settings.settings import Settings
from streams.telemetry.metrics import Metrics, worker_registry

ANSWERS: Final = {200, 207, 400, 413, 415, 422}
PATHS: Final = (
    *("/v1/check", "/v1/events", "/v1/cloudevents"),
    *(f"/v1/{kind}s" for kind in ("purchase", "refund", "signup", "consent", "contact", "erasure")),
)
MEDIA_TYPES: Final = (
    *("application/json", "application/x-ndjson", "application/cloudevents+json"),
    *("application/cloudevents-batch+json", "application/json; charset=utf-8", "", ";charset"),
)

texts: Final = st.text(st.characters(exclude_categories=[]), max_size=20)
kinds: Final = st.sampled_from(["purchase", "refund", "signup", "consent", "contact", "erasure"])
values: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts | st.sampled_from(["1.0", "2026-01-01T00:00:00Z"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)
NAMES: Final = (
    *("type", "event_id", "customer_id", "occurred_at", "order_id", "amount", "currency", "rate", "discount"),
    *("channel", "granted", "consent", "events", "specversion", "id", "data", "data_base64", "datacontenttype"),
)
VALID: Final[dict[str, Any]] = {
    "type": "consent",
    "event_id": "1",
    "customer_id": "c",
    "occurred_at": "2026-01-01T00:00:00Z",
    "channel": "sms",
    "granted": True,
}
names: Final = st.sampled_from(NAMES)
valid: Final = st.just(VALID) | st.just({"specversion": "1.0", "id": "1", "type": "consent", "data": VALID})
objects: Final = st.dictionaries(names, values, max_size=10).flatmap(
    lambda fields: kinds.map(lambda kind: {"type": kind, **fields})
)
several: Final = st.lists(objects | valid, max_size=4)
documents: Final = st.one_of(values, objects, valid, several, several.map(lambda each: {"events": each}))
json_bodies: Final = documents.map(lambda document: json.dumps(document).encode())


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Return JSON of which some bytes are others."""
    body = bytearray(draw(json_bodies))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, max(0, len(body) - 1)))
        body[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(body)


bodies: Final = st.one_of(st.binary(max_size=200), json_bodies, damaged(), st.lists(damaged()).map(b"\n".join))
header_values: Final = st.one_of(
    st.binary(max_size=20).filter(lambda value: not set(value) & {0, 10, 13}), st.just(b"k"), st.just(b"1.0")
)
headers: Final = st.dictionaries(
    st.sampled_from(["idempotency-key", "ce-id", "ce-type", "ce-specversion", "ce-subject", "content-encoding"]),
    header_values,
    max_size=4,
)


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient[Any]]:
    """An application that knows a policy, and no Kafka: `/v1/events` gets as far as Kafka."""
    settings = Settings(kafka="127.0.0.1:1")
    context = ServeContext(settings, SYSTEM_CLOCK, Metrics(worker_registry(), "serve"))
    context.intake.follower.admission_rules = AdmissionRules("RUB", 2, {})
    with TestClient(create_app(context), base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        yield client


@hypothesis.given(
    path=st.sampled_from(PATHS),
    body=bodies,
    media_type=st.sampled_from(MEDIA_TYPES),
    headers=headers,
    packing=st.sampled_from(["", "gzip"]),
)
@hypothesis.settings(max_examples=300, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
def test_any_bytes_get_an_answer_of_the_table(
    client: TestClient[Any], path: str, body: bytes, media_type: str, headers: dict[str, bytes], packing: str
) -> None:
    sent: dict[str, str | bytes] = {"content-type": media_type, **headers}
    if packing:
        body, sent["content-encoding"] = gzip.compress(body), packing
    answer = client.post(path, content=body, headers=sent)  # type: ignore[arg-type]  # httpx takes bytes too
    published = {503} if answer.status_code == 503 and path != "/v1/check" else set()
    assert answer.status_code in ANSWERS | published, answer.text
    if answer.status_code == 503:
        assert "the outcome of the events is unknown" in answer.json()["detail"]
        assert "Kafka" in answer.json()["detail"]
    elif answer.status_code == 200:
        assert answer.json().keys() == {"accepted"}
    elif answer.status_code in (207, 422):
        found = answer.json()
        assert found["rejected"] == len(found["results"]) > 0
        assert all(each.keys() == {"index", "event_id", "reason", "detail"} for each in found["results"])
    else:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code
