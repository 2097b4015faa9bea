"""Tables recovered from changelogs as they are found: compacted, with marks of transactions, emptied, out of step."""

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
from tests.fault.running_scenario import PARTITIONS, Fault, RunningScenario, Wave, running_year
from tests.fault.scenarios import ERASURES, Place, Scenario, plays_of, year_of
from tests.integration.kafka_records import Published, publish, read
from tests.integration.workers import until
from tests.servers.apache_kafka import ApacheKafka

WRITTEN_DOWN: Final = ("customers", "progress", "erasure-ledger")
COMPACT_AT_ONCE: Final = {"cleanup.policy": "compact", "segment.ms": "100", "delete.retention.ms": "0"}

Tamper = Callable[[RunningScenario], Awaitable[None]]


async def compacted(lived: RunningScenario) -> None:
    """All that was written down is compacted."""
    before = {name: len(await read(lived.kafka.bootstrap, lived.site.topic(name))) for name in WRITTEN_DOWN}
    async with _admin(lived) as admin:
        for name in WRITTEN_DOWN:
            topic = ConfigResource(ConfigResourceType.TOPIC, lived.site.topic(name), COMPACT_AT_ONCE)
            for answer in await admin.alter_configs([topic]):
                assert not answer.resources[0][0], answer

    async def smaller() -> bool:
        # a segment is closed by what comes after it
        nothing = [Published(None, FENCE_KEY, partition) for partition in range(PARTITIONS)]
        for name in WRITTEN_DOWN:
            await publish(lived.kafka.bootstrap, lived.site.topic(name), nothing)
        now = {name: len(await read(lived.kafka.bootstrap, lived.site.topic(name))) for name in WRITTEN_DOWN}
        return now["customers"] < before["customers"]

    await until(smaller, "compaction", 120, every_s=0.3)


async def marked_by_transactions(lived: RunningScenario) -> None:
    """Somebody has begun transactions in everything that is written down, and has thought better of it."""
    async with AIOKafkaProducer(
        bootstrap_servers=lived.kafka.bootstrap, transactional_id=f"{lived.site.prefix}-stranger"
    ) as producer:
        for _ in range(2):
            await producer.begin_transaction()
            for name in (*WRITTEN_DOWN, "journal"):
                for partition in range(PARTITIONS):
                    await producer.send(lived.site.topic(name), b"\x09 of no version", b"nobody", partition)
            await producer.abort_transaction()


async def with_a_progress_that_is_behind(lived: RunningScenario) -> None:
    """The last word about progress is an old one."""
    old: dict[int, Published] = {}
    for record in await read(lived.kafka.bootstrap, lived.site.topic("progress")):
        if record.key == PROGRESS_KEY:
            old.setdefault(record.partition, Published(record.value, record.key, record.partition))
    await publish(lived.kafka.bootstrap, lived.site.topic("progress"), old.values())


async def without_progress(lived: RunningScenario) -> None:
    """How far the lanes were is lost."""
    await _make_anew(lived, "progress")


async def lost(lived: RunningScenario) -> None:
    """All that was written down is lost, and Redis too; the journal is there."""
    await _make_anew(lived, *WRITTEN_DOWN)
    lived.redis.flush()


async def _make_anew(lived: RunningScenario, *names: str) -> None:
    async with _admin(lived) as admin:
        topics = [lived.site.topic(name) for name in names]
        await admin.delete_topics(topics)

        async def gone() -> bool:
            return not set(topics) & set(await admin.list_topics())

        await until(gone, "topics to be deleted")
    await lived.site.create_topics()


@asynccontextmanager
async def _admin(lived: RunningScenario) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=lived.kafka.bootstrap)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


def recovered_from(tamper: Tamper) -> Fault:
    """The worker is stopped or killed in the middle of a wave; what it recovers from is no longer as it was."""

    async def recovered(lived: RunningScenario, wave: Wave) -> None:
        await lived.work_on(wave)
        worker = lived.any_worker()
        if lived.rng.random() < 0.5:
            worker.kill()
        else:
            assert await worker.stop() == 0, worker.log
        await tamper(lived)
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
    """The scenes that are asked for, running; tests/fault/long tries a retailer's year as well."""
    plots = {name: Scenario(1, ERASURES, [recovered_from(tamper)]) for name, tamper in TAMPERS.items()}
    async with plays_of(plots, request, kafka, place, scene_seed) as running:
        yield running


@pytest.mark.timeout(300)
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", sorted(TAMPERS.keys() - LONGER))
async def test_the_table_is_whole_again_when_what_it_is_recovered_from_is(
    plays: Mapping[str, Awaitable[None]], name: str
) -> None:
    await plays[name]


@pytest.mark.timeout(150)
async def test_a_journal_that_ends_before_what_was_applied_of_it_ends_the_worker(
    kafka: ApacheKafka, prefix: str, tmp_path: Path, seed: int
) -> None:
    async with running_year(kafka, prefix, tmp_path, year_of(40)(seed), workers=1) as lived:
        await lived.publish(lived.year.records)
        await lived.processed_all()
        (worker,) = lived.workers
        assert await worker.stop() == 0
        await _make_anew(lived, "journal")
        worker.start()
        assert await worker.wait_for_exit(60) == 1, worker.log
        (line,) = {line for line in worker.log.splitlines() if " error agents.worker.worker: " in line}
        for part in (f"{prefix}.journal.v1", "ends", "GOLDSTREAM_PREFIX"):
            assert part in line
