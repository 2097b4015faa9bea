"""Publishing a file: whatever interrupts it, the next import completes it, and nothing counts twice."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import pytest
from aiokafka.errors import KafkaError

from agents.importing.events.imported_event import ImportedEvent
from agents.importing.publication import publishing
from agents.importing.publication.event_spool import EventSpool
from agents.importing.publication.import_plan import ERASED, KNOWN, OTHER_CUSTOMER, UNKNOWN_ORDER
from agents.importing.publication.known_events import KnownEvents, OtherCustomers
from agents.importing.publication.ledger_reading import find_known
from state.records.erasure import Erasure, encode_erasure, erasure_key
from streams.kafka.writing.publisher import partition_of
from streams.tables.order_ledger import ORDER, LedgerEntry, encode_entry
from tests.lanes.imported_orders import (
    DATABASE,
    DAY_MS,
    EVENTS,
    MARCH,
    PARTITIONS,
    TOPICS,
    Order,
    effect,
    entries,
    event,
    events_of,
    expected,
    import_events,
    new_broker,
    published_events,
)
from tests.lanes.memory_broker import Crash, MemoryBroker

MAY: Final = (
    Order(1, "ann", 500),
    Order(2),
    Order(3, "bob"),
    Order(4, "", 700),
    Order(5, "ann"),
    Order(6, "gus", 6_000),
    Order(7),
)
JUNE: Final = (
    Order(0, "cay"),
    Order(1, "ann", 1_500),
    *MAY[1:3],
    Order(4, "", 900),
    Order(5, "ann"),
    Order(6, "gus", 10_000),
    Order(7),
    Order(8, "", 100),
)
LISTS: Final = (
    Order(1, "ann", 600, (100, 200, 300)),
    Order(2, "", 900, (400, 500)),
    Order(3, "bob", 700, (700,)),
)
LONGER_LISTS: Final = (
    Order(1, "ann", 1_000, (100, 200, 300, 400)),
    Order(2, "", 1_000, (400, 500, 100)),
    Order(3, "bob", 900, (700, 200)),
)
TOTALS: Final = (Order(1, "ann", 800), Order(2, "", 950), Order(3, "bob", 700))
"""The same orders later, with totals alone."""


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "CHUNK_EVENTS", 3)


def at_request(number: int, fault: str) -> Callable[[str, int], str | None]:
    """Return a fault for one request, counted from 0."""
    return lambda _topic, request: fault if request == number else None


async def test_an_export_is_published_once_and_completely() -> None:
    broker = new_broker()
    published, left_out = await import_events(broker, events_of(MAY))
    assert (published.kinds, published.is_complete, left_out) == ({"purchase": 7, "refund": 3}, True, {})
    assert effect(broker) == expected(MAY)
    assert all(each.announced is None for each in entries(broker))
    again, left_out = await import_events(broker, events_of(MAY), "june")
    assert (again.count, left_out) == (0, {KNOWN: 10})
    assert len(published_events(broker)) == 10


async def test_events_are_in_the_partitions_of_their_customers_in_order() -> None:
    broker = new_broker()
    orders = [Order(number, f"c-{number % 5}") for number in range(40)]
    await import_events(broker, events_of(orders))
    for number in range(PARTITIONS):
        records = broker.records(EVENTS, number)
        assert all(partition_of(record.key, PARTITIONS) == number for record in records)
        found = [json.loads(record.value)["occurred_at"] for record in records]
        assert found == sorted(found)


async def test_a_longer_export_adds_what_is_new_and_the_difference_of_refunds() -> None:
    broker = new_broker()
    await import_events(broker, events_of(MAY))
    before = published_events(broker)
    published, left_out = await import_events(broker, events_of(JUNE), "june")
    assert effect(broker) == expected(JUNE)
    assert published.kinds == {"purchase": 2, "refund": 4}
    assert left_out == {KNOWN: 7}
    added = {each["event_id"]: each["amount"] for each in published_events(broker) if each not in before}
    assert added == {
        "0:placed": "100.00",
        "8:placed": "100.00",
        "refund:1:refunded:15.00": "10.00",
        "refund:4:refunded:9.00": "2.00",
        "refund:6:refunded:100.00": "40.00",
        "refund:8:refunded:1.00": "1.00",
    }
    totals = {each.id: each.published for each in entries(broker) if each.kind == "r"}
    assert totals["1"] == (("may", 500), ("june", 1_000))


async def test_a_refund_that_shrank_is_left_out() -> None:
    broker = new_broker()
    await import_events(broker, events_of([Order(1, "ann", 900)]))
    _, left_out = await import_events(broker, events_of([Order(1, "ann", 300)]), "june")
    assert left_out == {KNOWN: 2}
    assert effect(broker)["refund", "ann", "1"] == 900


async def test_a_stopped_import_is_continued_by_the_next_one() -> None:
    broker = new_broker()
    published, _ = await import_events(broker, events_of(MAY), stop_after=4)
    assert (published.count, published.is_complete) == (6, False)
    assert len(entries(broker)) == 6
    published, left_out = await import_events(broker, events_of(MAY))
    assert (published.count, published.is_complete, left_out) == (4, True, {KNOWN: 6})
    assert len(published_events(broker)) == 10


@pytest.mark.parametrize("fault", ["crash", "crash after", "refused", "unacknowledged"])
@pytest.mark.parametrize("next_export", [MAY, JUNE], ids=["the same export", "a longer export"])
async def test_an_import_that_dies_anywhere_is_completed_by_the_next(
    fault: str, next_export: tuple[Order, ...]
) -> None:
    """At every request: announcements, events and confirmations, to either partition."""
    undisturbed = new_broker()
    await import_events(undisturbed, events_of(MAY))
    assert {topic for topic, _, _ in undisturbed.requests} == {EVENTS, TOPICS.order_ledger}
    for number in range(len(undisturbed.requests)):
        broker = new_broker()
        broker.fault = at_request(number, fault)
        with pytest.raises((Crash, KafkaError)):
            await import_events(broker, events_of(MAY))
        broker.fault = lambda _topic, _request: None
        await import_events(broker, events_of(next_export), "june")
        assert effect(broker) == expected(next_export), f"{fault} at request {number}"
        assert all(each.announced is None for each in entries(broker))
        count = len(published_events(broker))
        await import_events(broker, events_of(next_export), "july")
        assert len(published_events(broker)) == count


@pytest.mark.parametrize("fault", ["crash", "crash after", "refused", "unacknowledged"])
@pytest.mark.parametrize("next_export", [LISTS, LONGER_LISTS, TOTALS], ids=["the same", "longer lists", "totals"])
async def test_lists_of_refunds_are_completed_after_any_death(fault: str, next_export: tuple[Order, ...]) -> None:
    undisturbed = new_broker()
    await import_events(undisturbed, events_of(LISTS))
    assert len(published_events(undisturbed)) == 3 + 6
    for number in range(len(undisturbed.requests)):
        broker = new_broker()
        broker.fault = at_request(number, fault)
        with pytest.raises((Crash, KafkaError)):
            await import_events(broker, events_of(LISTS))
        broker.fault = lambda _topic, _request: None
        await import_events(broker, events_of(next_export), "june")
        assert effect(broker) == expected(next_export), f"{fault} at request {number}"
        assert all(each.announced is None for each in entries(broker))
        count = len(published_events(broker))
        for export in (next_export, LISTS):
            await import_events(broker, events_of(export), "july")
            assert len(published_events(broker)) == count


async def test_a_list_that_has_grown_adds_its_new_refunds() -> None:
    broker = new_broker()
    await import_events(broker, events_of(LISTS))
    before = published_events(broker)
    await import_events(broker, events_of(TOTALS), "june")
    await import_events(broker, events_of(LONGER_LISTS), "july")
    assert effect(broker) == expected(LONGER_LISTS)
    added = {each["refund_id"]: each["amount"] for each in published_events(broker) if each not in before}
    assert added == {
        "1:refunded:8.00": "2.00",
        "2:refunded:9.50": "0.50",
        "1:refunded:10.00": "2.00",
        "2:refunded:10.00": "0.50",
        "3:refunded:9.00": "2.00",
    }


async def test_an_import_that_dies_twice_is_completed_by_the_third() -> None:
    """The second one dies while it completes the first: a grown refund is announced, and perhaps published."""
    for first in range(4, 12):
        for second in range(10):
            broker = new_broker()
            broker.fault = at_request(first, "crash after")
            with pytest.raises(Crash):
                await import_events(broker, events_of(MAY))
            died_at = len(broker.requests) + second
            broker.fault = at_request(died_at, "crash")
            with pytest.raises(Crash):
                await import_events(broker, events_of(JUNE), "june")
            broker.fault = lambda _topic, _request: None
            await import_events(broker, events_of(JUNE), "july")
            assert effect(broker) == expected(JUNE), f"died at requests {first} and {died_at}"


async def test_what_retention_has_deleted_does_not_hide_what_is_there() -> None:
    broker = new_broker()
    acknowledged = [topic for topic, _, _ in (await undisturbed_requests())].index(EVENTS)
    broker.fault = at_request(acknowledged, "crash after")
    with pytest.raises(Crash):
        await import_events(broker, events_of([Order(number) for number in range(3)]))
    ((partition, offset),) = [
        (number, broker.log(EVENTS, number).end) for number in range(PARTITIONS) if broker.log(EVENTS, number).end
    ]
    broker.append(EVENTS, partition, None, b"not an event")
    broker.log(EVENTS, partition).truncate(offset - 1)
    broker.fault = lambda _topic, _request: None
    await import_events(broker, events_of([Order(number) for number in range(3)]))
    sold = Counter(each["event_id"] for each in published_events_of_json(broker))
    assert max(sold.values()) == 1


async def undisturbed_requests() -> list[tuple[str, int, int]]:
    broker = new_broker()
    await import_events(broker, events_of([Order(number) for number in range(3)]))
    return broker.requests


def published_events_of_json(broker: MemoryBroker) -> list[dict[str, Any]]:
    values = [record.value for number in range(PARTITIONS) for record in broker.records(EVENTS, number)]
    return [json.loads(value) for value in values if value.startswith(b"{")]


def erase(broker: MemoryBroker, customer_id: str, at: int, offset: int) -> None:
    number = partition_of(customer_id.encode(), PARTITIONS)
    value = encode_erasure(Erasure(3, at, offset))
    broker.append(TOPICS.erasure_ledger, number, erasure_key(customer_id), value)


async def test_an_erased_customer_does_not_return_by_an_import() -> None:
    broker = new_broker()
    erase(broker, "ann", MARCH + 30 * DAY_MS, 7)
    published, left_out = await import_events(broker, events_of(MAY))
    assert left_out == {ERASED: 3}
    assert published.count == 7
    assert "ann" not in {each.customer_id for each in entries(broker)}
    assert "ann" not in {each["customer_id"] for each in published_events(broker)}


async def test_orders_after_the_erasure_are_imported_with_its_offset() -> None:
    broker = new_broker()
    erase(broker, "ann", MARCH + 3 * DAY_MS, 7)
    late_refund = Order(1, "ann", 500)
    events = [*events_of([late_refund, Order(5, "ann", 200)])]
    events[2] = events[2]._replace(occurred_at_ms=MARCH + 9 * DAY_MS)
    published, left_out = await import_events(broker, events)
    assert left_out == {ERASED: 2}, "the refund of an erased order is erased, too, whenever it was"
    assert published.kinds == {"purchase": 1, "refund": 1}
    assert {(each.id, each.erasure_offset) for each in entries(broker)} == {("5", 7)}


async def test_entries_that_an_erasure_should_have_removed_are_removed_and_not_known() -> None:
    broker = new_broker()
    await import_events(broker, events_of(MAY))
    erase(broker, "ann", MARCH + DAY_MS, 7)
    _, left_out = await import_events(broker, events_of(MAY), "june")
    assert left_out == {KNOWN: 7, ERASED: 2}
    assert {(each.id, each.erasure_offset) for each in entries(broker) if each.customer_id == "ann"} == {("5", 7)}


async def test_a_customer_who_is_erased_during_an_import_is_removed_at_its_end() -> None:
    broker = new_broker()

    def erase_now(topic: str, request: int) -> None:
        if topic == EVENTS and request > 5 and not broker.records(TOPICS.erasure_ledger, number):
            erase(broker, "ann", MARCH + 30 * DAY_MS, 7)

    number = partition_of(b"ann", PARTITIONS)
    broker.fault = erase_now
    await import_events(broker, events_of(MAY))
    assert broker.records(TOPICS.erasure_ledger, number)
    assert {each.customer_id for each in entries(broker)} == {"", "bob", "gus"}


async def test_an_erasure_is_known_by_the_erasure_ledger_and_never_in_the_order_ledger() -> None:
    broker = new_broker()
    erase(broker, "ann", MARCH + 4 * DAY_MS, 7)
    events = [event("erasure", Order(number, "ann"), event_id=f"e{number}", amount="0") for number in (3, 4, 5)]
    published, left_out = await import_events(broker, events)
    assert (published.kinds, left_out) == ({"erasure": 1}, {KNOWN: 2})
    assert entries(broker) == []


async def test_other_events_are_known_by_their_ids() -> None:
    broker = new_broker()
    events = [
        event("signup", Order(1, "ann"), event_id="s-1", amount="0"),
        event("consent", Order(2, "ann"), event_id="c-1", amount="0"),
        event("refund", Order(3, "ann"), event_id="x", refund_id="r-1", amount="1"),
        event("refund", Order(3), event_id="y", refund_id="r-1", amount="1"),
    ]
    published, _ = await import_events(broker, events)
    assert published.count == 4
    more = event("refund", Order(3, "ann"), event_id="z", refund_id="r-2", amount="1")
    published, left_out = await import_events(broker, [*events, more], "june")
    assert (published.count, left_out) == (1, {KNOWN: 4})


async def test_an_order_that_is_known_with_another_customer_counts_once() -> None:
    broker = new_broker()
    await import_events(broker, events_of(MAY), "may")
    ann, anonymous, *rest = MAY
    corrected = [ann._replace(customer_id="anna", refunded=800), anonymous._replace(customer_id="eve"), *rest]
    for _ in range(2):
        _, left_out = await import_events(broker, events_of(corrected), "june")
    assert left_out[OTHER_CUSTOMER] == 2
    assert effect(broker) == expected([ann._replace(refunded=800), anonymous, *rest])


async def test_orders_of_other_customers_are_counted_beside_those_of_the_same() -> None:
    broker = new_broker()
    other = LedgerEntry(ORDER, "someone else", "5", "import:shopify", (("april", 0),))
    own = LedgerEntry(ORDER, "bob", "3", "import:shopify", (("april", 0),))
    for entry in (other, own):
        broker.append(TOPICS.order_ledger, 0, entry.key, encode_entry(entry))
    with EventSpool() as spool:
        keys = KnownEvents(DATABASE)
        for each in events_of(MAY):
            keys.add_event(spool.add(each))
        known = await find_known(broker, TOPICS, keys, {})
    assert known.others == OtherCustomers(frozenset({4}), 1, other)
    assert sum(known.published) == 1


def _refund_of(order: Order, mentioned: str) -> ImportedEvent:
    """Return a refund whose rows name an order that their file does not have."""
    refund = event("refund", order, event_id=f"refund:r{order.number}", refund_id=f"r{order.number}", amount="5.00")
    return refund._replace(order_id="", mentioned_order=mentioned)


async def test_a_refund_belongs_to_the_order_of_an_earlier_import() -> None:
    broker = new_broker()
    await import_events(broker, events_of([Order(1, "ann"), Order(2, "bob")]), "may")
    refunds = [
        _refund_of(Order(11, "ann"), "1"),
        _refund_of(Order(12, "ann"), "2"),  # bob's
        _refund_of(Order(13, "ann"), "3"),
        _refund_of(Order(14), "1"),
        _refund_of(Order(15), "4"),
    ]
    for _ in range(2):
        _, left_out = await import_events(broker, refunds, "june")
        assert (left_out[OTHER_CUSTOMER], left_out[UNKNOWN_ORDER]) == (1, 1)
    published = {
        each["refund_id"]: (each["customer_id"], each.get("order_id"))
        for each in published_events(broker)
        if "refund_id" in each
    }
    assert published == {"r11": ("ann", "1"), "r13": ("ann", None), "r14": ("ann", "1")}
    assert sum("refund_id" in each for each in published_events(broker)) == len(published)
