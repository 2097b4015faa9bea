"""Read what was published before: the ledgers of erasures and orders, and, after a crash, the source topic itself."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from agents.importing.publication.event_spool import EventSpool
from agents.importing.publication.import_plan import ImportPlan, PlannedEvent
from agents.importing.publication.known_events import Known, KnownEvents
from state.records.erasure import Erasure
from streams.kafka.broker import Broker
from streams.kafka.topics import Topics
from streams.tables.announced_events import find_published
from streams.tables.erasure_ledger import read_ledger
from streams.tables.order_ledger import LedgerEntry, customer_part

ReportProgress = Callable[[float], None]
"""Called with the part that is done, 0 to 1."""


class Unfinished(NamedTuple):
    """What an earlier import has announced without confirming it.

    Attributes:
        first: refunds of customers, which may or may not be published: to be published before anything else.
        confirmed: entries of anonymous sales and refunds of which it is certain now whether they are published: to be
            written.
    """

    first: list[PlannedEvent]
    confirmed: list[LedgerEntry]


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
    """Settle what an earlier import, or a hook, has announced without confirming it, so that the plan can decide.

    Raises:
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    announced = {number for number, entry in plan.known.entries.items() if entry.announced is not None}
    unfinished = Unfinished([], [])
    beside = plan.known.beside.announced
    if not announced and not beside:
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
    entries = [*(plan.known.entries[number] for number in uncertain), *(entry for _, entry in beside)]
    wanted = {each for ids in uncertain.values() for each in ids} | {entry.id for _, entry in beside}
    places = [entry.announced for entry in entries if entry.announced is not None]
    found = await find_published(broker, topics, places, wanted)
    settled = {entry.key: plan.settle_beside(number, entry, is_published=entry.id in found) for number, entry in beside}
    unfinished.confirmed.extend(settled.values())
    for number, ids in uncertain.items():
        totals = [total for event_id, total in ids.items() if event_id in found]
        entry = plan.settle(number, is_published=bool(totals), refunded=totals[-1] if totals else None)
        if totals:
            assert entry is not None
            unfinished.confirmed.append(entry)
    return unfinished
