"""Read what was published before: the ledgers of erasures and orders, and, after a crash, the source topic itself."""

from collections.abc import AsyncIterator, Callable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from typing import Final, NamedTuple

import msgspec
from aiokafka import ConsumerRecord

from agents.importing.publication.event_spool import EventSpool
from agents.importing.publication.import_plan import ImportPlan, PlannedEvent
from agents.importing.publication.known_events import Known, KnownEvents
from state.records.erasure import Erasure
from streams.kafka.broker import Broker
from streams.kafka.reader import OffsetTruncated, PartitionShortened
from streams.kafka.topics import Topics
from streams.tables.erasure_ledger import read_ledger
from streams.tables.order_ledger import LedgerEntry, customer_part

ReportProgress = Callable[[float], None]
"""Called with the part that is done, 0 to 1."""


class Unfinished(NamedTuple):
    """What an earlier import has announced without confirming it.

    Attributes:
        first: refunds of customers, which may or may not be published: to be published before anything else.
        confirmed: entries of anonymous sales that turned out to be published: to be written.
    """

    first: list[PlannedEvent]
    confirmed: list[LedgerEntry]


class _Ids(msgspec.Struct):
    event_id: str
    refund_id: str | None = None


_decode_ids: Final = msgspec.json.Decoder(_Ids).decode


async def read_erasures(broker: Broker, topics: Topics) -> dict[bytes, Erasure]:
    """Return the last erasure of each customer, by the customer's part of the key in the order ledger.

    Raises:
        UnknownFormatVersion: a version of goldstream wrote it that this one cannot read.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    count = (await broker.partitions_by_topic()).get(topics.erasure_ledger, 0)
    erasures: dict[bytes, Erasure] = {}
    for number in range(count):
        ledger = await read_ledger(broker.read(topics.erasure_ledger, number))
        for key, erasure in ledger.items():
            # a replay has written its erasures to several partitions, with an offset below that of any later one
            before = erasures.get(customer_part(key))
            if before is None or before.offset <= erasure.offset:
                erasures[customer_part(key)] = erasure
    return erasures


async def find_known(
    broker: Broker,
    topics: Topics,
    events: KnownEvents,
    erasures: Mapping[bytes, Erasure],
    on_progress: ReportProgress = lambda _: None,
) -> Known:
    """Return what the order ledger knows of the events of a file, all of which are in `events`.

    Raises:
        UnknownFormatVersion: a version of goldstream wrote it that this one cannot read.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    count = (await broker.partitions_by_topic()).get(topics.order_ledger, 0)
    for number in range(count):
        most_remaining = 0

        def note_remaining(remaining: int, number: int = number) -> None:
            nonlocal most_remaining
            most_remaining = max(most_remaining, remaining)
            on_progress((number + 1 - remaining / max(1, most_remaining)) / count)

        async for batch in broker.read(topics.order_ledger, number, on_remaining=note_remaining):
            events.add_records(number, batch, erasures)
    return events.find()


async def settle(broker: Broker, topics: Topics, plan: ImportPlan, spool: EventSpool) -> Unfinished:
    """Settle what an earlier import has announced without confirming it, so that the plan can decide.

    Raises:
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    announced = {number for number, entry in plan.known.entries.items() if entry.announced is not None}
    unfinished = Unfinished([], [])
    if not announced:
        return unfinished
    uncertain: dict[int, dict[str, int | None]] = {}
    keys: set[bytes] = set()
    for number, spooled in enumerate(spool):
        if number not in announced:
            continue
        refunds = plan.unsettled(number, spooled)
        if not refunds:
            uncertain[number] = plan.announced_ids(number, spooled)
            continue
        if spooled.key not in keys:  # several refunds of an order have one entry
            unfinished.first.extend(refunds)
        keys.add(spooled.key)
        plan.settle(number, is_published=True)
    found = await _find_published(broker, topics, plan, uncertain)
    for number, ids in uncertain.items():
        totals = [total for event_id, total in ids.items() if event_id in found]
        entry = plan.settle(number, is_published=bool(totals), refunded=totals[-1] if totals else None)
        if totals:
            assert entry is not None
            unfinished.confirmed.append(entry)
    return unfinished


async def _find_published(
    broker: Broker, topics: Topics, plan: ImportPlan, uncertain: Mapping[int, Mapping[str, int | None]]
) -> set[str]:
    """Return the ids, of these, that are in the partitions of source topics that their announcements name."""
    wanted = frozenset(event_id for ids in uncertain.values() for event_id in ids)
    begins: dict[tuple[str, int], int] = {}
    for number in uncertain:
        announced = plan.known.entries[number].announced
        assert announced is not None
        place = announced.topic, announced.partition
        begins[place] = min(announced.offset, begins.get(place, announced.offset))
    found: set[str] = set()
    for (name, partition), begin in begins.items():
        topic = topics.full(name)
        try:
            found |= await _ids_in(broker.read(topic, partition, begin), wanted)
        except OffsetTruncated:
            found |= await _ids_in(broker.read(topic, partition), wanted)
        except PartitionShortened:  # the topic was deleted and created again
            continue
    return found


async def _ids_in(batches: AsyncIterator[list[ConsumerRecord]], wanted: AbstractSet[str]) -> set[str]:
    found: set[str] = set()
    async for batch in batches:
        for record in batch:
            with suppress(msgspec.MsgspecError, UnicodeDecodeError, TypeError):
                ids = _decode_ids(record.value)
                found.update({ids.event_id, ids.refund_id or ids.event_id} & wanted)
    return found
