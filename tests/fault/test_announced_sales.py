"""Webhooks of sales without a customer, which no profile drops: whatever dies or is away, each counts once."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, Final

import aiohttp
import pytest

from streams.tables.order_ledger import LedgerEntry, decode_entry
from tests.integration.intake.hook_shops import ShopifyOrder, events, hooks_file, shopify, shopify_export
from tests.integration.intake.intake_events import has_rules, prepare
from tests.lanes.memory_broker import by_key
from tests.records.kafka_records import read
from tests.running.http_servers import HttpAnswer, RunningServer, start_server
from tests.running.workers import Site, until
from tests.servers.apache_kafka import ApacheKafka

Start = Callable[..., Awaitable[RunningServer]]
Deliver = Callable[[RunningServer], Awaitable[HttpAnswer]]
ENDS_AT: Final = "2026-06-01T00:00:00Z"
NEVER: Final = ("never", "1")
SALE: Final = ShopifyOrder(1001, "", "300.00", ["100.00"])
PROGRAM: Final = ("-m", "tests.fault.workers.impatient_server")
SETTLED_WITHIN_S: Final = 60.0


@pytest.fixture
async def start(site: Site) -> AsyncIterator[Start]:
    """Start servers: takes arguments, and at which step they die; all stop in the end."""
    site.settings |= {"TIME": "event", "PARTITIONS": "2"}
    await prepare(site)
    started: list[RunningServer] = []

    async def starting(*arguments: str, dies: tuple[str, str] = NEVER) -> RunningServer:
        hooks, program = hooks_file(site.directory), (*PROGRAM, *dies)
        server = start_server(site, f"server-{len(started)}", *arguments, program=program, HOOKS=hooks)
        started.append(server)
        await server.ready()
        await has_rules(server)
        return server

    try:
        yield starting
    finally:
        for server in started:
            server.child.kill()


def paid(order: ShopifyOrder) -> Deliver:
    return lambda server: shopify(server, "orders/paid", order.paid())


def refunded(order: ShopifyOrder, index: int = 0) -> Deliver:
    return lambda server: shopify(server, "refunds/create", order.refund(index))


async def entries(site: Site) -> list[LedgerEntry]:
    """Return what is in the order ledger."""
    return [decode_entry(value) for value in by_key(await read(site.kafka, site.topic("order-ledger"))).values()]


async def settled(site: Site, count: int) -> None:
    """Wait until so many entries are there, and none is announced any more."""

    async def are_confirmed() -> bool:
        found = await entries(site)
        return len(found) == count and all(entry.announced is None and entry.published for entry in found)

    await until(are_confirmed, "the ledger to confirm what is announced", SETTLED_WITHIN_S)


async def taken(server: RunningServer, deliver: Deliver) -> None:
    """Deliver as a platform does, until the server takes it."""

    async def is_taken() -> bool:
        return (await deliver(server)).status == 200

    await until(is_taken, "a delivery to be taken", SETTLED_WITHIN_S)


async def counts(site: Site) -> dict[str, float]:
    """Fold everything with a worker; return what is counted of anonymous sales."""
    worker = site.worker()
    await worker.ready()
    await site.advance(ENDS_AT)
    assert await worker.stop() == 0
    days = [json.loads(each) for each in by_key(await read(site.kafka, site.topic("daily"))).values()]
    return {total: sum(float(day["anonymous"][total]) for day in days) for total in ("orders", "gross", "refunds")}


async def imports_nothing(site: Site, orders: Iterable[ShopifyOrder]) -> None:
    """Import an export; check that all of it is known."""
    (site.directory / "orders.csv").write_text(shopify_export(orders))
    finished = await site.command("import", "orders.csv", "--json", "--allow-anonymous")
    assert finished.status == 0, finished.errors
    report: dict[str, Any] = json.loads(finished.out)
    assert not {"purchase", "refund"} & report["events"].keys(), report["events"]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("step", ["before:order-ledger", "acked:order-ledger", "before:events", "acked:events"])
async def test_a_server_that_dies_leaves_a_sale_and_a_refund_to_another_one(
    site: Site, start: Start, step: str
) -> None:
    """The last step is exactly between publishing and entering."""
    other = await start()
    for count, (deliver, kind) in enumerate(((paid(SALE), "purchase"), (refunded(SALE), "refund")), 1):
        dying = await start(dies=(step, "1"))
        with pytest.raises(aiohttp.ClientError):
            await deliver(dying)
        assert await dying.wait_for_exit() == -signal.SIGKILL
        assert len(await events(site, kind)) == (step == "acked:events")
        for _ in range(2):
            await taken(other, deliver)
        await settled(site, count)
        await taken(await start(), deliver)
        assert len(await events(site, kind)) == 1
    assert await counts(site) == {"orders": 1, "gross": 300, "refunds": 100}
    await imports_nothing(site, [SALE])


@pytest.mark.timeout(300)
async def test_of_the_same_deliveries_to_two_servers_at_once_one_counts(site: Site, start: Start) -> None:
    servers = [await start(), await start()]
    orders = [ShopifyOrder(number, "", "10.00", ["4.00"]) for number in range(2001, 2026)]
    for deliveries in ([paid(order) for order in orders], [refunded(order) for order in orders]):
        await asyncio.gather(*(taken(server, deliver) for deliver in deliveries for server in servers))
    await settled(site, 2 * len(orders))
    ids = [each["event_id"] for each in await events(site)]
    assert (len(ids), len(set(ids))) == (2 * len(orders), 2 * len(orders))


@pytest.mark.timeout(300)
async def test_different_refunds_of_an_order_at_two_servers_at_once_are_both_in_the_ledger(
    site: Site, start: Start
) -> None:
    servers = [await start(), await start()]
    orders = [
        ShopifyOrder(number, f"c-{number}@example.com" if number % 5 else "", "100.00", ["4.00", "5.00"])
        for number in range(3001, 3031)
    ]
    for order in orders:
        await taken(servers[order.number % 2], paid(order))

    async def are_known() -> bool:
        ends = [(await servers[index].metrics()).total("goldstream_http_events_total") for index in (0, 1)]
        return all(ends)

    await until(are_known, "both servers to have orders")
    await asyncio.gather(*(taken(servers[index], refunded(order, index)) for order in orders for index in (0, 1)))
    refunds = 2 * len(orders)

    async def are_published() -> bool:
        return len({each["refund_id"] for each in await events(site, "refund")}) == refunds

    await until(are_published, "refunds that have waited for their orders")
    await imports_nothing(site, orders)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("outage", ["frozen", "killed"])
async def test_a_sale_that_was_answered_503_while_kafka_was_away_counts_once(
    kafka: ApacheKafka, site: Site, start: Start, outage: str
) -> None:
    servers = [await start(), await start()]
    first, second = ShopifyOrder(4001, "", "10.00"), ShopifyOrder(4002, "", "20.00")
    await taken(servers[0], paid(first))
    if outage == "frozen":
        with kafka.frozen():
            assert (await paid(second)(servers[0])).status == 503
    else:
        await asyncio.to_thread(kafka.kill)
        try:
            assert (await paid(second)(servers[0])).status == 503
        finally:
            await asyncio.to_thread(kafka.start)
    for server in (*servers, *servers):
        await taken(server, paid(second))
    await settled(site, 2)
    assert sorted(each["order_id"] for each in await events(site)) == ["#4001", "#4002"]
    assert await counts(site) == {"orders": 2, "gross": 30, "refunds": 0}


@pytest.mark.timeout(300)
async def test_what_a_spool_holds_counts_once_though_the_server_is_killed_and_it_comes_again(
    kafka: ApacheKafka, site: Site, start: Start
) -> None:
    spool = site.directory / "spool"
    server = await start("--spool", str(spool))
    known = ShopifyOrder(5001, "ann@example.com", "50.00", ["5.00", "6.00"])
    await taken(server, paid(known))
    await until(lambda: _exists(spool / "rules.json"), "the rules beside the spool")
    await asyncio.to_thread(kafka.kill)
    try:
        for deliver in (paid(SALE), refunded(known, 0), paid(SALE)):
            assert (await deliver(server)).status == 202
        server.child.kill()
        server.start()
        await server.listening()
        for deliver in (paid(SALE), refunded(known, 1), refunded(known, 0)):
            assert (await deliver(server)).status == 202
    finally:
        await asyncio.to_thread(kafka.start)
    other = await start()
    for deliver in (paid(SALE), refunded(known, 0)):
        assert (await deliver(server)).status in {200, 202}
    await taken(other, paid(SALE))

    async def found() -> list[tuple[str, str]]:
        ids = [(each["order_id"], each.get("refund_id", "")) for each in await events(site)]
        return ids if len(ids) >= 4 and len(await entries(site)) == 5 else []

    ids = await until(found, "what was stored", SETTLED_WITHIN_S)
    await taken(server, paid(SALE))
    assert (
        sorted(ids)
        == sorted(set(ids))
        == sorted((each["order_id"], each.get("refund_id", "")) for each in await events(site))
    )
    await imports_nothing(site, [known])


async def _exists(path: Any) -> bool:
    return bool(path.is_file())
