"""Look-ups of customers whose ids are hard on addresses, Redis that goes away, rejected events, and policies."""

import asyncio
import csv
import io
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import quote

import pytest

from streams.defaults import policy_text
from tests.records.kafka_records import Published, publish
from tests.retail.comparison import redis_shows_all
from tests.running.http_servers import RunningServer
from tests.running.workers import Site, until
from tests.servers.redis_server import RedisServer

Start = Callable[..., Awaitable[RunningServer]]

IDS: Final = (
    "a/b", "/", "..", ".", "c 17", "Ольга", "😀", "100%", "%2F", "=1+1", "-2", "@x", "a?b#c", "lookup", "x/story",
    "<script>alert(1)</script>", "&amp;", "a+b",
)  # fmt: skip
ERASED: Final = "erased/one"


def _event(kind: str, number: int, customer_id: str, **fields: object) -> Published:
    value = {
        "type": kind, "event_id": f"e-{number}", "customer_id": customer_id,
        "occurred_at": f"2026-03-{number // 60 + 1:02}T09:{number % 60:02}:00Z", **fields,
    }  # fmt: skip
    return Published(json.dumps(value).encode(), customer_id.encode())


def _path(customer_id: str) -> str:
    return f"/v1/customers/{quote(customer_id, safe='').replace('.', '%2E')}"


def _history() -> list[Published]:
    events = []
    for number, customer_id in enumerate((*IDS, ERASED)):
        events.append(_event("signup", 2 * number, customer_id, consent={"email": number % 2 == 0}))
        order = {"order_id": f"o-{number}", "amount": f"{100 * (number % 4)}.00", "currency": "RUB"}
        events.append(_event("purchase", 2 * number + 1, customer_id, **order))
    return [*events, _event("erasure", 500, ERASED), Published(b"{", b"k")]


async def _problem(server: RunningServer, method: str, path: str, **options: Any) -> dict[str, Any]:
    answer = await server.request(method, path, **options)
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json
    assert problem["status"] == answer.status
    return problem


@pytest.mark.timeout(240)
async def test_customers_are_found_by_any_id_until_they_are_erased(
    site: Site, redis_server: RedisServer, http_server: Start
) -> None:
    site.settings |= {"TIME": "event", "REDIS": redis_server.url, "PARTITIONS": "2"}
    await site.create_topics()
    await publish(site.kafka, site.topic("events"), _history())
    worker = site.worker()
    await worker.ready()
    await site.advance("2026-05-12T00:00:00Z")
    await redis_shows_all(site.kafka, redis_server.url, site.prefix)
    server = await http_server()

    for customer_id in IDS:
        answer = await server.request("GET", _path(customer_id))
        assert answer.status == 200, customer_id
        assert answer.json["customer_id"] == customer_id
        story = await server.request("GET", f"{_path(customer_id)}/story")
        assert story.json["customer_id"] == customer_id
    customer = (await server.request("GET", _path("Ольга"))).json
    assert (customer["frequency"], customer["monetary"], customer["reachable"]) == (1, "100.00", False)
    assert (customer["discount_seeker"], customer["favourite_store"], customer["channels"]) == (False, None, [])
    assert set(customer["next_down"]) == {"at", "to"}
    assert (await server.request("GET", _path("a/b"))).json["channels"] == ["email"]

    etag = (await server.request("GET", _path("a/b"))).headers["etag"]
    unchanged = await server.request("GET", _path("a/b"), headers={"If-None-Match": f'"x", {etag}'})
    assert (unchanged.status, unchanged.body) == (304, b"")

    found = await server.request("POST", "/v1/customers/lookup", json={"ids": ["a/b", "nobody", ERASED]})
    assert (found.json["customers"]["nobody"], found.json["customers"][ERASED]) == (None, None)
    assert found.json["customers"]["a/b"]["segment"] == customer["segment"]
    assert (await _problem(server, "POST", "/v1/customers/lookup", json={"ids": ["x"] * 101}))["status"] == 422
    surrogate = {"data": b'{"ids": ["\\ud800"]}', "headers": {"Content-Type": "application/json"}}
    assert (await _problem(server, "POST", "/v1/customers/lookup", **surrogate))["status"] in {400, 422}

    async def has_read_the_ledger() -> bool:
        return "or was erased" not in (await _problem(server, "GET", _path("nobody")))["detail"]

    await until(has_read_the_ledger, "the erasure ledger to be read")
    erased = await _problem(server, "GET", _path(ERASED))
    assert (erased["status"], erased["type"]) == (404, "urn:goldstream:problem:erased-customer")
    assert erased["erased_at"].startswith("2026-03-09")
    assert erased["erased_at"] in erased["detail"]
    unknown = await _problem(server, "GET", _path("nobody"))
    assert (unknown["status"], unknown["type"]) == (404, "urn:goldstream:problem:unknown-customer")
    assert "erased_at" not in unknown
    assert "was erased on 2026-03-09" in (await _problem(server, "GET", f"{_path(ERASED)}/story"))["detail"]
    assert (await _problem(server, "GET", "/v1/customers/%FF"))["status"] == 400

    await _check_lists(server)
    await _check_rejected(site, server)
    report = await server.request("GET", "/v1/campaigns/report")
    assert (report.status, report.json["currency"]) == (200, "RUB")

    await _check_policies(server)
    await _check_redis_away(server, redis_server)
    assert ERASED not in server.log
    assert "Ольга" not in server.log
    assert await server.stop() == 0


async def _check_lists(server: RunningServer) -> None:
    text = (await server.request("GET", "/v1/segments/at_risk/customers?format=csv")).body.decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert sorted(row["customer_id"].removeprefix("'") for row in rows) == sorted(IDS)
    assert not any(row["customer_id"].startswith(("=", "+", "-", "@")) for row in rows)
    problem = await _problem(server, "GET", "/v1/segments/gold/customers")
    assert (problem["status"], "golden" in problem["detail"]) == (404, True)
    assert (await _problem(server, "GET", "/v1/cells/999/customers", headers={"Accept": "text/csv"}))["status"] == 404
    for query in ("limit=0", "limit=1001", "cursor=what"):
        assert (await _problem(server, "GET", f"/v1/segments/golden/customers?{query}"))["status"] in {400, 422}
    assert (await _problem(server, "GET", "/v1/flows?from=yesterday"))["status"] == 422

    flows = (await server.request("GET", "/v1/flows?from=2026-03-01&to=2026-05-30")).json["flows"]
    assert {(each["from"], each["to"], each["customers"]) for each in flows} == {
        (None, "potential", len(IDS)), ("potential", "new", len(IDS)), ("new", "at_risk", len(IDS)),
    }  # fmt: skip
    moved = (await server.request("GET", "/v1/flows/customers?before=none")).json
    assert ERASED not in json.dumps(moved)


async def _check_rejected(site: Site, server: RunningServer) -> None:
    (rejected,) = (await server.request("GET", "/v1/rejected")).json["rejected"]
    assert rejected["reason"] == "malformed"
    assert re.fullmatch(rf"{site.topic('events')}:\d+:\d+", rejected["source"])


async def _check_policies(server: RunningServer) -> None:
    stricter = policy_text().replace("version = 1", "version = 2").replace("edges = [60, 180]", "edges = [50, 60]")
    begun = await server.request("POST", "/v1/policy/diff", json={"b": stricter})
    assert begun.status == 202
    assert begun.headers["location"] == f"/v1/policy/diff/{begun.json['id']}"
    assert (await _problem(server, "POST", "/v1/policy/diff", data=stricter.encode()))["status"] == 409

    async def done() -> Any:
        diff = (await server.request("GET", begun.headers["location"])).json
        return diff if diff["state"] != "running" else None

    diff = await until(done, "the comparison")
    assert (diff["state"], diff["progress"], diff["a"], diff["b"]) == ("done", 1, "retail-27@1", "retail-27@2")
    (move,) = diff["result"]["moves"]
    assert (move["from"], move["to"], move["customers"]) == ("at_risk", "churned", len(IDS))
    assert (await _problem(server, "GET", "/v1/policy/diff/none"))["status"] == 404

    wrong = stricter.replace("[50, 60]", "[60, 50]").replace('currency = "RUB"', 'currency = "XXX"')
    problem = await _problem(server, "POST", "/v1/policy", data=wrong.encode())
    assert (problem["status"], len(problem["errors"])) == (422, 2)
    assert (await _problem(server, "POST", "/v1/policy", json={"policies": ""}))["status"] == 400
    applied = await server.request("POST", "/v1/policy", json={"policy": stricter})
    assert (applied.status, applied.json["policy"], applied.json["applied"]) == (200, "retail-27@2", True)
    again = await server.request("POST", "/v1/policy", data=stricter.encode())
    assert (again.json["applied"], again.json["control_offset"]) == (False, None)

    async def moved() -> bool:
        segments = (await server.request("GET", "/v1/segments")).json
        return segments["policy"] == "retail-27@2" and any(
            each["name"] == "churned" and each["customers"] == len(IDS) for each in segments["segments"]
        )

    await until(moved, "the new policy to show")


async def _check_redis_away(server: RunningServer, redis: RedisServer) -> None:
    redis.stop()
    try:
        for path in ("/v1/segments", _path("a/b"), "/v1/cells/333/customers?format=csv", "/v1/flows", "/v1/daily"):
            problem = await _problem(server, "GET", path)
            assert (problem["status"], problem["type"].rpartition(":")[2]) == (503, "redis-away")
        status = (await server.request("GET", "/v1/status")).json
        assert (status["redis"]["up"], status["policy"]["version"]) == (False, 2)
        event = {"type": "signup", "event_id": "s", "customer_id": "n", "occurred_at": "2026-05-12T00:00:00Z"}
        assert (await server.request("POST", "/v1/events", json=event)).status == 200
    finally:
        await asyncio.to_thread(redis.start)

    async def back() -> bool:
        return (await server.request("GET", "/v1/segments")).status == 200

    await until(back, "look-ups to be back")
