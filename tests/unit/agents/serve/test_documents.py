"""The documents: valid, complete, equal to what is committed, and never stricter than admission."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar.routes import HTTPRoute
from litestar.testing import AsyncTestClient
from openapi_spec_validator import OpenAPIV31SpecValidator

from agents.serve.application import create_app
from agents.serve.context import ServeContext
from agents.serve.documents.__main__ import documents
from agents.serve.documents.docstrings import attributes_of, meaning_of
from streams.kafka.topics import SOURCE_NAMES
from streams.settings.settings import Settings
from streams.telemetry.metrics import Metrics, worker_registry
from tests.lanes.clock import ManualClock
from tests.records.published import KINDS, RUBLES, VALID, admit_record, record
from tests.records.schemas import fits, validator

COMMITTED: Final = Path(__file__).parents[4] / "deploy" / "api"
PAGES: Final = ("/static/",)

SEGMENT_CHANGE: Final = """
{"customer_id": "c-17", "seq": 4, "from": "loyal", "to": "at_risk", "from_cell": "332", "to_cell": "232",
 "effective_at": "2026-05-12T09:30:00.000Z",
 "cause": {"kind": "time"},
 "facts": {"recency_days": 60, "frequency": 5, "monetary": "12400.00", "currency": "RUB",
           "last_order_at": "2026-03-13T09:30:00.000Z"},
 "why": [{"measure": "recency_days", "edge": 60, "was": 3, "is": 2}],
 "policy": "retail-27@1", "backfill": false}
"""


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[AsyncTestClient[Any]]:
    """A client of all routes, without Kafka and Redis."""
    context = ServeContext(Settings(data=tmp_path, prefix="shop"), ManualClock(), Metrics(worker_registry(), "serve"))
    async with AsyncTestClient(create_app(context, services=()), base_url="http://127.0.0.1:6067") as opened:
        yield opened


def test_the_committed_documents_are_those_of_the_types() -> None:
    committed = {str(path.relative_to(COMMITTED)): path.read_bytes() for path in COMMITTED.rglob("*.json")}
    assert committed == documents(), "run `make documents`"


@pytest.mark.parametrize(("arguments", "status"), [(["--help"], 0), (["--into"], 2), ([], 2), (["a", "b"], 2)])
def test_only_a_folder_is_written_to(arguments: list[str], status: int, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "agents.serve.documents", *arguments]
    environment = os.environ | {"PYTHONPATH": str(COMMITTED.parents[1])}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (run.returncode, "Usage" in run.stdout + run.stderr) == (status, True)
    assert list(tmp_path.iterdir()) == []


async def test_openapi_is_valid_and_has_every_route_with_its_refusals(client: AsyncTestClient[Any]) -> None:
    document = (await client.get("/openapi.json")).json()
    assert document == json.loads((COMMITTED / "openapi.json").read_bytes())
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()
    described = {
        (path, method.upper()): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    served = {
        (route.path_format or "/", method)
        for route in client.app.routes
        if isinstance(route, HTTPRoute)
        for method, (handler, _) in route.route_handler_map.items()
        if method != "OPTIONS" and handler.resolve_include_in_schema()
    }
    assert served <= described.keys()
    assert len({operation["operationId"] for operation in described.values()}) == len(described)
    for (path, method), operation in described.items():
        assert operation["responses"]["default"], (path, method)
        assert bool(operation["security"]) == ("401" in operation["responses"]), (path, method)


async def test_asyncapi_has_the_topics_of_the_prefix_and_refers_to_nothing_that_is_missing(
    client: AsyncTestClient[Any],
) -> None:
    document = (await client.get("/asyncapi.json")).json()
    assert document["asyncapi"] == "3.0.0"
    addresses = {channel["address"] for channel in document["channels"].values()}
    assert {
        f"shop.{name}.v1" for name in (*SOURCE_NAMES, "segment-changes", "offers", "rejected", "journal")
    } <= addresses
    for ref in _refs(document):
        found: Any = document
        for part in ref.removeprefix("#/").split("/"):
            found = found[part]
    changes = document["components"]["messages"]["SegmentChanged"]
    assert changes["headers"]["properties"]["ce_type"] == {"const": "goldstream.segment-changed.v1"}


def _refs(document: Any) -> list[str]:
    if isinstance(document, dict):
        own = [document["$ref"]] if isinstance(document.get("$ref"), str) else []
        return own + [ref for value in document.values() for ref in _refs(value)]
    return [ref for value in document for ref in _refs(value)] if isinstance(document, list) else []


@pytest.mark.parametrize("source", sorted(VALID))
def test_a_valid_event_fits_its_schema_and_that_of_any_event(source: str) -> None:
    assert fits(source, record(source))
    assert fits("events", record(source, type=KINDS[source]))
    assert not fits("events", record(source))


@pytest.mark.parametrize(
    ("source", "changes"),
    [
        ("purchases", {"amount": ...}),
        ("purchases", {"amount": None}),
        ("purchases", {"amount": "1,240.50"}),
        ("purchases", {"order_id": ""}),
        ("purchases", {"event_id": "e" * 129}),
        ("refunds", {"refund_id": 7}),
        ("signups", {"consent": {"fax": True}}),
        ("signups", {"customer_id": None}),
        ("consents", {"granted": "yes"}),
        ("contacts", {"kind": "read"}),
        ("erasures", {"backfill": "true"}),
    ],
)
def test_what_is_of_the_wrong_kind_does_not_fit(source: str, changes: dict[str, Any]) -> None:
    assert not fits(source, record(source, **changes))


@pytest.mark.parametrize(
    ("source", "changes"),
    [
        ("purchases", {"amount": 1240.5, "rate": "1e-2", "unknown": {"any": "thing"}, "coupon": None}),
        ("purchases", {"customer_id": ""}),
        ("signups", {"consent": {"fax": None, "email": None}}),
        ("signups", {"consent": None, "birth_date": ""}),
    ],
)
def test_what_is_unusual_but_admissible_fits(source: str, changes: dict[str, Any]) -> None:
    assert fits(source, record(source, **changes))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | st.just("12.40"),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["email", "all", "x"]), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(st.sampled_from(sorted(VALID)), st.data())
def test_what_a_schema_refuses_admission_refuses_too(source: str, data: st.DataObject) -> None:
    changed = data.draw(
        st.dictionaries(st.sampled_from([*VALID[source], "rate", "type"]), values | st.just(...), max_size=3)
    )
    for topic, kind in ((source, ...), ("events", KINDS[source])):
        value = record(source, **({"type": kind} | changed))
        admit_record(topic, value, RUBLES)  # which compares the two


def test_the_contract_s_example_of_a_change_fits() -> None:
    validator("SegmentChange").validate(json.loads(SEGMENT_CHANGE))


def test_docstrings_become_descriptions() -> None:
    docstring = """A thing
    of two lines.

    Attributes:
        one: first,
            and more.
        two: second.
    """
    assert meaning_of(docstring) == "A thing of two lines."
    assert attributes_of(docstring) == {"one": "first, and more.", "two": "second."}
