"""The broker goes away at the worst moment and returns: all stages work again, and the output equals the oracle's."""

import asyncio
import random
from typing import Final

import pytest

from tests.fault.scenarios import network_faults
from tests.fault.scenarios.catalog import Place, Scenario, year_of
from tests.fault.scenarios.running_scenario import IMPATIENT
from tests.fault.test_kill import history_of
from tests.fault.workers.impatient_worker import REQUEST_TIMEOUT_SECONDS
from tests.records.kafka_records import Ends
from tests.running.workers import Site, until
from tests.servers.apache_kafka import ApacheKafka
from tests.servers.redis_server import RedisServer

LONG_AWAY_S: Final = REQUEST_TIMEOUT_SECONDS + 3
"""Longer than anything in these workers waits for an answer of the broker."""


@pytest.mark.timeout(300)
async def test_a_broker_killed_mid_history_changes_nothing(
    kafka: ApacheKafka, site: Site, redis_server: RedisServer, seed: int
) -> None:
    history = await history_of(site, redis_server, seed, customers=800, source_partitions=12)
    wanted = random.Random(seed).randint(1, 3000)
    worker = site.worker()
    async with Ends(site.kafka) as ends:

        async def come() -> bool:
            return await ends.of(site.topic("journal")) >= wanted

        await until(come, f"{wanted} records in the journal", every_s=0.005)
    await asyncio.to_thread(kafka.kill)
    await asyncio.to_thread(kafka.start)
    await history.finish()
    assert await worker.stop() == 0


@pytest.mark.timeout(300)
async def test_every_stage_works_within_30_s_of_the_return_of_a_broker_that_left_while_workers_started(
    kafka: ApacheKafka, place: Place, scene_seed: int
) -> None:
    away = network_faults.comes_and_goes(LONG_AWAY_S)
    await Scenario(3, year_of(300), [away], program=IMPATIENT).play(kafka, place, scene_seed)
