"""How a server follows the order ledger on Apache Kafka: when it has caught up, and what it knows then."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import pytest
from aiokafka import TopicPartition

from agents.serve.hooks.orders.ledger_follower import LedgerFollower
from agents.serve.hooks.orders.order_index import Applied, OrderIndex
from streams.clock import SYSTEM_CLOCK
from streams.settings.settings import load_settings
from streams.tables.order_ledger import ORDER, LedgerEntry, encode_entry
from tests.records.kafka_records import Published, publish
from tests.running.workers import Site, until

WITHIN_S: Final = 60.0


async def _at_once() -> None:
    """Wait for nothing."""


@contextlib.asynccontextmanager
async def following(
    site: Site, until_written: Callable[[], Awaitable[None]] = _at_once
) -> AsyncIterator[tuple[LedgerFollower, OrderIndex]]:
    """Follow the ledger of a site."""
    index, settings = OrderIndex(), load_settings(environ=site.environment())
    follower = LedgerFollower(settings, index, SYSTEM_CLOCK, asyncio.Queue[Applied](), until_written)
    task = asyncio.create_task(follower.run())
    try:
        yield follower, index
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        index.close()


async def enter(site: Site, order_id: str, value: bytes = b"") -> TopicPartition:
    """Write an entry; return its partition."""
    entry = LedgerEntry(ORDER, "", order_id, "hook:shopify/main", (("", 0),))
    topic = site.topic("order-ledger")
    ((partition, _),) = await publish(site.kafka, topic, [Published(value or encode_entry(entry), entry.key)])
    return TopicPartition(topic, partition)


@pytest.fixture
async def shop(site: Site) -> Site:
    site.settings |= {"PARTITIONS": "2"}
    await site.create_topics()
    return site


async def test_it_has_not_caught_up_before_the_ledger_has_what_this_server_had_stored(shop: Site) -> None:
    delivered = asyncio.Event()

    async def until_delivered() -> None:
        await delivered.wait()

    async with following(shop, until_delivered) as (waiting, index), following(shop) as (other, _):
        async with asyncio.timeout(WITHIN_S):
            await other.caught_up.wait()
        assert not waiting.caught_up.is_set()
        assert "spool" in waiting.problem
        await enter(shop, "stored")
        delivered.set()
        async with asyncio.timeout(WITHIN_S):
            await waiting.caught_up.wait()
        assert index.find("", ORDER, "stored") is not None


async def test_what_is_written_meanwhile_is_known_once_the_end_is_reached(shop: Site) -> None:
    async with following(shop) as (follower, index), asyncio.timeout(WITHIN_S):
        await follower.caught_up.wait()
        for number in range(20):
            partition = await enter(shop, str(number))
            await follower.reach(partition, await follower.find_end(partition))
            assert index.find("", ORDER, str(number)) is not None


async def test_a_server_that_cannot_read_an_entry_knows_nothing_any_more(shop: Site) -> None:
    async with following(shop) as (follower, _):
        async with asyncio.timeout(WITHIN_S):
            await follower.caught_up.wait()
        await enter(shop, "later", b"\x09from the future")

        async def is_unready() -> bool:
            return not follower.caught_up.is_set()

        await until(is_unready, "the follower to notice")
        assert "format version 9" in follower.problem
