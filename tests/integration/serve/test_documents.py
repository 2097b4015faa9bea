"""The OpenAPI document is what the server does: schemathesis calls every operation of it, with real Kafka and Redis."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)

from tests.records.published import KINDS, VALID
from tests.running.http_servers import RunningServer
from tests.running.workers import Site, until
from tests.servers.redis_server import RedisServer

StartServer = Callable[..., Awaitable[RunningServer]]

EXAMPLES: Final = 10
"""Of each operation and mode."""
ENDLESS: Final = "/v1/changes"
SLOW: Final = {"getCustomerStory": 2, "beginPolicyDiff": 4, "getCampaignReport": 3, "getRejected": 3}
"""Operations that read topics, with fewer examples."""
UNAVAILABLE: Final = 503
CHECKS: Final = [content_type_conformance, response_schema_conformance, response_headers_conformance]
KNOWN: Final = {"customer_id": "c-17", "name": "new", "cell": "311"}
"""Parameters of paths by which there is something."""


@pytest.mark.timeout(400)
async def test_the_server_answers_as_its_document_says(
    site: Site, redis_server: RedisServer, http_server: StartServer
) -> None:
    await site.worker(REDIS=redis_server.url).ready()
    server = await http_server(REDIS=redis_server.url)
    events = [
        dict(VALID[topic]) | {"type": kind, "event_id": kind} for topic, kind in KINDS.items() if kind != "erasure"
    ]

    async def are_accepted() -> bool:  # once the server knows the policy that the worker has written
        return (await server.request("POST", "/v1/events", json=events)).status == 200

    await until(are_accepted, "events to be accepted")

    async def is_known() -> bool:
        return (await server.request("GET", "/v1/customers/c-17")).status == 200

    await until(is_known, "a customer to be in Redis")
    document = (await server.request("GET", "/openapi.json")).json
    failures = await asyncio.to_thread(call_all, server.url, document)
    assert failures == []
    assert server.child.running
    assert "Traceback" not in server.log


def call_all(url: str, document: dict[str, Any]) -> list[str]:
    """Call every operation, with known parameters and with generated ones; return what failed."""
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=url)
    failures: list[str] = []
    with requests.Session() as session:
        for result in schema.exclude(path=ENDLESS).get_all_operations():
            assert isinstance(result, Ok)
            operation = result.ok()
            for mode in (None, GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                try:
                    call(operation, mode, session)
                except hypothesis.errors.Unsatisfiable:
                    assert mode is GenerationMode.NEGATIVE  # an operation without parameters cannot be called wrongly
                except (AssertionError, BaseExceptionGroup) as failure:
                    failures.append(f"{operation.label}, {mode}: {describe(failure)}")
    return failures


def describe(failure: BaseException) -> str:
    """Return what a failure says, and those that it groups."""
    if isinstance(failure, BaseExceptionGroup):
        return "; ".join(map(describe, failure.exceptions))
    return str(failure)[:600]


def call(operation: Any, mode: GenerationMode | None, session: requests.Session) -> None:
    """Call an operation; without a mode, with known parameters, if it only reads.

    Raises:
        Exception: a response is not as documented.
    """
    if mode is None:
        if operation.method == "get":
            names = {each["name"] for each in operation.definition.raw.get("parameters", ()) if each["in"] == "path"}
            check(operation.Case(path_parameters={name: KNOWN.get(name, "x") for name in names}), session)
        return
    examples = SLOW.get(operation.definition.raw["operationId"], EXAMPLES)

    @hypothesis.settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=False
    )
    @given(operation.as_strategy(generation_mode=mode))
    def generated(case: Any) -> None:
        check(case, session)

    generated()


def check(case: Any, session: requests.Session) -> None:
    """Call an operation once, and check the response."""
    response = case.call(session=session)
    # that Kafka or Redis is away is documented, and no fault
    checks = CHECKS if response.status_code == UNAVAILABLE else [not_a_server_error, *CHECKS]
    case.validate_response(response, checks=checks)
