"""The order ledger on Apache Kafka: a worker removes erased customers, and a replay copies the rest."""

import json
from typing import Any, Final

import pytest

from streams.kafka.writing.publisher import partition_of
from streams.tables.order_ledger import ORDER, REFUNDS, LedgerEntry, decode_entry, encode_entry, entry_partition
from tests.lanes.memory_broker import by_key
from tests.records.kafka_records import Published, publish, read
from tests.running.workers import Site, until

PARTITIONS: Final = 4
CUSTOMERS: Final = tuple(f"c-{number}" for number in range(12))
ERASED: Final = frozenset({"c-3", "c-7"})


def event(kind: str, customer: str, number: int, **fields: str) -> Published:
    """Return an event of a day, in event mode."""
    value: dict[str, Any] = {
        "type": kind,
        "event_id": f"{customer}-{kind}-{number}",
        "customer_id": customer,
        "occurred_at": f"2026-03-{number + 1:02}T12:00:00Z",
    }
    return Published(json.dumps(value | fields).encode(), customer.encode())


def purchases(number: int) -> list[Published]:
    return [
        event("purchase", customer, number, order_id=f"{customer}/{number}", amount="5.00", currency="RUB")
        for customer in CUSTOMERS
    ]


async def enter(site: Site, number: int) -> None:
    """Enter an order of every customer, and an anonymous one, as an import would."""
    for customer in (*CUSTOMERS, ""):
        for kind in (ORDER, REFUNDS):
            entry = LedgerEntry(kind, customer, f"{customer}/{number}", "import:generic", (("may", 0),))
            partition = entry_partition(customer, entry.key, PARTITIONS)
            record = Published(encode_entry(entry), entry.key, partition)
            await publish(site.kafka, site.topic("order-ledger"), [record])


async def entries(site: Site, prefix: str) -> list[LedgerEntry]:
    """Return all entries; each customer's are in the partition in which their lane looks for them."""
    records = await read(site.kafka, f"{prefix}.order-ledger.v1")
    found = [decode_entry(value) for value in by_key(records).values()]
    customers = {entry.key: entry.customer_id for entry in found if entry.customer_id}
    for record in records:
        if record.key in customers:
            assert record.partition == partition_of(customers[record.key].encode(), PARTITIONS)
    return found


async def only_unerased(site: Site, prefix: str) -> bool:
    return not ERASED & {entry.customer_id for entry in await entries(site, prefix)}


@pytest.mark.timeout(180)
async def test_a_worker_removes_erased_customers_now_and_after_a_kill_and_a_replay_copies_the_rest(site: Site) -> None:
    site.settings |= {"TIME": "event", "PARTITIONS": str(PARTITIONS)}
    await site.create_topics()
    await enter(site, 0)
    await publish(site.kafka, site.topic("events"), purchases(0))
    worker = site.worker()
    await worker.ready()
    await publish(site.kafka, site.topic("events"), [event("erasure", "c-3", 2)])
    await worker.wait_for_log("2 order-ledger entries of erased customers removed")
    assert {entry.customer_id for entry in await entries(site, site.prefix)} == {"", *CUSTOMERS} - {"c-3"}

    worker.kill()
    await enter(site, 3)  # of c-3 as well, by an import that did not know of the erasure
    await publish(site.kafka, site.topic("events"), [event("erasure", customer, 4) for customer in sorted(ERASED)])
    worker = site.worker()
    await worker.ready()

    async def removed() -> bool:
        return await only_unerased(site, site.prefix)

    await until(removed, "erased customers to be gone from the order ledger")
    remaining = await entries(site, site.prefix)
    assert len(remaining) == (1 + len(CUSTOMERS) - len(ERASED)) * 2 * 2
    assert await worker.stop() == 0

    finished = await site.command("replay", "--into", f"{site.prefix}-again", "--partitions", "4")
    assert finished.status == 0, finished.errors
    copied = await entries(site, f"{site.prefix}-again")
    assert {(entry.kind, entry.customer_id, entry.id) for entry in copied} == {
        (entry.kind, entry.customer_id, entry.id) for entry in remaining
    }
