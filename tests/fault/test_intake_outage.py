"""Kafka goes away while events arrive over HTTP, and the server is stopped or killed: nothing that it took is lost."""

import asyncio
import json
import os
import re
import signal
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.integration.intake.intake_events import Load, has_rules, prepare, purchase
from tests.records.kafka_records import read
from tests.running.http_servers import RunningServer, start_server
from tests.running.workers import Site, until
from tests.servers.apache_kafka import ApacheKafka

OUTAGE_S = float(os.environ.get("OUTAGE_SECONDS", "7"))
"""Longer than a request waits. `make outage` sets it to a minute."""


def resident_bytes(server: RunningServer) -> int:
    """Return the memory of a server's process."""
    return int(Path(f"/proc/{server.child.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def started(site: Site, name: str, *arguments: str) -> RunningServer:
    server = start_server(site, name, *arguments)
    await server.ready()
    await has_rules(server)
    return server


async def published_ids(site: Site) -> list[str]:
    return [json.loads(record.value)["event_id"] for record in await read(site.kafka, site.topic("events"))]


@pytest.mark.timeout(240 + 3 * OUTAGE_S)
async def test_no_200_is_lost_while_kafka_is_away_and_the_server_resumes_by_itself(
    kafka: ApacheKafka, site: Site
) -> None:
    await prepare(site)
    servers = [await started(site, "one"), await started(site, "two")]
    load = Load([server.url for server in servers], per_second=100)
    try:
        running = asyncio.create_task(load.run())
        await until(lambda: _has(load, 200), "the first events")
        before = [resident_bytes(server) for server in servers]
        await asyncio.to_thread(kafka.kill)
        await asyncio.sleep(OUTAGE_S)  # this is how long the outage lasts
        during = [resident_bytes(server) for server in servers]
        await asyncio.to_thread(kafka.start)
        answered = len(load.ids(200))
        await until(lambda: _has(load, 200, more_than=answered + 100), "events after the outage", 60)
        load.stop()
        await running
        statuses = Counter(load.answers.values())
        assert set(statuses) == {200, 503}, statuses
        ids = await published_ids(site)
        assert load.ids(200) <= set(ids)
        assert max(Counter(ids).values()) == 1  # each was sent once, and the producer repeats nothing
        assert all(late - early < 50 << 20 for early, late in zip(before, during, strict=True))
        for server in servers:
            assert (await server.metrics()).total("goldstream_http_pending_bytes") == 0
            assert await server.stop() == 0
    finally:
        await asyncio.to_thread(kafka.start)
        for server in servers:
            server.child.kill()


async def _has(load: Load, status: int, more_than: int = 0) -> bool:
    return len(load.ids(status)) > more_than


@pytest.mark.timeout(240)
async def test_what_waits_for_kafka_is_bounded(kafka: ApacheKafka, site: Site) -> None:
    await prepare(site)
    server = await started(site, "server")
    body = json.dumps([purchase(coupon="x" * 60_000) for _ in range(16)]).encode()
    headers = {"Content-Type": "application/json"}
    try:
        with kafka.frozen():
            sent = [server.request("POST", "/v1/events", data=body, headers=headers) for _ in range(100)]
            answers = await asyncio.gather(*sent)
            assert {answer.status for answer in answers} == {503}
            kinds = Counter(answer.json["type"].rpartition(":")[2] for answer in answers)
            assert kinds.keys() == {"not-acknowledged", "too-much-waiting"}
            assert kinds["not-acknowledged"] == pytest.approx(64 * 1024 * 1024 / len(body), abs=3)
            assert all(answer.headers["retry-after"] == "5" for answer in answers)
            assert all("send the same request again" in answer.json["detail"] for answer in answers)
        await until(lambda: _accepts(server), "an event to be accepted again")
    finally:
        server.child.kill()


async def _accepts(server: RunningServer) -> bool:
    return (await server.request("POST", "/v1/events", json=purchase())).status == 200


async def test_sigterm_under_load_finishes_what_was_accepted(site: Site) -> None:
    await prepare(site)
    server = await started(site, "server")
    load = Load([server.url], per_second=200)
    try:
        running = asyncio.create_task(load.run())
        await until(lambda: _has(load, 200, more_than=100), "load")
        assert await server.stop() == 0
        load.stop()
        await running
    finally:
        server.child.kill()
    statuses = Counter(load.answers.values())
    assert not {status for status in statuses if isinstance(status, int)} - {200, 503}, statuses
    assert load.ids(200) <= set(await published_ids(site))


@pytest.mark.timeout(240)
async def test_a_killed_server_delivers_its_spool_after_a_restart_in_order(kafka: ApacheKafka, site: Site) -> None:
    await prepare(site)
    spool = site.directory / "spool"
    server = await started(site, "server", "--spool", str(spool))
    sent: dict[str, list[str]] = defaultdict(list)

    async def send(customer_id: str) -> int:
        event: dict[str, Any] = purchase(customer_id)
        answer = await server.request("POST", "/v1/events", json=event)
        assert answer.json == {"accepted": 1}
        sent[customer_id].append(event["event_id"])
        return answer.status

    try:
        assert await send("a") == 200
        await asyncio.to_thread(kafka.kill)
        assert {await send(customer_id) for customer_id in "abab"} == {202}
        samples = await server.metrics()
        assert samples.total("goldstream_http_events_total", outcome="spooled") == 4
        assert samples.total("goldstream_http_spool_bytes") > 0
        assert samples.total("goldstream_http_spool_oldest_seconds") > 0
        doctor = await replace(site, settings=site.settings | {"API": server.url.removeprefix("http://")}).command(
            "doctor", "--json"
        )
        waits = next(each for each in json.loads(doctor.out)["findings"] if each["check"] == "serve")
        assert waits["level"] == "warning"
        assert re.search(r"ready at .*, but [\d,]+ bytes wait in the spool, the first since \d+ s", waits["message"])
        server.child.signal(signal.SIGKILL)
        assert await server.wait_for_exit() == -signal.SIGKILL
        server.start()  # while Kafka is still away: it knows the policy from the spool's folder
        await server.listening()
        assert {await send(customer_id) for customer_id in "ab"} == {202}
        second = start_server(site, "second", "--spool", str(spool))
        assert await second.wait_for_exit() == 1
        assert "must be a folder that no other process uses" in second.log
        await asyncio.to_thread(kafka.start)
        await until(lambda: _is_delivered(server), "the spool to be delivered", 60)
        assert await send("a") == 200
        published: dict[str, list[str]] = defaultdict(list)
        for record in await read(site.kafka, site.topic("events")):
            event_id = json.loads(record.value)["event_id"]
            if event_id not in published[record.key.decode()]:  # the first one counts
                published[record.key.decode()].append(event_id)
        assert published == sent
        assert await server.stop() == 0
        assert not list(spool.glob("*.spool"))
    finally:
        await asyncio.to_thread(kafka.start)
        server.child.kill()


async def _is_delivered(server: RunningServer) -> bool:
    return (await server.metrics()).total("goldstream_http_spool_bytes") == 0
