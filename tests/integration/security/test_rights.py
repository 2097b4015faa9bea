"""Each program runs as a Kafka user with exactly the rights that deploy/README.md lists for it, and does its work."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from streams.defaults import policy_text
from tests.integration.intake.hook_shops import HOOKS, ShopifyOrder, hooks_file, shopify
from tests.integration.security.listed_rights import WORKERS_ROW, listed_rights
from tests.records.kafka_records import Published, publish, read
from tests.running.http_servers import HttpAnswer, RunningServer, start_server
from tests.running.workers import FinishedCommand, Site, until
from tests.servers.protected_kafka import LIMITED, PASSWORD, WORKER, ProtectedKafka, Right

USERS: Final = {
    WORKERS_ROW: WORKER,
    "`serve`": "server",
    "`serve` with webhooks, besides": "server",
    "`import`": "importer",
    "`simulate`": "publisher",
    "`policy apply`, `campaigns apply`, `advance`": "operator",
    "`erase`": "eraser",
    "`rejected resend`": "resender",
    "`replay`": "replayer",
    "all other commands, which only read": "reader",
}
POLICY_BY_HTTP: Final = "`serve` with `POST /v1/policy`, besides"
READING: Final = {
    ("customer", "c-1"): "c-1: at_risk",
    ("segment", "at_risk"): "from Kafka",
    ("health",): "net revenue",
    ("rejected", "show"): "2 rejected events",
    ("policy", "history"): "retail-27@3",
    ("policy", "diff", "next.toml", "third.toml"): "retail-27@3",
    ("campaigns", "report"): "second-purchase",
    ("campaigns", "forecast"): "messages are due",
    ("erase", "c-2", "--proof"): "everything of the customer up to there is dropped",
}
NEXT: Final = policy_text().replace("version = 1 ", "version = 2 ").replace("[60, 180]", "[30, 95]")
ENDS_AT: Final = "2026-04-10T00:00:00Z"
SALES: Final = "customer,date,amount,order\n" + "".join(f"c-{n},2026-03-0{n},700,o-{n}\n" for n in range(1, 6))
EVENT: Final = {
    "type": "purchase",
    "event_id": "e-9",
    "customer_id": "c-9",
    "order_id": "o-9",
    "occurred_at": "2026-03-09T00:00:00Z",
    "amount": "10.00",
    "currency": "RUB",
}


@pytest.fixture
def site(protected_kafka: ProtectedKafka, prefix: str, tmp_path: Path) -> Iterator[Site]:
    """A site whose broker the tests reach in plaintext as a user who may do everything."""
    place = Site(protected_kafka.bootstrap, prefix, tmp_path, {"PARTITIONS": "2", "TIME": "event"})
    (tmp_path / "sales.csv").write_text(SALES)
    (tmp_path / "next.toml").write_text(NEXT)
    try:
        yield place
    finally:
        place.close()


@pytest.fixture
def users(site: Site, protected_kafka: ProtectedKafka) -> Iterator[dict[str, Site]]:
    """The site as each user, by their names."""
    login = {"KAFKA": protected_kafka.at("SASLOPEN"), "KAFKA_SECURITY": "sasl_plaintext", "KAFKA_PASSWORD": PASSWORD}
    login |= site.settings | {"KAFKA_SASL_MECHANISM": "PLAIN"}
    sites = {user: replace(site, settings=login | {"KAFKA_USERNAME": user}, workers=[]) for user in LIMITED}
    try:
        yield sites
    finally:
        for each in sites.values():
            each.close()


async def done(site: Site, *arguments: str) -> FinishedCommand:
    finished = await site.command(*arguments)
    assert finished.status == 0, (arguments, finished.errors)
    return finished


async def apply_by_http(server: RunningServer) -> HttpAnswer:
    return await server.request("POST", "/v1/policy", data=NEXT.encode(), headers={"Content-Type": "application/toml"})


async def serve_a_day(server: RunningServer, site: Site, kafka: ProtectedKafka, for_policy: list[Right]) -> None:
    """Send an event, two webhooks, a look-up and a policy, first without the right that only a policy needs."""
    assert (await server.request("POST", "/v1/events", json=EVENT)).status == 200
    for content, outcome in ((ShopifyOrder(1001, "n@example.com", "5890.00").paid(), "accepted"), ({}, "rejected")):
        answer = await shopify(server, "orders/paid", content)
        assert answer.json == {"accepted": 0, "ignored": 0, "rejected": 0} | {outcome: 1}
    assert (await server.request("GET", "/v1/campaigns/report")).status == 200
    refused = await apply_by_http(server)
    assert refused.status == 503
    assert f"the Kafka user lacks Write on topic {site.topic('control')}" in refused.json["detail"]
    await kafka.allow("server", *for_policy)
    assert (await apply_by_http(server)).json["applied"]


@pytest.mark.timeout(240)
async def test_each_program_works_with_the_rights_that_are_listed(
    protected_kafka: ProtectedKafka, site: Site, users: dict[str, Site]
) -> None:
    rights = listed_rights(site.prefix, f"{site.prefix}-new")
    assert rights.keys() == {*USERS, POLICY_BY_HTTP}
    for program, user in USERS.items():
        await protected_kafka.allow(user, *rights[program])

    await done(users[WORKER], "topics", "create")
    worker = users[WORKER].worker()
    await worker.ready()
    await done(users["importer"], "import", "sales.csv", "--timezone", "UTC")
    server = start_server(users["server"], "server", HOOKS=hooks_file(site.directory, HOOKS))
    try:
        await server.ready()
        await serve_a_day(server, site, protected_kafka, rights[POLICY_BY_HTTP])
    finally:
        server.kill()
    await publish(site.kafka, site.topic("events"), [Published(b"nothing", b"k")])
    await done(users["operator"], "advance", "--to", ENDS_AT)
    applied = await done(users["operator"], "policy", "apply", "next.toml", "--yes")
    assert "is already active" in applied.out
    (site.directory / "third.toml").write_text(NEXT.replace("version = 2 ", "version = 3 "))
    applied = await done(users["operator"], "policy", "apply", "third.toml", "--yes")
    assert "in all partitions" in applied.out
    erased = await done(users["eraser"], "erase", "c-2", "--yes", "--at", "2026-04-09T00:00:00Z")
    assert "no profile from before the erasure" in erased.out
    commands = [users["reader"].command(*arguments) for arguments in READING]
    for (arguments, expected), each in zip(READING.items(), await asyncio.gather(*commands), strict=True):
        assert each.status == 0, (arguments, each.errors)
        assert expected in each.out, (arguments, each.out)
    assert "1 sent again" in (await done(users["resender"], "rejected", "resend", "--yes")).out
    examined = json.loads((await users[WORKER].command("doctor", "--json")).out)["findings"]
    assert [each["message"] for each in examined if each["level"] == "wrong"] == []
    assert "this user may do what a worker does" in {each["message"] for each in examined}
    await done(users["publisher"], "simulate", "--events", "5")
    assert await worker.stop() == 0
    await done(users["replayer"], "replay", "--into", f"{site.prefix}-new")
    assert await read(site.kafka, f"{site.prefix}-new.journal.v1")


@pytest.mark.timeout(120)
async def test_a_missing_right_is_named_with_its_topic_in_one_line(
    protected_kafka: ProtectedKafka, site: Site, users: dict[str, Site]
) -> None:
    await site.create_topics()
    rights = listed_rights(site.prefix)
    nearly = {
        "nearly-worker": [right for right in rights[WORKERS_ROW] if right.kind != "group"],
        "nearly-server": [right for right in rights["`serve`"] if right.operations != ("Write",)],
        "nearly-importer": [right for right in rights["`import`"] if right.name != site.topic("order-ledger")],
    }
    for user, own in nearly.items():
        await protected_kafka.allow(user, *own)
    commands = {
        (
            "import",
            "sales.csv",
            "--timezone",
            "UTC",
        ): f"Read, Write on topics {site.topic('order-ledger')}, {site.topic('events')}",
        ("simulate", "--events", "5"): f"Write on topic {site.topic('events')}",
        ("policy", "apply", "next.toml", "--yes"): f"Read, Write on topic {site.topic('control')}",
        ("advance", "--to", ENDS_AT): f"Read, Write on topic {site.topic('control')}",
        ("erase", "c-1", "--yes", "--at", ENDS_AT): f"Read, Write on topic {site.topic('erasures')}",
        ("rejected", "resend", "--yes"): f"Read on topics {site.topic('control')}, {site.topic('rejected')}",
        ("replay", "--into", "elsewhere"): f"Describe on group {site.prefix}.admit",
        ("customer", "c-1"): f"Read on topics {site.topic('purchases')}",
    }
    finished = await asyncio.gather(
        users["nearly-importer"].command("import", "sales.csv", "--timezone", "UTC"),
        *(users["stranger"].command(*arguments) for arguments in commands),
    )
    expected = [f"Read, Write on topic {site.topic('order-ledger')}", *commands.values()]
    for each, right in zip(finished, expected, strict=True):
        assert (each.status, each.errors.count("\n")) == (1, 1), each.errors
        assert each.errors.startswith("goldstream: the Kafka user lacks ")
        assert right in each.errors

    worker = users["nearly-worker"].worker()
    assert await worker.wait_for_exit() == 1
    assert f"the Kafka user lacks Read on groups {site.prefix}.admit, " in worker.log.splitlines()[-1]
    server = start_server(users["nearly-server"], "server")
    try:
        await server.listening()
        refusal = f"the Kafka user lacks Write on topic {site.topic('events')}"

        async def names_it() -> bool:
            return refusal in (await server.request("POST", "/v1/events", json=EVENT)).json["detail"]

        await until(names_it, "the server to name the right that it lacks")
        assert "Traceback" not in server.log
    finally:
        server.kill()
