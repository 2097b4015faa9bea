"""Rolling upgrade: an older worker stops when it reads a record of a version it does not know."""

from pathlib import Path

import pytest

from tests.fault.scenarios.checks import check_all
from tests.fault.scenarios.running_scenario import NEXT_VERSION, RunningScenario, Wave, play_year, running_year
from tests.records.kafka_records import Published, publish
from tests.retail.rules import STEPPE
from tests.retail.year import draw_year
from tests.running.workers import RunningWorker, Site
from tests.servers.apache_kafka import ApacheKafka
from tests.servers.redis_server import RedisServer


async def upgraded(scenario: RunningScenario, wave: Wave) -> None:
    """Replace one of two workers by one of the next version; the other stops when it reads what that one writes."""
    older, goes = scenario.workers
    assert await goes.stop() == 0
    scenario.program = NEXT_VERSION
    newer = scenario.worker()
    await newer.ready()
    await scenario.work_on(wave)
    if older.child.running:
        # at the latest it reads a new record when it takes over
        assert await newer.stop() == 0, newer.log
        assert await older.wait_for_exit(60) == 1, older.log
        newer.start()
    _assert_it_names_the_version(older, scenario.site)


def _assert_it_names_the_version(worker: RunningWorker, site: Site) -> None:
    lines = [line for line in worker.log.splitlines() if "format version 9" in line]
    assert lines  # more than one if several stages have read such a record before the worker stopped
    assert all(site.prefix in line and "newer" in line for line in lines)
    assert "Traceback" not in worker.log


@pytest.mark.timeout(200)
async def test_an_older_worker_stops_and_the_newer_one_continues(
    kafka: ApacheKafka, prefix: str, tmp_path: Path, seed: int
) -> None:
    async with running_year(kafka, prefix, tmp_path, draw_year(seed, STEPPE, 200), workers=2) as scenario:
        await play_year(scenario, [upgraded])
        await check_all(scenario)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("topic", ["progress", "erasure-ledger"])
async def test_an_unknown_format_beside_the_table_stops_a_worker(site: Site, topic: str) -> None:
    """The journal and the table are tested in tests/integration/worker/test_life.py."""
    await site.create_topics()
    await publish(site.kafka, site.topic(topic), [Published(b"\x09from the future", b"segment", 0)])
    worker = site.worker()
    assert await worker.wait_for_exit(60) == 1
    _assert_it_names_the_version(worker, site)


@pytest.mark.timeout(120)
async def test_an_unknown_format_stops_the_projection(site: Site, redis_server: RedisServer) -> None:
    site.settings["REDIS"] = redis_server.url
    await site.create_topics()
    await publish(site.kafka, site.topic("customers"), [Published(b"\x09from the future", b"c-1")])
    site.worker("--only", "admit")
    shows = site.worker("--only", "project")
    assert await shows.wait_for_exit(60) == 1
    _assert_it_names_the_version(shows, site)
