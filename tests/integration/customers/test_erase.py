"""`goldstream erase`: it asks, erases, waits, and proves it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from state.records.erasure import erasure_key
from tests.records.kafka_records import Published, publish, read
from tests.running.terminal import answer_on_a_terminal
from tests.running.workers import Site, until
from tests.servers.redis_server import RedisServer


def _purchase(customer: str, number: int) -> Published:
    at = datetime.now(UTC) - timedelta(minutes=10 - number)
    sale = {"event_id": f"{customer}-{number}", "order_id": f"o-{customer}-{number}", "amount": "12.50"}
    event = {**sale, "customer_id": customer, "currency": "RUB", "occurred_at": at.isoformat()}
    return Published(json.dumps(event).encode(), customer.encode())


async def _proof(site: Site, *arguments: str) -> dict[str, Any]:
    done = await site.command("erase", *arguments, "--json")
    assert done.status == 0, done.errors
    found: dict[str, Any] = json.loads(done.out)
    return found


@pytest.mark.timeout(180)
async def test_a_customer_is_erased_after_confirmation_and_the_ledger_proves_it(
    site: Site, redis_server: RedisServer
) -> None:
    site.settings["REDIS"] = redis_server.url
    worker = site.worker()
    await worker.ready()
    await publish(site.kafka, site.topic("purchases"), [_purchase("c-1", 1), _purchase("c-1", 2), _purchase("c-2", 1)])
    redis = Redis.from_url(redis_server.url, decode_responses=True)

    async def are_projected() -> bool:
        return await redis.exists(f"{site.prefix}:customer:c-1", f"{site.prefix}:customer:c-2") == 2

    await until(are_projected, "two customers in Redis")

    unasked = await site.command("erase", "c-1")
    assert (unasked.status, "repeat the command with --yes" in unasked.errors) == (2, True)
    refused = answer_on_a_terminal(["n"], "erase", "c-1", folder=site.directory, environment=site.environment())
    assert (refused.status, "not confirmed; nothing has changed" in refused.text) == (1, True)
    assert "customer 'c-1' under the prefix" in refused.text
    assert "2 orders, 25.00 RUB" in refused.text
    never = await site.command("erase", "--proof", "c-1")
    assert (never.status, never.out) == (1, "")
    assert "has no entry of customer 'c-1'" in never.errors
    assert await read(site.kafka, site.topic("erasures")) == []

    proof = await _proof(site, "c-1", "--yes")
    assert proof["is_complete"]
    assert proof["id_sha256"] == erasure_key("c-1").hex()
    assert proof["last_seq"] == 2
    assert not await redis.exists(f"{site.prefix}:customer:c-1")
    (erasure,) = await read(site.kafka, site.topic("erasures"))
    assert json.loads(erasure.value)["customer_id"] == "c-1"

    story = await site.command("customer", "c-1")
    assert (story.status, story.out) == (1, "")
    assert story.errors.startswith(f"goldstream: customer 'c-1' was erased on {proof['erased_at']}, and ")
    assert (await site.command("customer", "c-2")).status == 0
    text = await site.command("erase", "c-1", "--proof")
    assert (text.status, text.errors) == (0, "")
    assert text.out.startswith(f"customer 'c-1' was erased on {proof['erased_at']}\n")

    unknown = await _proof(site, "c-3", "--yes")
    assert (unknown["is_complete"], unknown["last_seq"], unknown["is_known_again"]) == (True, 0, False)
    await redis.aclose()
    assert await worker.stop() == 0


async def test_in_event_mode_the_time_of_the_request_must_be_given(site: Site) -> None:
    site.settings["TIME"] = "event"
    refused = await site.command("erase", "c-1", "--yes")
    assert (refused.status, refused.errors) == (
        2,
        "goldstream: --at must be given in event mode, which never reads the clock; give the time of the request\n",
    )
