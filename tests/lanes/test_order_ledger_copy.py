"""A replay copies the order ledger to the partitions of the new prefix, without what it leaves out."""

from typing import Any, cast

from agents.replay.erasure_filter import BEFORE_JOURNAL
from agents.replay.order_ledger_copy import copy_order_ledger
from state.records.erasure import Erasure, erasure_key
from streams.kafka.topics import Topics
from streams.kafka.writing.batch_writer import BatchWriter
from streams.tables.order_ledger import ORDER, REFUNDS, LedgerEntry, decode_entry, encode_entry, entry_partition
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
    return await copy_order_ledger(broker, writer, (OLD, NEW), new, ledgers, frozenset(without))


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
