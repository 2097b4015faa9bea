"""Copy the order ledger of a replay: what a later import of the same export leaves out.

Entries of erased customers and of imports that are left out are not copied. The others go to the partitions of their
customers in the new prefix, where they count as written after every erasure that its ledger begins with.

What a hook has announced is in the new journal, or comes with the old source topic, if that has it. Otherwise it stays
announced, for the servers of the new prefix to publish.
"""

from collections.abc import Collection, Mapping
from typing import Final

import msgspec

from agents.replay.erasure_filter import BEFORE_JOURNAL, Ledgers
from streams.clock import SYSTEM_CLOCK, Clock
from streams.kafka.broker import Broker
from streams.kafka.topics import Topics
from streams.kafka.writing.batch_writer import BatchWriter
from streams.tables.announced_events import event_id_of, find_published, wait_for_servers
from streams.tables.order_ledger import (
    LedgerEntry,
    customer_part,
    decode_entry,
    encode_entry,
    entry_partition,
)

FLUSH_ENTRIES: Final = 20_000


async def copy_order_ledger(
    broker: Broker,
    writer: BatchWriter,
    topics: tuple[Topics, Topics],
    partitions: int,
    ledgers: Ledgers,
    without_imports: frozenset[str] = frozenset(),
    clock: Clock = SYSTEM_CLOCK,
) -> int:
    """Copy the order ledger and return the number of entries written; writing them again changes nothing.

    Args:
        broker: where both prefixes are.
        writer: writes the new entries.
        topics: of the old prefix, whose order ledger has as many partitions as there are `ledgers`, and of the new one.
        partitions: the number of partitions of the new prefix.
        ledgers: the erasure ledger of each old partition.
        without_imports: ids of imports that are left out.
        clock: of the waits for servers.

    Raises:
        UnknownFormatVersion: a version of goldstream wrote an entry that this one cannot read.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    old, new = topics
    count = unflushed = 0
    announced: dict[bytes, tuple[LedgerEntry, int]] = {}
    for number, ledger in ledgers.items():
        erased = {customer_part(key): erasure.offset for key, erasure in ledger.items()}
        async for batch in broker.read(old.order_ledger, number):
            for record in batch:
                entry = None if record.value is None else _retained(record.key, record.value, erased, without_imports)
                if entry is None:  # a tombstone only ever removes what an erasure removes
                    continue
                if entry.announced_event:
                    announced[record.key] = entry, record.timestamp
                    continue
                announced.pop(record.key, None)
                target = entry_partition(entry.customer_id, record.key, partitions)
                writer.add(new.order_ledger, target, record.key, encode_entry(entry))
                unflushed += 1
            if unflushed >= FLUSH_ENTRIES:
                await writer.flush()
                count, unflushed = count + unflushed, 0
    for entry in await _settled(broker, old, announced.values(), clock):
        key = entry.key
        writer.add(new.order_ledger, entry_partition(entry.customer_id, key, partitions), key, encode_entry(entry))
    await writer.flush()
    return count + unflushed + len(announced)


async def _settled(
    broker: Broker, topics: Topics, announced: Collection[tuple[LedgerEntry, int]], clock: Clock
) -> list[LedgerEntry]:
    """Return the entries that hooks have announced, at these times, confirmed if their events are in the old topic."""
    await wait_for_servers(max((at_ms for _, at_ms in announced), default=0), clock)
    entries = {event_id_of(entry.announced_event): entry for entry, _ in announced}
    places = [entry.announced for entry in entries.values() if entry.announced is not None]
    found = await find_published(broker, topics, places, entries.keys())
    return [entry.confirmed() if event_id in found else _from_offset_0(entry) for event_id, entry in entries.items()]


def _from_offset_0(entry: LedgerEntry) -> LedgerEntry:
    """Return an announcement whose event is looked for in the whole new source topic."""
    assert entry.announced is not None
    return msgspec.structs.replace(entry, announced=msgspec.structs.replace(entry.announced, offset=0))


def _retained(
    key: bytes, value: bytes, erased: Mapping[bytes, int], without_imports: frozenset[str]
) -> LedgerEntry | None:
    entry = decode_entry(value)
    erasure_offset = erased.get(customer_part(key))
    if erasure_offset is not None and entry.erasure_offset < erasure_offset:
        return None
    return msgspec.structs.replace(entry, erasure_offset=BEFORE_JOURNAL).without_imports(without_imports)
