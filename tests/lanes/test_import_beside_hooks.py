"""An import of what hooks have entered, or only announced: nothing counts twice, and nothing is missing."""

import asyncio
import json
from typing import Any, Final

import msgspec
import pytest
from aiokafka.errors import KafkaError

from agents.importing.publication import publishing
from streams.kafka.writing.publisher import partition_of
from streams.tables.announced_events import SERVERS_SETTLE_WITHIN_MS, wait_for_servers
from streams.tables.order_ledger import (
    EVENT,
    ORDER,
    REFUNDS,
    Announcement,
    LedgerEntry,
    PlatformDetails,
    encode_entry,
    entry_partition,
)
from tests.lanes.clock import ManualClock
from tests.lanes.imported_orders import (
    EVENTS,
    PARTITIONS,
    TOPICS,
    Order,
    effect,
    entries,
    events_of,
    import_events,
    new_broker,
    published_events,
)
from tests.lanes.memory_broker import Crash, MemoryBroker

ROUTE: Final = "hook:shopify/main"
NEW: Final = Order(9, "new")
"""Something to publish, so that an import writes what it has settled."""


def enter(broker: MemoryBroker, entry: LedgerEntry) -> None:
    partition = entry_partition(entry.customer_id, entry.key, PARTITIONS)
    broker.append(TOPICS.order_ledger, partition, entry.key, encode_entry(entry))


def publish(broker: MemoryBroker, **fields: Any) -> bytes:
    """Publish an anonymous event; return it."""
    value = json.dumps({"customer_id": "", "currency": "RUB", **fields}).encode()
    broker.append(EVENTS, partition_of(fields["event_id"].encode(), PARTITIONS), None, value)
    return value


def refund(customer_id: str, refund_id: str, minor: int, *, is_contained: bool = False) -> LedgerEntry:
    """Return the entry of a refund of order 1 that came by a hook."""
    details = PlatformDetails(order_id="1", minor=minor, is_contained=is_contained)
    return LedgerEntry(EVENT, customer_id, refund_id, ROUTE, (("", 0),), details=details)


def announced(entry: LedgerEntry, broker: MemoryBroker, *, is_published: bool, **fields: Any) -> LedgerEntry:
    """Return an entry whose event a hook has announced, and perhaps published."""
    partition = partition_of(fields["event_id"].encode(), PARTITIONS)
    announcement = Announcement("", 0, "events", partition, broker.log(EVENTS, partition).end)
    event = publish(broker if is_published else new_broker(), **fields)
    return msgspec.structs.replace(entry.with_event(event), published=(), announced=announcement)


def sums(broker: MemoryBroker) -> dict[tuple[str, str], int]:
    """Return what is published of each kind and customer, in minor units."""
    found: dict[tuple[str, str], int] = {}
    for (kind, customer_id, _), minor in effect(broker).items():
        found[kind, customer_id] = found.get((kind, customer_id), 0) + minor
    return found


@pytest.mark.parametrize("is_published", [True, False], ids=["published", "not published"])
async def test_a_sale_that_a_hook_has_announced_counts_once(*, is_published: bool) -> None:
    broker = new_broker()
    sale = LedgerEntry(ORDER, "", "1", ROUTE, (("", 0),))
    fields = {"type": "purchase", "event_id": "purchase:1", "order_id": "1", "amount": "100.00"}
    enter(broker, announced(sale, broker, is_published=is_published, **fields))
    await import_events(broker, events_of([Order(1), NEW]))
    sales = [each for each in published_events(broker) if not each["customer_id"]]
    assert [each["event_id"] for each in sales] == ["purchase:1" if is_published else "1:placed"]
    (entry,) = [each for each in entries(broker) if not each.customer_id]
    assert entry == msgspec.structs.replace(entry, published=(("" if is_published else "may", 0),), announced=None)
    assert entry.details is None
    count = len(published_events(broker))
    await import_events(broker, events_of([Order(1), NEW]), "june")
    assert len(published_events(broker)) == count


@pytest.mark.parametrize("is_published", [True, False], ids=["published", "not published"])
async def test_a_refund_that_a_hook_has_announced_is_part_of_the_total_of_an_export(*, is_published: bool) -> None:
    broker = new_broker()
    await import_events(broker, events_of([Order(1)]))
    fields = {"type": "refund", "event_id": "refund:r", "refund_id": "r", "order_id": "1", "amount": "5.00"}
    enter(broker, announced(refund("", "r", 500), broker, is_published=is_published, **fields))
    for import_id in ("june", "july"):
        await import_events(broker, events_of([Order(1, "", 700), NEW]), import_id)
        assert sums(broker)["refund", ""] == 700
        assert all(each.announced is None for each in entries(broker))
    (entry,) = [each for each in entries(broker) if each.kind == EVENT]
    assert entry == refund("", "r", 500, is_contained=not is_published), "no server publishes it any more"


async def test_refunds_by_hooks_are_part_of_the_total_of_an_export() -> None:
    broker = new_broker()
    await import_events(broker, events_of([Order(1, "ann"), Order(2, "bob")]))
    enter(broker, refund("ann", "r1", 200))
    enter(broker, refund("ann", "r2", 300))
    published, _ = await import_events(broker, events_of([Order(1, "ann", 500), Order(2, "bob")]), "june")
    assert published.count == 0
    await import_events(broker, events_of([Order(1, "ann", 900), Order(2, "bob", 100)]), "june")
    amounts = {each["refund_id"]: each["amount"] for each in published_events(broker) if each["type"] == "refund"}
    assert amounts == {"1:refunded:9.00": "4.00", "2:refunded:1.00": "1.00"}
    enter(broker, refund("ann", "r3", 50))
    enter(broker, refund("ann", "r4", 400, is_contained=True))
    published, _ = await import_events(broker, events_of([Order(1, "ann", 950)]), "july")
    assert published.count == 0


@pytest.mark.parametrize("customer_id", ["ann", ""])
@pytest.mark.parametrize("fault", ["crash", "crash after", "refused", "unacknowledged"])
async def test_a_refund_by_a_hook_between_an_import_that_dies_and_the_next_counts_once(
    monkeypatch: pytest.MonkeyPatch, customer_id: str, fault: str
) -> None:
    monkeypatch.setattr(publishing, "CHUNK_EVENTS", 1)
    for request in range(4):
        broker = new_broker()
        await import_events(broker, events_of([Order(1, customer_id)]))
        enter(broker, refund(customer_id, "r1", 200))
        first = len(broker.requests) + request
        broker.fault = lambda _topic, number, first=first: fault if number == first else None  # type: ignore[misc]
        exports = events_of([Order(1, customer_id, 700), NEW])
        with pytest.raises((Crash, KafkaError)):
            await import_events(broker, exports, "june")
        broker.fault = lambda _topic, _number: None
        enter(broker, refund(customer_id, "r2", 100))
        for import_id in ("july", "august"):
            await import_events(broker, events_of([Order(1, customer_id, 800), NEW]), import_id)
            assert sums(broker)["refund", customer_id] == 800 - 200 - 100, f"{fault} at request {request}"


async def test_the_total_of_an_earlier_version_is_that_of_hooks_and_imports() -> None:
    broker = new_broker()
    await import_events(broker, events_of([Order(1, "ann", 400)]))
    counted = LedgerEntry(
        REFUNDS, "ann", "1", ROUTE, (("may", 400), ("", 300)), details=PlatformDetails(one_by_one=300)
    )
    enter(broker, counted)
    enter(broker, refund("ann", "r2", 100))
    await import_events(broker, events_of([Order(1, "ann", 900)]), "june")
    assert sums(broker) == {("purchase", "ann"): 10_000, ("refund", "ann"): 400 + 100}


@pytest.mark.parametrize(
    ("age_ms", "waits_ms"),
    [(1_000, SERVERS_SETTLE_WITHIN_MS - 1_000), (SERVERS_SETTLE_WITHIN_MS, 0), (-(10**9), 180_000)],
)
async def test_an_import_waits_for_servers_that_are_about_to_publish(age_ms: int, waits_ms: int) -> None:
    clock = ManualClock()
    waiting = asyncio.create_task(wait_for_servers(clock.wall_ms() - age_ms, clock))
    if waits_ms:
        await asyncio.sleep(0)
        clock.advance(waits_ms / 1000 - 0.001)
        await asyncio.sleep(0)
        assert not waiting.done()
        clock.advance(0.001)
    await waiting
