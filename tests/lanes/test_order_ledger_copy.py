"""A replay copies the order ledger to the partitions of the new prefix, without what it leaves out."""

import asyncio
import json
from typing import Any, cast

import msgspec

from agents.replay.erasure_filter import BEFORE_JOURNAL
from agents.replay.order_ledger_copy import copy_order_ledger
from state.records.erasure import Erasure, erasure_key
from streams.kafka.topics import Topics
from streams.kafka.writing.batch_writer import BatchWriter
from streams.tables.announced_events import SERVERS_SETTLE_WITHIN_MS
from streams.tables.order_ledger import (
    NO_ERASURE,
    ORDER,
    REFUNDS,
    Announcement,
    LedgerEntry,
    decode_entry,
    encode_entry,
    entry_partition,
)
from tests.lanes.memory_broker import MemoryBroker, by_key

OLD, NEW = Topics("old"), Topics("new")
CUSTOMERS = ("", *(f"c{number}" for number in range(40)))


def put(broker: MemoryBroker, entry: LedgerEntry, partitions: int) -> None:
    number = entry_partition(entry.customer_id, entry.key, partitions)
    broker.append(OLD.order_ledger, number, entry.key, encode_entry(entry))


def copied(broker: MemoryBroker, partitions: int) -> dict[bytes, tuple[int, LedgerEntry]]:
    """Return the partition and the entry of each key of the new ledger."""
    return {
        key: (number, decode_entry(value))
        for number in range(partitions)
        for key, value in by_key(broker.records(NEW.order_ledger, number)).items()
    }


async def copy(
    broker: MemoryBroker, old: int, new: int, erasures: dict[bytes, Erasure] | None = None, *without: str
) -> int:
    """Copy the ledger of so many partitions, each with the same erasures."""
    writer = BatchWriter(cast("Any", broker.producer()))
    ledgers = dict.fromkeys(range(old), erasures or {})
    return await copy_order_ledger(broker, writer, (OLD, NEW), new, ledgers, frozenset(without), broker.clock)


async def test_entries_go_to_the_partitions_of_their_customers() -> None:
    broker = MemoryBroker()
    entries = [
        LedgerEntry(kind, customer, f"o-{customer}", "import:shopify", (("may", 0),))
        for customer in CUSTOMERS
        for kind in (ORDER, REFUNDS)
    ]
    for entry in entries:
        put(broker, entry, 4)
    assert await copy(broker, 4, 6) == len(entries)
    found = copied(broker, 6)
    assert {key: number for key, (number, _) in found.items()} == {
        entry.key: entry_partition(entry.customer_id, entry.key, 6) for entry in entries
    }
    assert {entry.customer_id for _, entry in found.values()} == set(CUSTOMERS)


def announced(broker: MemoryBroker, order_id: str, *, is_published: bool) -> LedgerEntry:
    """Announce an anonymous sale, as a hook does long before the replay, and perhaps publish it."""
    broker.log(OLD.full("events"), 0)
    event = json.dumps({"type": "purchase", "event_id": f"purchase:{order_id}", "order_id": order_id}).encode()
    announcement = Announcement("", 0, "events", 1, broker.log(OLD.full("events"), 1).end)
    entry = LedgerEntry(ORDER, "", order_id, "hook:shopify/main", (), announcement).with_event(event)
    put(broker, entry, 2)
    if is_published:
        broker.append(OLD.full("events"), 1, None, event)
    return entry


async def test_what_a_hook_has_announced_is_confirmed_if_it_is_published_and_else_stays_announced() -> None:
    broker = MemoryBroker()
    broker.append(OLD.full("events"), 1, None, b"{}")
    published, other = (announced(broker, number, is_published=number == "1") for number in "12")
    confirmed = announced(broker, "3", is_published=True).confirmed()
    put(broker, confirmed, 2)
    broker.clock.advance(SERVERS_SETTLE_WITHIN_MS / 1000)
    assert await copy(broker, 2, 3) == 3
    found = {
        entry.id: msgspec.structs.replace(entry, erasure_offset=NO_ERASURE) for _, entry in copied(broker, 3).values()
    }
    assert found["1"] == published.confirmed()
    assert found["2"].announced_event == other.announced_event
    assert found["2"].announced == Announcement("", 0, "events", 1, 0), "it may be anywhere in the new topic"
    assert found["3"] == confirmed


async def test_a_replay_waits_for_servers_that_are_about_to_publish() -> None:
    broker = MemoryBroker()
    sale = announced(broker, "1", is_published=False)
    copying = asyncio.create_task(copy(broker, 2, 2))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not copying.done()
    broker.append(OLD.full("events"), 1, None, sale.announced_event)
    broker.clock.advance(SERVERS_SETTLE_WITHIN_MS / 1000)
    await copying
    ((_, entry),) = copied(broker, 2).values()
    assert entry.published == (("", 0),)


async def test_the_last_entry_of_an_order_is_copied_and_a_second_run_changes_nothing() -> None:
    broker = MemoryBroker()
    for total in (500, 750):
        put(broker, LedgerEntry(REFUNDS, "ann", "o", "import:shopify", (("may", total),)), 2)
    await copy(broker, 2, 3)
    first = copied(broker, 3)
    assert [entry.refunded for _, entry in first.values()] == [750]
    await copy(broker, 2, 3)
    assert copied(broker, 3) == first


async def test_entries_before_an_erasure_are_left_out_also_where_they_have_tombstones() -> None:
    broker = MemoryBroker()
    erased = LedgerEntry(ORDER, "ann", "old", "import:shopify", (("may", 0),))
    put(broker, erased, 1)
    broker.append(OLD.order_ledger, 0, erased.key, None)
    put(broker, LedgerEntry(ORDER, "bob", "old", "import:shopify", (("may", 0),)), 1)
    put(broker, LedgerEntry(ORDER, "ann", "new", "import:shopify", (("june", 0),), None, 7), 1)
    ledger = {erasure_key(customer): Erasure(1, 0, 7) for customer in ("ann", "bob")}
    assert await copy(broker, 1, 2, ledger) == 1
    ((_, entry),) = copied(broker, 2).values()
    assert (entry.customer_id, entry.id) == ("ann", "new")
    assert entry.erasure_offset == BEFORE_JOURNAL, "the new ledger begins with the erasure at that offset"


async def test_imports_that_are_left_out_are_unknown_afterwards() -> None:
    broker = MemoryBroker()
    put(broker, LedgerEntry(ORDER, "ann", "1", "import:shopify", (("wrong", 0),)), 1)
    put(broker, LedgerEntry(ORDER, "ann", "2", "import:shopify", (("right", 0),)), 1)
    put(broker, LedgerEntry(REFUNDS, "ann", "2", "import:shopify", (("right", 100), ("wrong", 900))), 1)
    assert await copy(broker, 1, 1, None, "wrong") == 2
    entries = {(entry.kind, entry.id): entry for _, entry in copied(broker, 1).values()}
    assert set(entries) == {(ORDER, "2"), (REFUNDS, "2")}
    assert entries[REFUNDS, "2"].refunded == 100
