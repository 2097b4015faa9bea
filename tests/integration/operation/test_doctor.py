"""`goldstream doctor` on real servers: what it finds, and the exit status."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from redis.asyncio import Redis

from agents.demo.embedded.loopback import free_port
from streams.defaults import campaigns_text, policy_text
from streams.kafka.control import ControlRecord, append_control
from streams.settings.settings import load_settings
from tests.integration.intake.intake_events import prepare
from tests.integration.security.listed_rights import WORKERS_ROW, listed_rights
from tests.records.kafka_records import Published, publish
from tests.running.http_servers import RunningServer
from tests.running.workers import Site, until
from tests.servers.apache_kafka import ApacheKafka
from tests.servers.certificates import Authority
from tests.servers.protected_kafka import PASSWORD, WORKER, ProtectedKafka
from tests.servers.redis_server import RedisServer

NEXT: Final = policy_text().replace("version = 1 ", "version = 2 ")
WITHOUT_CHURNED: Final = NEXT.replace('name = "churned"', 'name = "gone"')


class Examined(NamedTuple):
    """The exit status, and what was found: level and message by the name of the check."""

    status: int
    found: dict[str, list[tuple[str, str]]]

    def levels(self) -> dict[str, str]:
        """Return the level of the first finding of each check."""
        return {check: findings[0][0] for check, findings in self.found.items()}


async def examine(site: Site, **settings: str) -> Examined:
    done = await replace(site, settings=site.settings | settings).command("doctor", "--json")
    assert done.errors == ""
    found: dict[str, list[tuple[str, str]]] = {}
    for each in json.loads(done.out)["findings"]:
        assert (each["remedy"] is None) == (each["level"] == "good")
        found.setdefault(each["check"], []).append((each["level"], each["message"]))
    return Examined(done.status, found)


async def test_before_the_first_start_nothing_is_wrong(site: Site) -> None:
    examined = await examine(site, PARTITIONS="7")
    assert examined.status == 0, examined.found
    assert examined.levels()["permissions"] in {"good", "warning"}, "brokers may have just started"
    assert {check: level for check, level in examined.levels().items() if check != "permissions"} == {
        "kafka": "good",
        "topics": "warning",
        "rules": "warning",
        "watermark": "warning",
        "redis": "good",
        "serve": "good",
    }
    assert "time zone UTC, currency RUB, window 365 days, 7 partitions" in examined.found["rules"][0][1]


async def test_a_server_is_examined_with_its_files(
    site: Site, http_server: Callable[..., Awaitable[RunningServer]]
) -> None:
    await prepare(site)
    tokens, hooks = site.directory / "tokens.toml", site.directory / "hooks.toml"
    files = {"TOKENS": str(tokens), "HOOKS": str(hooks)}
    tokens.touch(mode=0o644)
    hooks.write_text('[[hook]]\nplatform = "shopyfy"\nname = "shop"\nsecrets = ["12345678"]\n', encoding="utf-8")
    hooks.chmod(0o600)
    address = f"127.0.0.1:{free_port()}"

    examined = await examine(site, API=address, **files)

    assert examined.status == 1
    assert examined.found["serve"] == [
        ("wrong", f"{tokens}: must be private to its owner: got mode 0644"),
        ("wrong", f"{hooks}: hook 1 (shop): platform 'shopyfy' is unknown"),
        ("warning", f"no server answers at {address}"),
    ]

    tokens.chmod(0o600)
    hooks.write_text(hooks.read_text(encoding="utf-8").replace("shopyfy", "shopify"), encoding="utf-8")
    server = await http_server(API=address, **files)
    examined = await examine(site, API=address, **files)
    assert examined.found["serve"] == [
        ("warning", f"0 tokens in {tokens}"),
        ("good", f"1 webhook in {hooks}"),
        ("good", f"ready at {server.url}"),
    ]

    exposed = await examine(site, API=f"0.0.0.0:{free_port()}")
    assert {level for level, _ in exposed.found["serve"][:2]} == {"wrong"}, "neither tokens nor TLS"


async def test_another_program_at_the_address_of_the_server_is_wrong(site: Site) -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as other:
        address = f"127.0.0.1:{other.sockets[0].getsockname()[1]}"
        (finding,) = (await examine(site, API=address)).found["serve"]
    assert finding == ("wrong", f"what answers at http://{address} with status 404 is no `goldstream serve`")


async def test_a_running_worker_is_well_and_a_stopped_one_is_missed(site: Site, redis_server: RedisServer) -> None:
    site.settings["REDIS"] = redis_server.url
    worker = site.worker(program=("-m", "tests.fault.workers.short_session_worker"))
    await worker.ready()

    async def is_well() -> bool:
        return set((await examine(site)).levels().values()) == {"good"}

    await until(is_well, "doctor to find everything good", every_s=0.5)
    assert (await site.command("doctor")).status == 0

    await publish(site.kafka, site.topic("purchases"), [Published(b"{}"), Published(b"\xff"), Published(b"[]")])

    async def dead_letters() -> str:
        return (await examine(site)).found["dead letters"][0][1]

    async def are_counted() -> bool:
        return await dead_letters() == "3 in the last hour: 2 malformed, 1 invalid"

    await until(are_counted, "three dead letters", every_s=0.5)

    assert await worker.stop() == 0

    async def is_missed() -> bool:
        return (await examine(site)).levels()["project"] == "wrong"

    await until(is_missed, "the worker's sessions to end", every_s=0.5)
    stopped = await examine(site)
    assert stopped.status == 1
    assert {stopped.levels()[stage] for stage in ("admit", "segment", "project")} == {"wrong"}
    text = await site.command("doctor")
    assert (text.status, text.errors) == (1, "")
    assert "→ start one: `goldstream worker`" in text.out


async def test_rules_and_topics_that_differ_are_named(site: Site) -> None:
    await site.create_topics()
    settings = load_settings(environ=site.environment())
    for record in (
        ControlRecord("policy", text=policy_text()),
        ControlRecord("campaigns", text=campaigns_text()),
        ControlRecord("policy", text=policy_text().replace("[60, 180]", "[61, 180]")),
        ControlRecord("policy", text=WITHOUT_CHURNED),
    ):
        await append_control(settings, record)
    admin = AIOKafkaAdminClient(bootstrap_servers=site.kafka)
    await admin.start()
    try:
        shortened = {"cleanup.policy": "delete", "retention.ms": "60000"}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, site.topic("journal"), shortened)])
        await admin.delete_topics([site.topic("daily")])
    finally:
        await admin.close()

    async def is_deleted() -> bool:
        return ("wrong", f"missing: {site.topic('daily')}") in (await examine(site)).found["topics"]

    await until(is_deleted, "the topic to be missed", every_s=0.5)
    examined = await examine(site)
    assert examined.status == 1
    assert examined.found["topics"][1][0] == "warning"
    assert f"{site.topic('journal')} has retention.ms=60000: replays" in examined.found["topics"][1][1]
    rules = [message for _, message in examined.found["rules"]]
    assert rules[0].startswith("the policy at offset 2 of control has no effect: retail-27@1 is already active")
    assert rules[1] == "active is policy retail-27@2, not the configured retail-27@1"
    assert rules[2].startswith("retail@2 does not fit retail-27@2: ")
    assert "churned" in rules[2]


async def test_a_redis_that_deletes_customers_is_wrong(site: Site, redis_server: RedisServer) -> None:
    redis = Redis.from_url(redis_server.url)
    await redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        examined = await examine(site, REDIS=redis_server.url)
    finally:
        await redis.config_set("maxmemory-policy", "noeviction")
        await redis.aclose()
    assert (examined.status, examined.levels()["redis"]) == (1, "good")
    assert examined.found["redis memory"] == [("wrong", "maxmemory-policy is allkeys-lru: it deletes customers")]


async def test_servers_that_do_not_answer_are_wrong(kafka: ApacheKafka, prefix: str, tmp_path: Path) -> None:
    del kafka
    site = Site("127.0.0.1:1", prefix, tmp_path, {})
    examined = await examine(site, REDIS="redis://127.0.0.1:1/0")
    assert (examined.status, examined.levels()) == (1, {"kafka": "wrong", "redis": "wrong", "serve": "good"})
    assert examined.found["kafka"][0][1] == "Kafka cannot be reached at 127.0.0.1:1"


@pytest.mark.timeout(100)
async def test_missing_permissions_are_named(
    protected_kafka: ProtectedKafka, authority: Authority, prefix: str, tmp_path: Path
) -> None:
    owner = Site(protected_kafka.bootstrap, prefix, tmp_path, {})
    await owner.create_topics()
    security = {
        "KAFKA_SECURITY": "sasl_ssl",
        "KAFKA_USERNAME": WORKER,
        "KAFKA_PASSWORD": PASSWORD,
        "KAFKA_CAFILE": str(authority.cafile),
    }
    site = Site(protected_kafka.at("SASL"), prefix, tmp_path, security)
    refused = await examine(site)
    assert refused.status == 1
    lacking = {message for level, message in refused.found["permissions"] if level == "wrong"}
    journal = f"this user lacks Read, Write, Describe, DescribeConfigs on topic {site.topic('journal')}"
    assert journal in lacking
    assert f"this user lacks Read on group {prefix}.segment" in lacking
    assert f"Kafka does not let this user write as {prefix}.doctor" in lacking

    await protected_kafka.allow(WORKER, *listed_rights(prefix)[WORKERS_ROW])
    allowed = await examine(site)
    assert allowed.found["permissions"] == [("good", "this user may do what a worker does")]
