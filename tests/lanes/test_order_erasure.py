"""Erasing a customer removes their entries from the order ledger, whatever happens to the worker."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator

import pytest
from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaTimeoutError

from agents.segment import order_erasure
from agents.segment.order_erasure import FIRST_PAUSE_S
from agents.segment.segment_lane import SegmentLane
from state.records.erasure import Erasure, encode_erasure, erasure_key
from streams.errors import FatalError
from streams.tables.order_ledger import EVENT, ORDER, REFUNDS, LedgerEntry, encode_entry
from tests.lanes.memory_broker import MemoryBroker, by_key
from tests.lanes.segment_worker import SegmentWorker, append_journal
from tests.oracle import moments
from tests.property.folding import TOPICS, journal_of
from tests.property.histories.history_builder import Step
from tests.property.test_daily_crashes import DAY_MS, POLICY, START

ERASED_AT = 3
"""The journal offset of the erasure of `ann`."""


def history() -> Iterator[Step]:
    """Yield orders of two customers, and the erasure of one of them."""
    yield {"type": "policy", "text": POLICY.format(version=1, edge=10)}
    for number, customer in enumerate(("ann", "bob")):
        yield {
            "type": "purchase",
            "event_id": f"e{number}",
            "customer_id": customer,
            "order_id": f"o-{customer}",
            "occurred_at": moments.text(START + number * DAY_MS),
            "amount": "9.00",
            "currency": "RUB",
        }
    yield {
        "type": "erasure",
        "event_id": "e9",
        "customer_id": "ann",
        "occurred_at": moments.text(START + 9 * DAY_MS),
    }


def entry(customer_id: str, kind: str = ORDER, entry_id: str = "1", erasure_offset: int = -2) -> LedgerEntry:
    return LedgerEntry(kind, customer_id, entry_id, "import:shopify", (("may", 0),), None, erasure_offset)


ENTRIES = (
    entry("ann"),
    entry("bob"),
    entry("ann", REFUNDS),
    entry(""),
    entry("ann", EVENT, "signup-1"),
    entry("anna"),
)


def put(broker: MemoryBroker, entries: Iterable[LedgerEntry]) -> None:
    for each in entries:
        broker.append(TOPICS.order_ledger, 0, each.key, encode_entry(each))


def ledger(broker: MemoryBroker) -> set[bytes]:
    return set(by_key(broker.records(TOPICS.order_ledger)))


def keys(*entries: LedgerEntry) -> set[bytes]:
    return {each.key for each in entries}


def broker_with(entries: Iterable[LedgerEntry] = ENTRIES) -> MemoryBroker:
    broker = MemoryBroker()
    fill(broker, entries)
    return broker


def fill(broker: MemoryBroker, entries: Iterable[LedgerEntry] = ENTRIES) -> None:
    append_journal(broker, journal_of(history()))
    put(broker, entries)


async def until_ledger_is(broker: MemoryBroker, expected: set[bytes]) -> None:
    async with asyncio.timeout(10):
        while ledger(broker) != expected:  # noqa: ASYNC110 - a broker sends no notification
            await asyncio.sleep(0.001)


async def until_done(broker: MemoryBroker, offset: int = ERASED_AT) -> None:
    """Wait until it is written that erasures up to a journal offset are done."""
    done = bytes([1, offset])
    async with asyncio.timeout(10):
        while by_key(broker.records(TOPICS.progress)).get(b"orders-erased") != done:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.001)


async def fold_all(worker: SegmentWorker) -> SegmentLane:
    """Return a lane that has folded the whole journal, table included, and is still open."""
    lane = await worker.open()
    await lane.process(worker.broker.records(TOPICS.journal)[lane.cursor :])
    await lane.checkpoint()
    return lane


async def test_an_erasure_removes_all_entries_of_the_customer_and_no_others() -> None:
    broker = broker_with()
    lane = await fold_all(SegmentWorker(broker))
    await until_ledger_is(broker, keys(entry("bob"), entry(""), entry("anna")))
    await until_done(broker)
    await lane.close()


async def test_no_entry_is_removed_without_an_erasure() -> None:
    broker = MemoryBroker()
    append_journal(broker, journal_of(list(history())[:-1]))
    put(broker, ENTRIES)
    end = broker.log(TOPICS.order_ledger).end
    lane = await fold_all(SegmentWorker(broker))
    await asyncio.sleep(0.02)
    await lane.close()
    assert broker.log(TOPICS.order_ledger).end == end


async def test_recovery_completes_what_a_crash_left() -> None:
    broker = broker_with()
    broker.fault = lambda topic, _number: "refused" if topic == TOPICS.order_ledger else None
    worker = SegmentWorker(broker)
    lane = await fold_all(worker)
    await lane.close()
    assert keys(*ENTRIES) == ledger(broker)
    broker.fault = lambda _topic, _number: None
    lane = await SegmentWorker(broker).open()
    await until_ledger_is(broker, keys(entry("bob"), entry(""), entry("anna")))
    await lane.close()


class UnreadableOnce(MemoryBroker):
    """A broker that once fails to deliver the order ledger."""

    failed = False

    async def read(
        self,
        topic: str,
        partition: int,
        begin: int | None = None,
        end: int | None = None,
        on_remaining: Callable[[int], None] | None = None,
    ) -> AsyncGenerator[list[ConsumerRecord]]:
        """Yield the records of `[begin, end)`."""
        async for batch in super().read(topic, partition, begin, end, on_remaining):
            yield batch
            if topic == TOPICS.order_ledger and not self.failed:
                self.failed = True
                raise KafkaTimeoutError


async def test_a_failed_reading_is_repeated_after_a_pause_and_the_lane_goes_on() -> None:
    broker = UnreadableOnce()
    fill(broker)
    lane = await fold_all(SegmentWorker(broker))
    async with asyncio.timeout(10):
        while not broker.failed:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.001)
    assert lane.cursor == ERASED_AT + 1
    assert ledger(broker) == keys(*ENTRIES)
    await asyncio.sleep(0.01)
    broker.clock.advance(FIRST_PAUSE_S)
    await until_ledger_is(broker, keys(entry("bob"), entry(""), entry("anna")))
    await lane.close()


async def test_what_is_done_is_not_done_again() -> None:
    broker = broker_with()
    lane = await fold_all(SegmentWorker(broker))
    await until_done(broker)
    await lane.close()
    late = entry("ann", entry_id="late")
    put(broker, [late])
    lane = await SegmentWorker(broker).open()
    await asyncio.sleep(0.02)
    await lane.close()
    assert late.key in ledger(broker)


async def test_an_entry_written_after_the_erasure_is_kept() -> None:
    """The customer has returned with one order that is new and one whose id they had before."""
    new, again = entry("ann", entry_id="2", erasure_offset=ERASED_AT), entry("ann", erasure_offset=ERASED_AT)
    broker = broker_with([*ENTRIES, new, again])
    lane = await fold_all(SegmentWorker(broker))
    await until_ledger_is(broker, keys(entry("bob"), entry(""), entry("anna"), new, again))
    await until_done(broker)
    await lane.close()
    assert keys(new, again) <= ledger(broker)


async def test_many_customers_are_removed_in_several_readings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_erasure, "MAX_CUSTOMERS", 2)
    monkeypatch.setattr(order_erasure, "TOMBSTONES", 2)
    broker = MemoryBroker()
    customers = [f"c{number}" for number in range(5)]
    put(broker, [entry(customer, kind) for kind in (ORDER, REFUNDS, EVENT) for customer in [*customers, "bob"]])
    for number, customer in enumerate(customers):
        broker.append(TOPICS.erasure_ledger, 0, erasure_key(customer), encode_erasure(Erasure(1, START, 10 + number)))
    lane = await SegmentWorker(broker).open()
    await until_done(broker, 14)
    await lane.close()
    assert ledger(broker) == keys(*(entry("bob", kind) for kind in (ORDER, REFUNDS, EVENT)))
    assert max(count for topic, _, count in broker.requests if topic == TOPICS.order_ledger) == 2


async def test_an_entry_of_another_format_version_stops_the_worker() -> None:
    broker = broker_with()
    broker.append(TOPICS.order_ledger, 0, entry("ann", entry_id="new").key, b"\x63something")
    worker = SegmentWorker(broker)
    lane = await fold_all(worker)
    with pytest.raises(FatalError, match=rf"{TOPICS.order_ledger}:0: .*format version 99"):
        await process_for_long(lane, broker)
    await lane.close()


async def process_for_long(lane: SegmentLane, broker: MemoryBroker) -> None:
    """Let a lane process records that it has already, until it fails."""
    async with asyncio.timeout(10):
        while True:
            await lane.process(broker.records(TOPICS.journal)[-1:])
            await asyncio.sleep(0.001)
