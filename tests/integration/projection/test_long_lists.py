"""Long lists: of many moves the counts come later than the first page, and rare customers are looked for in steps."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

from redis.asyncio import Redis

from agents.project.base_totals import BaseTotals, GroupTotals
from agents.project.projection_keys import ProjectionKeys, flow_name, move_score
from agents.project.redis_connection import connect_redis
from agents.serve.lookups.projections.base_lookup import BaseLookup
from agents.serve.lookups.projections.customer_lists import MAX_LOOKED_AT, CustomerLists
from agents.serve.lookups.projections.flow_counts import period_of
from agents.serve.lookups.projections.flow_lookup import MAX_AT_ONCE, MAX_COMPARED, Counting, FlowLookup
from agents.serve.lookups.projections.flow_reach import ReachKey
from agents.serve.lookups.projections.ranked_lists import ListPart
from agents.serve.lookups.projections.redis_reader import RedisReader
from streams.clock import SYSTEM_CLOCK
from streams.settings.settings import Settings
from tests.running.workers import until
from tests.servers.redis_server import RedisServer

CUSTOMERS: Final = MAX_LOOKED_AT + MAX_COMPARED
FEW: Final = MAX_AT_ONCE // 2
PERIOD: Final = period_of(0, 10_000_000)
ROW: Final[dict[Any, Any]] = {
    "segment": "new",
    "cell": "311",
    "seq": 1,
    "since": "2026-01-01T00:00:00.000Z",
    "frequency": 1,
    "monetary": "1.00",
    "currency": "RUB",
    "average_check": "1.00",
    "lifetime_value": "1.00",
    "lifetime_orders": 1,
    "policy": "p@1",
    "as_of": "2026-01-01T00:00:00.000Z",
    "reachable": 1,
}


class _Shop(NamedTuple):
    """Of `CUSTOMERS` customers, the last one in a list and one in its middle can be reached."""

    base: BaseLookup
    flows: FlowLookup


@asynccontextmanager
async def _shop(client: Redis, prefix: str) -> AsyncIterator[_Shop]:
    keys = ProjectionKeys(prefix)
    ids = [f"c-{number:05}" for number in range(CUSTOMERS)]
    reachable = ids[0], ids[CUSTOMERS // 2]
    async with client.pipeline(transaction=False) as pipe:
        for each in ids:
            pipe.hset(keys.customer + each, mapping=ROW | {"reachable": int(each in reachable)})
        await pipe.execute()
    await client.zadd(keys.segment + "new", {each: number for number, each in enumerate(ids)})
    totals = GroupTotals(CUSTOMERS, len(reachable), 0)
    await client.hset(keys.totals, "0", BaseTotals({"new": totals}, {"311": totals}).encode())
    names = flow_name("none", "new", "signup"), flow_name("none", "new", "purchase"), flow_name("new", "old", "time")
    for name, members in zip(names, (ids[: CUSTOMERS // 2 + 10], ids[CUSTOMERS // 2 - 10 :], ids[:FEW]), strict=True):
        await client.zadd(keys.flow(name), {each: move_score(1_000 + number, 1) for number, each in enumerate(members)})
        await client.zadd(keys.flows, {name: 0})
    reader = RedisReader(client)
    lists = CustomerLists(reader, keys)
    flows = FlowLookup(reader, keys, lists, SYSTEM_CLOCK)
    try:
        yield _Shop(BaseLookup(reader, keys, lists), flows)
    finally:
        await flows.close()
        await reader.close()


async def test_the_first_page_of_many_moves_waits_for_no_count(redis_server: RedisServer, prefix: str) -> None:
    async with (
        connect_redis(Settings(kafka="127.0.0.1:1", prefix=prefix, redis=redis_server.url)) as client,
        _shop(client, prefix) as shop,
    ):
        everybody = ReachKey(PERIOD, before="none")
        part = await shop.flows.customers(everybody, ListPart(10), Counting.AT_HAND)
        assert (part.total, part.reachable, len(part.customers)) == (None, None, 10)
        part = await shop.flows.customers(everybody, ListPart(10), Counting.BEGUN)
        assert part.reachable is None

        async def counts() -> tuple[int, int] | None:
            found = await shop.flows.customers(everybody, ListPart(10), Counting.AT_HAND)
            return None if found.total is None or found.reachable is None else (found.total, found.reachable)

        assert await until(counts, "the customers to be counted") == (CUSTOMERS, 2)
        few = await shop.flows.customers(ReachKey(PERIOD, before="new"), ListPart(10), Counting.AT_HAND)
        assert (few.total, few.reachable) == (FEW, 1)
        largest = ReachKey(PERIOD, cause="signup")
        alone = await shop.flows.customers(largest, ListPart(10), Counting.AT_HAND)
        assert (alone.total, alone.reachable) == (CUSTOMERS // 2 + 10, None)
        waited = await shop.flows.customers(largest, ListPart(10), Counting.ALL)
        assert (waited.total, waited.reachable) == (CUSTOMERS // 2 + 10, 2)


async def test_few_of_many_customers_are_found_in_several_answers(redis_server: RedisServer, prefix: str) -> None:
    async with (
        connect_redis(Settings(kafka="127.0.0.1:1", prefix=prefix, redis=redis_server.url)) as client,
        _shop(client, prefix) as shop,
    ):
        found, cursor, answers = list[str](), None, 0
        while answers == 0 or cursor is not None:
            page = await shop.base.all_customers(ListPart(10, cursor, reachable=True))
            assert (page.total, page.reachable) == (CUSTOMERS, 2)
            found += [each.customer_id for each in page.customers]
            cursor, answers = page.cursor, answers + 1
        assert found == [f"c-{CUSTOMERS // 2:05}", "c-00000"]
        assert answers == CUSTOMERS // MAX_LOOKED_AT
        moved, place, answers = list[str](), None, 0
        while answers == 0 or place is not None:
            cursor = None if place is None else place.encode()
            part = await shop.flows.customers(
                ReachKey(PERIOD, before="none"), ListPart(10, cursor, reachable=True), Counting.NONE
            )
            moved += [each.customer_id for each in part.customers]
            place, answers = part.following, answers + 1
        assert sorted(moved) == sorted(found)
        assert 1 < answers < 5
