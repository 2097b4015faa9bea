"""Recovery from changelogs that are compacted, have transaction markers, are empty or are out of step."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from streams.tables.customers_table import FENCE_KEY
from streams.tables.progress import PROGRESS_KEY
from tests.fault.scenarios.catalog import ERASURES, Place, Scenario, plays_of, year_of
from tests.fault.scenarios.running_scenario import PARTITIONS, Fault, RunningScenario, Wave, running_year
from tests.records.kafka_records import Published, publish, read
from tests.running.workers import until
from tests.servers.apache_kafka import ApacheKafka

RECOVERED_FROM: Final = ("customers", "progress", "erasure-ledger")
COMPACT_AT_ONCE: Final = {"cleanup.policy": "compact", "segment.ms": "100", "delete.retention.ms": "0"}

Tamper = Callable[[RunningScenario], Awaitable[None]]


async def compacted(scenario: RunningScenario) -> None:
    """Changelog, progress and ledger are compacted."""
    before = {name: len(await read(scenario.kafka.bootstrap, scenario.site.topic(name))) for name in RECOVERED_FROM}
    async with _admin(scenario) as admin:
        for name in RECOVERED_FROM:
            topic = ConfigResource(ConfigResourceType.TOPIC, scenario.site.topic(name), COMPACT_AT_ONCE)
            for answer in await admin.alter_configs([topic]):
                assert not answer.resources[0][0], answer

    async def smaller() -> bool:
        # the next record closes a segment
        nothing = [Published(None, FENCE_KEY, partition) for partition in range(PARTITIONS)]
        for name in RECOVERED_FROM:
            await publish(scenario.kafka.bootstrap, scenario.site.topic(name), nothing)
        now = {name: len(await read(scenario.kafka.bootstrap, scenario.site.topic(name))) for name in RECOVERED_FROM}
        return now["customers"] < before["customers"]

    await until(smaller, "compaction", 120, every_s=0.3)


async def marked_by_transactions(scenario: RunningScenario) -> None:
    """Another producer has aborted transactions in changelog, progress, ledger and journal."""
    async with AIOKafkaProducer(
        bootstrap_servers=scenario.kafka.bootstrap, transactional_id=f"{scenario.site.prefix}-stranger"
    ) as producer:
        for _ in range(2):
            await producer.begin_transaction()
            for name in (*RECOVERED_FROM, "journal"):
                for partition in range(PARTITIONS):
                    await producer.send(scenario.site.topic(name), b"\x09 of no version", b"nobody", partition)
            await producer.abort_transaction()


async def with_a_progress_that_is_behind(scenario: RunningScenario) -> None:
    """The last progress record is an old one."""
    old: dict[int, Published] = {}
    for record in await read(scenario.kafka.bootstrap, scenario.site.topic("progress")):
        if record.key == PROGRESS_KEY:
            old.setdefault(record.partition, Published(record.value, record.key, record.partition))
    await publish(scenario.kafka.bootstrap, scenario.site.topic("progress"), old.values())


async def without_progress(scenario: RunningScenario) -> None:
    """The progress is lost."""
    await _make_anew(scenario, "progress")


async def lost(scenario: RunningScenario) -> None:
    """Changelog, progress, ledger and Redis are lost; the journal remains."""
    await _make_anew(scenario, *RECOVERED_FROM)
    scenario.redis.flush()


async def _make_anew(scenario: RunningScenario, *names: str) -> None:
    async with _admin(scenario) as admin:
        topics = [scenario.site.topic(name) for name in names]
        await admin.delete_topics(topics)

        async def gone() -> bool:
            return not set(topics) & set(await admin.list_topics())

        await until(gone, "topics to be deleted")
    await scenario.site.create_topics()


@asynccontextmanager
async def _admin(scenario: RunningScenario) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=scenario.kafka.bootstrap)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


def recovered_from(tamper: Tamper) -> Fault:
    """Return a fault: the worker stops mid-wave, and what it recovers from is changed."""

    async def recovered(scenario: RunningScenario, wave: Wave) -> None:
        await scenario.work_on(wave)
        worker = scenario.any_worker()
        if scenario.rng.random() < 0.5:
            worker.kill()
        else:
            assert await worker.stop() == 0, worker.log
        await tamper(scenario)
        worker.start()

    recovered.__doc__ = tamper.__doc__
    return recovered


TAMPERS: Final[dict[str, Tamper]] = {
    "compacted": compacted,
    "marked by transactions": marked_by_transactions,
    "with a progress that is behind": with_a_progress_that_is_behind,
    "without progress": without_progress,
    "lost": lost,
}
LONGER: Final = {"compacted", "without progress"}
"""Left to `make faults`: so short a history gives the cleaner little to do, and the lost have no progress either."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plays(
    request: pytest.FixtureRequest, kafka: ApacheKafka, scene_seed: int, place: Place
) -> AsyncIterator[Mapping[str, Awaitable[None]]]:
    """Run the selected scenarios; tests/fault/long uses a retailer's year as well."""
    plots = {name: Scenario(1, ERASURES, [recovered_from(tamper)]) for name, tamper in TAMPERS.items()}
    async with plays_of(plots, request, kafka, place, scene_seed) as running:
        yield running


@pytest.mark.timeout(300)
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", sorted(TAMPERS.keys() - LONGER))
async def test_the_table_is_complete_when_what_it_is_recovered_from_is(
    plays: Mapping[str, Awaitable[None]], name: str
) -> None:
    await plays[name]


@pytest.mark.timeout(150)
async def test_a_journal_shorter_than_the_progress_stops_the_worker(
    kafka: ApacheKafka, prefix: str, tmp_path: Path, seed: int
) -> None:
    async with running_year(kafka, prefix, tmp_path, year_of(40)(seed), workers=1) as scenario:
        await scenario.publish(scenario.year.records)
        await scenario.processed_all()
        (worker,) = scenario.workers
        assert await worker.stop() == 0
        await _make_anew(scenario, "journal")
        worker.start()
        assert await worker.wait_for_exit(60) == 1, worker.log
        (line,) = {line for line in worker.log.splitlines() if " error agents.worker.processes.event_loop: " in line}
        for part in (f"{prefix}.journal.v1", "ends", "GOLDSTREAM_PREFIX"):
            assert part in line
