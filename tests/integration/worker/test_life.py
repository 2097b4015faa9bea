"""The life of a worker: its log, what it waits for, what it refuses, and how it stops."""

import asyncio
import json
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from agents.demo.embedded.loopback import kafka_answers
from streams.defaults import campaigns_text, policy_text
from streams.kafka.topics import TOPIC_SPECS
from tests.integration.worker import hostile_records as hostile
from tests.records.kafka_records import Published, publish, read
from tests.retail.rules import STEPPE
from tests.retail.year import draw_year
from tests.running.workers import RunningWorker, Site, until
from tests.servers.apache_kafka import ApacheKafka
from tests.servers.topics import make_topic

TOPICS: Final = (
    *("purchases", "signups", "refunds", "consents", "contacts", "erasures", "events"),
    *("journal", "control", "rejected", "segment-changes", "offers", "reactivations", "suppressions"),
    *("outcomes", "daily"),
)


def _signups(names: Sequence[str]) -> list[Published]:
    return [Published(json.dumps(hostile.valid("signups", name)).encode(), name.encode()) for name in names]


@pytest.mark.timeout(120)
async def test_a_worker_logs_its_connections_creates_topics_and_stops(site: Site) -> None:
    site.settings["PARTITIONS"] = "3"
    worker = site.worker()
    line = await worker.wait_for_log("goldstream worker: ")
    for part in (site.kafka, "Redis none", site.prefix, "time wall", "retail-27@1", "retail@2", "127.0.0.1:"):
        assert part in line
    assert worker.port not in {None, 0}
    await worker.ready()
    assert await worker.get("/health") == (200, "ok\n")
    assert await worker.get("/ready") == (200, "ok\n")
    assert f"created {len(TOPIC_SPECS)} topics: {site.topic('purchases')}" in worker.log
    first = await worker.wait_for_log("first start under the prefix")
    assert "time zone UTC, currency RUB, window 365 days, 3 partitions" in first
    assert first.index("warning") < first.index("goldstream init")
    assert worker.log.index("first start") < worker.log.index("created "), "it is said before it is done"
    assert "NotLeaderForPartition" not in worker.log, "topics are used when their partitions have leaders"
    assert "GroupCoordinatorNotAvailable" not in worker.log
    checked = await site.command("topics", "check")
    assert checked.status == 0, checked.out + checked.errors
    for topic in TOPICS:
        assert site.topic(topic) in checked.out
    assert await worker.stop() == 0
    assert "stopped" in worker.log.splitlines()[-1]


@pytest.mark.timeout(120)
async def test_a_worker_stops_in_time_under_load_and_continues(site: Site, seed: int) -> None:
    year = draw_year(seed, STEPPE, 500)
    site.settings |= STEPPE.settings(site.directory) | {"TIME": "event"}
    await make_topic(site.kafka, site.topic("events"), 8)
    await publish(site.kafka, site.topic("events"), year.records)
    worker = site.worker()

    async def works() -> bool:
        samples = (await worker.get("/metrics"))[1]
        return "goldstream_records_total" in samples and (await worker.metrics()).total("goldstream_records_total") > 0

    await until(works, "the worker to be at work")
    assert await worker.stop() == 0
    worker.start()
    await site.advance(year.ends_at)
    journal = await read(site.kafka, site.topic("journal"))
    journaled = sum(record.key is not None for record in journal)
    assert journaled == len(year.events) - year.anonymous, "what was committed at the stop is not read again"


@pytest.mark.timeout(240)
async def test_a_worker_waits_for_a_late_kafka_and_stops_without_one(site: Site, kafka: ApacheKafka) -> None:
    address = kafka.bootstrap
    await asyncio.to_thread(kafka.stop)
    assert not await kafka_answers(kafka.port)
    try:
        early, patient = site.worker(), site.worker()
        for worker in (early, patient):
            await worker.wait_for_log(f"waiting for Kafka at {site.kafka}")
            status, why = await worker.get("/health")
            assert (status, "waiting for Kafka" in why) == (503, True)
            assert (await worker.get("/ready"))[0] == 503
        assert await early.stop() == 0
    finally:
        await asyncio.to_thread(kafka.start)
    await patient.ready()
    assert len([line for line in patient.log.splitlines() if "waiting for Kafka" in line]) == 1
    await publish(site.kafka, site.topic("signups"), _signups(["one"]))
    await _changes(site, 1)
    await asyncio.to_thread(kafka.stop)
    try:
        assert await patient.stop() == 0
    finally:
        await asyncio.to_thread(kafka.start)
    assert kafka.bootstrap == address
    assert len(await read(site.kafka, site.topic("segment-changes"))) == 1, "it keeps its data"


@pytest.mark.timeout(150)
async def test_a_worker_is_not_ready_while_it_waits_for_another_and_says_for_what(site: Site) -> None:
    worker = site.worker("--only", "segment")
    line = await worker.wait_for_log("worker waits for the first policy")
    assert "a worker with the stage admit" in line, "the line says what to do"
    status, why = await worker.get("/ready")
    assert (status, "waits for the first policy" in why) == (503, True)
    waiting = (await worker.metrics()).by("goldstream_waiting_seconds", "what")
    assert waiting.keys() == {("policy",)}
    assert waiting["policy",] > 10

    site.worker("--only", "admit")
    await worker.wait_for_log("worker no longer waits for the first policy")
    await worker.ready()
    assert (await worker.metrics()).by("goldstream_waiting_seconds", "what") == {}


@pytest.mark.timeout(120)
async def test_a_topic_with_wrong_partitions_is_refused_in_one_line(site: Site) -> None:
    await make_topic(site.kafka, site.topic("journal"), 2)
    await make_topic(site.kafka, site.topic("segment-changes"), 3, {"cleanup.policy": "compact"})
    worker = site.worker()
    assert await worker.wait_for_exit() == 1
    (line,) = [line for line in worker.log.splitlines() if site.topic("segment-changes") in line]
    assert "must have 2 partitions: it has 3" in line


@pytest.mark.timeout(120)
@pytest.mark.parametrize("topic", ["journal", "customers"])
async def test_a_record_of_an_unknown_format_stops_a_worker(site: Site, topic: str) -> None:
    await site.create_topics()
    await publish(site.kafka, site.topic(topic), [Published(b"\x09from the future", b"c-1")])
    worker = site.worker()
    assert await worker.wait_for_exit(60) == 1
    (line,) = [line for line in worker.log.splitlines() if "format version 9" in line]
    assert site.topic(topic) in line
    assert "Traceback" not in worker.log


@pytest.mark.timeout(60)
async def test_an_invalid_policy_is_refused_with_all_errors_first(site: Site) -> None:
    path = site.directory / "faulty.toml"
    path.write_text(policy_text().replace("edges = [60, 180]", "edges = [60, 60]").replace('"RUB"', '"ROUBLE"'))
    worker = site.worker(POLICY=str(path), KAFKA="127.0.0.1:1")
    assert await worker.wait_for_exit() in {1, 2}
    assert "recency_days.edges" in worker.log
    assert "ROUBLE" in worker.log
    assert "Traceback" not in worker.log


@pytest.mark.timeout(60)
async def test_a_taken_http_address_is_reported_in_one_line(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        worker = site.worker(HTTP=f"127.0.0.1:{port}")
        assert await worker.wait_for_exit() == 1
    assert f"GOLDSTREAM_HTTP must be an address that is free: got 127.0.0.1:{port} (Address already" in worker.log
    assert "Traceback" not in worker.log


@pytest.mark.timeout(150)
async def test_two_workers_share_the_partitions(site: Site) -> None:
    """The death of one of them is tested in tests/fault/test_kill.py."""
    site.settings["TIME"] = "event"
    workers = [site.worker(), site.worker()]

    async def shared() -> bool:
        return [await _partitions(worker) for worker in workers] == [2, 2]

    await until(shared, "two partitions for each")
    await publish(site.kafka, site.topic("signups"), _signups([f"n{number}" for number in range(20)]))
    await _changes(site, 20)

    async def counted() -> list[float]:
        changes = [(await worker.metrics()).total("goldstream_segment_changes_total") for worker in workers]
        return changes if sum(changes) >= 20 else []

    changes = await until(counted, "what is published to be counted")
    assert sum(changes) == 20
    assert min(changes) > 0


@pytest.mark.timeout(150)
async def test_a_new_policy_changes_segments_and_a_reused_version_is_refused(site: Site) -> None:
    site.settings["TIME"] = "event"
    worker = site.worker()
    await worker.ready()
    purchases = [Published(json.dumps(hostile.valid("purchases", name)).encode()) for name in ("one", "two")]
    await publish(site.kafka, site.topic("purchases"), purchases)
    await _changes(site, 2)

    new = _policy(site, "new.toml", policy_text().replace("version = 1", "version = 2").replace('"new"', '"fresh"'))
    campaigns = _policy(
        site, "campaigns.toml", campaigns_text().replace("version = 2", "version = 3").replace('"new"', '"fresh"')
    )
    apply = ("policy", "apply", str(new), "--yes")
    refused = await site.command(*apply)
    assert (refused.status, refused.errors.count('contains the unknown name "new"')) == (1, 2)
    applied = await site.command(*apply, "--campaigns", str(campaigns))
    assert applied.status == 0, applied.errors
    assert "retail-27@2 and retail@3: applied, in all partitions; 2 customers moved" in applied.out
    again = await site.command(*apply, "--campaigns", str(campaigns))
    assert (again.status, again.out) == (0, "retail-27@2 is already active\n")
    await _changes(site, 4)
    await worker.wait_for_log("policy retail-27@2 is active, in place of retail-27@1")
    assert (await worker.metrics()).total("goldstream_build_info", policy="retail-27@2", campaigns="retail@3") == 1
    changes = [json.loads(record.value) for record in await read(site.kafka, site.topic("segment-changes"))]
    for change in [each for each in changes if each["seq"] == 2]:
        assert (change["from"], change["to"], change["cause"]) == ("new", "fresh", {"kind": "policy"})
        assert (change["why"], change["policy"], change["backfill"]) == ([], "retail-27@2", False)

    for name, text in (
        ("same.toml", new.read_text().replace("edges = [60, 180]", "edges = [60, 181]")),
        ("currency.toml", new.read_text().replace('"RUB"', '"EUR"').replace("version = 2", "version = 3")),
        ("window.toml", new.read_text().replace("window_days = 365", "window_days = 30").replace("= 2", "= 3", 1)),
    ):
        refused = await site.command("policy", "apply", str(_policy(site, name, text)), "--yes")
        assert refused.status == 1, f"{name}: {refused}"
        assert refused.errors.count("\n") == 1

    assert "first start" in worker.log
    late = site.worker(POLICY=str(_policy(site, "own.toml", policy_text().replace("version = 1", "version = 9"))))
    said = await late.wait_for_log("active is policy")
    assert "retail-27@2" in said
    assert "retail-27@9" in said
    assert "first start" not in late.log


def _policy(site: Site, name: str, text: str) -> Path:
    path = site.directory / name
    path.write_text(text)
    return path


async def _partitions(worker: RunningWorker) -> float:
    status, _ = await worker.get("/ready")
    return (await worker.metrics()).total("goldstream_assigned_partitions", stage="segment") if status == 200 else -1


async def _changes(site: Site, count: int) -> None:
    """Wait until this many changes are published."""

    async def enough() -> bool:
        return len(await read(site.kafka, site.topic("segment-changes"))) >= count

    await until(enough, f"{count} changes", every_s=0.2)


async def test_a_first_start_says_that_campaigns_do_not_fit_the_policy(site: Site) -> None:
    own = policy_text().replace('name = "retail-27"', 'name = "own"').replace('name = "churned"', 'name = "gone"')
    worker = site.worker(POLICY=str(_policy(site, "own.toml", own)))
    first = await worker.wait_for_log("first start under the prefix")
    assert "goldstream init" not in first, "the policy was chosen"
    said = await worker.wait_for_log("retail@2 does not fit own@1, set GOLDSTREAM_CAMPAIGNS: ")
    assert "churned" in said
