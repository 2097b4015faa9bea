"""The broker is killed in the middle of a history and returns: output and state equal the oracle's."""

import asyncio
import random

import pytest

from tests.fault.test_kill import history_of
from tests.integration.kafka_records import Ends
from tests.integration.workers import Site, until
from tests.servers.apache_kafka import ApacheKafka
from tests.servers.redis_server import RedisServer


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
