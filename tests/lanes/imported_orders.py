"""Imports of made-up exports on a broker in memory, and what the fold counts of them."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Any, Final, NamedTuple, cast

import duckdb

from agents.importing.events.imported_event import ImportedEvent
from agents.importing.publication.event_spool import EventSpool
from agents.importing.publication.import_plan import ImportPlan
from agents.importing.publication.known_events import KnownEvents
from agents.importing.publication.ledger_reading import find_known, read_erasures, settle
from agents.importing.publication.publishing import ImportPublisher, Published
from streams.kafka.topics import Topics
from streams.tables.order_ledger import LedgerEntry, decode_entry
from tests.lanes.memory_broker import MemoryBroker, by_key
from tests.oracle import moments

TOPICS: Final = Topics("shop")
EVENTS: Final = TOPICS.full("events")
PARTITIONS: Final = 2
MARCH: Final = moments.parse("2026-03-01T00:00:00Z")
DAY_MS: Final = moments.DAY_MS
DATABASE: Final = duckdb.connect()
"""One for all imports: each replaces its tables, and opening one takes longer than an import."""


class Order(NamedTuple):
    """A line of an export: an order with its refund column, or with a list of refunds that add up to that."""

    number: int
    customer_id: str = ""
    refunded: int = 0
    listed: tuple[int, ...] = ()


def event(kind: str, order: Order, **fields: Any) -> ImportedEvent:
    """Return an event of an order, a day after that of the order before it."""
    at = MARCH + order.number * DAY_MS
    value = {"type": kind, "customer_id": order.customer_id, "occurred_at": moments.text(at), "currency": "RUB"}
    content = json.dumps(value | fields).encode()
    return ImportedEvent(kind, at, order.customer_id, str(order.number), content, order.number + 1)


def events_of(orders: Iterable[Order]) -> Iterator[ImportedEvent]:
    """Return the events of an export."""
    for order in orders:
        order_id = str(order.number)
        yield event("purchase", order, event_id=f"{order_id}:placed", order_id=order_id, amount="100.00")
    for order in orders:
        refunds = order.listed or ((order.refunded,) if order.refunded else ())
        for minor, total in zip(refunds, accumulate(refunds), strict=True):
            refund_id = f"{order.number}:refunded:{total / 100:.2f}"
            amount = f"{minor / 100:.2f}"
            refund = event("refund", order, event_id=f"refund:{refund_id}", refund_id=refund_id, amount=amount)
            yield refund._replace(refunded_minor=total)


def new_broker() -> MemoryBroker:
    broker = MemoryBroker()
    for topic in (EVENTS, TOPICS.order_ledger, TOPICS.erasure_ledger):
        for number in range(PARTITIONS):
            broker.log(topic, number)
    return broker


async def import_events(
    broker: MemoryBroker, events: Iterable[ImportedEvent], import_id: str = "may", stop_after: int | None = None
) -> tuple[Published, Counter[str]]:
    """Import a file as the command does; return what was published, and how much was left out by reason."""
    with EventSpool() as spool:
        keys = KnownEvents(DATABASE)
        for each in events:
            keys.add_event(spool.add(each))
        erasures = await read_erasures(broker, TOPICS)
        known = await find_known(broker, TOPICS, keys, erasures)
        plan = ImportPlan(known, erasures, import_id, "import:generic")
        unfinished = await settle(broker, TOPICS, plan, spool)
        decisions = [plan.decide(number, spooled) for number, spooled in enumerate(spool)]
        left_out = Counter(each for each in decisions if isinstance(each, str))
        publisher = ImportPublisher(broker, cast("Any", broker.producer()), TOPICS, "events", plan, spool)
        published = await publisher.run(
            unfinished,
            erasures,
            should_stop=lambda: stop_after is not None and publisher.published.count >= stop_after,
        )
        return published, left_out


def published_events(broker: MemoryBroker) -> list[dict[str, Any]]:
    return [json.loads(record.value) for number in range(PARTITIONS) for record in broker.records(EVENTS, number)]


def effect(broker: MemoryBroker) -> dict[tuple[str, str, str], int]:
    """Return the sums by kind, customer and order as the fold counts them: the same id of a customer once."""
    sums, seen = Counter[tuple[str, str, str]](), set()
    for each in published_events(broker):
        order_id = each["event_id"].removeprefix("refund:").partition(":")[0]
        identity = each["customer_id"], each["event_id"]
        if each["customer_id"] and identity in seen:
            continue
        seen.add(identity)
        sums[each["type"], each["customer_id"], order_id] += round(float(each["amount"]) * 100)
    return dict(sums)


def expected(orders: Iterable[Order]) -> dict[tuple[str, str, str], int]:
    """Return the sums of an export, imported once."""
    sums = {("purchase", order.customer_id, str(order.number)): 10_000 for order in orders}
    refunds = {("refund", order.customer_id, str(order.number)): order.refunded for order in orders if order.refunded}
    return sums | refunds


def entries(broker: MemoryBroker) -> list[LedgerEntry]:
    return [
        decode_entry(value)
        for number in range(PARTITIONS)
        for value in by_key(broker.records(TOPICS.order_ledger, number)).values()
    ]
