"""The lane of a journal partition: a failure while it writes never changes the result."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Final

import pytest
from aiokafka.errors import InvalidProducerEpoch, KafkaError

from agents.segment.commit_policy import IDLE_SECONDS, PUBLISH_SECONDS
from streams.engine.lane import SESSION_SECONDS, OwnershipLost
from streams.errors import FatalError
from streams.tables.customers_table import is_chunk
from tests.lanes.memory_broker import Crash, MemoryBroker
from tests.lanes.segment_worker import OUTPUTS, SegmentWorker, append_journal, result_of, work_until_done
from tests.oracle import moments
from tests.property.folding import TOPICS, Entry, WrittenState, journal_of
from tests.property.histories.history_builder import Step
from tests.property.test_daily_crashes import DAY_MS, START, steps
from tests.property.test_fold_against_oracle import chunks_of

FUTURE_FORMAT: Final = b"\x63something"


def reseller() -> Iterator[Step]:
    """Yield the events of a customer with orders in several chunks, who is erased and returns."""
    kinds = ("purchase",) * 6 + ("refund", "erasure") + ("purchase",) * 4
    for number, kind in enumerate(kinds):
        at = moments.text(START + (50 + number) * DAY_MS)
        step: Step = {"type": kind, "event_id": f"r{number}", "customer_id": "r", "occurred_at": at}
        if kind == "purchase":
            step |= {"order_id": f"o{number}", "amount": "9.00", "currency": "RUB"}
        elif kind == "refund":
            step |= {"refund_id": "r", "order_id": "o1", "amount": "2.00", "currency": "RUB"}
        yield step


def is_chunk_of(customer_id: bytes, key: bytes | None) -> bool:
    return key is not None and is_chunk(key) and len(key) > 9 and key[9:] == customer_id


JOURNAL: Final = journal_of(steps())
LONG_JOURNAL: Final = journal_of([*steps(), *reseller()])


@pytest.fixture(params=["short histories", "histories in chunks"])
def journal(request: pytest.FixtureRequest) -> Iterator[list[Entry]]:
    is_long = request.param == "histories in chunks"
    with chunks_of(1 if is_long else 0):
        yield LONG_JOURNAL if is_long else JOURNAL


def broker_with(journal: list[Entry]) -> MemoryBroker:
    broker = MemoryBroker()
    append_journal(broker, journal)
    return broker


def at_request(number: int, fault: str) -> Callable[[str, int], str | None]:
    """Return a fault for one request, counted from 0."""
    return lambda _topic, request: fault if request == number else None


async def undisturbed(journal: list[Entry]) -> MemoryBroker:
    broker = broker_with(journal)
    assert await work_until_done(broker) == 0
    return broker


async def test_a_lane_writes_outputs_state_daily_totals_and_progress(journal: list[Entry]) -> None:
    result = result_of(await undisturbed(journal))
    assert all(result["outputs"][topic] for topic in (TOPICS.segment_changes, TOPICS.suppressions, TOPICS.outcomes))
    assert set(result["customers"]) - {"r"} == {"a", "b", "c"}
    assert len(result["daily"]) > len("abc")
    assert len(result["erasures"]) == len(journal) // 20 + 1


@pytest.mark.parametrize("fault", ["crash", "crash after", "refused", "unacknowledged"])
async def test_a_failed_request_does_not_change_the_result(journal: list[Entry], fault: str) -> None:
    """At every request, whichever step of the write plan or of recovery sends it."""
    expected = await undisturbed(journal)
    result = result_of(expected)
    written_to = set()
    if journal is LONG_JOURNAL:
        assert any(is_chunk_of(b"r", record.key) for record in expected.records(TOPICS.customers))
    for number, (topic, _, _) in enumerate(expected.requests):
        broker = broker_with(journal)
        broker.fault = at_request(number, fault)
        assert await work_until_done(broker) == 1, f"{fault} at request {number}"
        assert result_of(broker) == result, f"{fault} at request {number}, to {topic}"
        written_to.add(topic)
    assert {TOPICS.customers, TOPICS.erasure_ledger, TOPICS.progress, TOPICS.daily, TOPICS.outcomes} <= written_to


async def test_repeated_crashes_do_not_change_the_result(journal: list[Entry]) -> None:
    expected = result_of(await undisturbed(journal))
    broker = broker_with(journal)
    deaths = iter(range(5, 1000, 11))  # three fences, outputs of two batches, a table: so each lane gets further
    next_death = next(deaths)

    def die_now_and_then(_topic: str, request: int) -> str | None:
        nonlocal next_death
        if request != next_death:
            return None
        next_death = next(deaths)
        return "crash after" if request % 2 else "crash"

    broker.fault = die_now_and_then
    assert await work_until_done(broker) > 5
    assert result_of(broker) == expected


async def test_the_requests_of_a_batch_follow_the_write_plan() -> None:
    """One request for each topic of outputs, then the day totals with the profiles; the progress waits."""
    broker = broker_with(JOURNAL)
    worker = SegmentWorker(broker)
    lane = await worker.open()
    journal = broker.records(TOPICS.journal)
    await lane.process(journal[:2])
    broker.requests.clear()
    await lane.process(journal[2:5])
    topics = [topic for topic, _, _ in broker.requests]
    assert set(topics) <= set(OUTPUTS), "the table is written while the next batch is folded"
    assert lane.cursor == 2
    async with asyncio.timeout(10):
        while lane.cursor < 5:  # noqa: ASYNC110 - the lane sends no notification
            await asyncio.sleep(0.001)
    assert broker.requests[-1][0] == TOPICS.customers
    assert len(broker.requests) == len(topics) + 1
    assert lane.cursor == 5
    assert lane.committable_offset == 2, "the rules, which are in the first batch, do not wait"
    assert lane.checkpoint_due_in() == 0, "the daily totals were never published"
    broker.requests.clear()
    await lane.checkpoint()
    assert [topic for topic, _, _ in broker.requests] == [TOPICS.daily, TOPICS.customers, TOPICS.progress]
    assert lane.committable_offset == 5
    await lane.process(journal[5:6])
    broker.requests.clear()
    assert lane.checkpoint_due_in() == IDLE_SECONDS
    await lane.checkpoint()
    assert [topic for topic, _, _ in broker.requests] == [TOPICS.customers, TOPICS.progress]
    assert lane.committable_offset == 6
    assert lane.checkpoint_due_in() == PUBLISH_SECONDS
    broker.requests.clear()
    lane.stop()
    await lane.checkpoint()
    assert [topic for topic, _, _ in broker.requests] == [TOPICS.daily, TOPICS.customers]
    assert lane.checkpoint_due_in() is None


async def test_a_lane_folds_on_while_outputs_are_on_their_way_but_not_more_than_two_batches() -> None:
    broker = broker_with(JOURNAL)
    worker = SegmentWorker(broker)
    lane = await worker.open()
    journal = broker.records(TOPICS.journal)
    await lane.process(journal[:2])
    broker.fault = lambda topic, _number: "held" if topic == TOPICS.segment_changes else None
    broker.requests.clear()
    for offset in (2, 3):
        await lane.process(journal[offset : offset + 1])
    third = asyncio.create_task(lane.process(journal[4:5]))
    await asyncio.sleep(0.05)
    assert not third.done()
    assert lane.partition.progress.offset == 5
    assert lane.cursor == 2
    assert {topic for topic, _, _ in broker.requests} <= set(OUTPUTS), "no table before its outputs"
    broker.fault = lambda _topic, _number: None
    worker.producer.release()
    async with asyncio.timeout(10):
        await third
        await lane.checkpoint()
    assert lane.committable_offset == 5
    tables = [number for number, (topic, _, _) in enumerate(broker.requests) if topic == TOPICS.customers]
    assert len(tables) == 3 + 1, "one of each batch, and the mark of the daily totals"
    await lane.close()


async def test_outputs_keep_their_order_while_the_broker_of_a_topic_is_not_known(journal: list[Entry]) -> None:
    """The first outputs to a topic are not queued before its leader is known; those of later batches must wait."""
    expected = result_of(await undisturbed(journal))
    broker = broker_with(journal)
    worker = SegmentWorker(broker)
    lane = await worker.open()
    records = broker.records(TOPICS.journal)
    await lane.process(records[:2])
    held_back = 0

    def unknown_once(topic: str, _number: int) -> str | None:
        nonlocal held_back
        if topic != TOPICS.segment_changes or held_back:
            return None
        held_back += 1
        return "unknown leader"

    broker.fault = unknown_once
    for offset in (2, 3):
        await lane.process(records[offset : offset + 1])
    await asyncio.sleep(0.01)
    assert held_back == 1
    assert not broker.records(TOPICS.segment_changes)
    worker.producer.release()
    await worker.work(lane)
    assert result_of(broker) == expected


async def test_repeated_records_change_nothing() -> None:
    broker = await undisturbed(JOURNAL)
    expected, ends = result_of(broker), {topic: broker.log(topic).end for topic in (*OUTPUTS, TOPICS.daily)}
    worker = SegmentWorker(broker)
    lane = await worker.open()
    assert lane.cursor == len(JOURNAL)
    await lane.process(broker.records(TOPICS.journal))
    await lane.checkpoint()
    await lane.close()
    assert {topic: broker.log(topic).end for topic in ends} == ends
    assert result_of(broker) == expected


async def test_a_table_is_kept_for_the_next_lane_unless_a_batch_failed() -> None:
    broker = broker_with(JOURNAL)
    worker = SegmentWorker(broker)
    lane = await worker.open()
    await worker.work(lane, end=6)
    kept = worker.warm_tables.all()[0]
    assert kept.position == broker.log(TOPICS.customers).end
    lane = await worker.open()
    broker.fault = lambda topic, _number: "refused" if topic == TOPICS.customers else None
    with pytest.raises(KafkaError, match=f"not delivered to {TOPICS.customers}:0"):
        await worker.work(lane)
    await lane.close()
    assert not worker.warm_tables.all()


async def test_the_late_request_of_a_replaced_worker_is_refused() -> None:
    """The request is under way while the worker hangs, and the group assigns the partition to another worker."""
    expected = result_of(await undisturbed(JOURNAL))
    broker = broker_with(JOURNAL)
    zombie = SegmentWorker(broker)
    lane = await zombie.open()
    hung = zombie.producer
    broker.fault = lambda topic, _number: "held" if topic == TOPICS.customers else None
    writing = asyncio.create_task(lane.process(broker.records(TOPICS.journal)[:4]))
    await hung.holding.wait()
    broker.fault = lambda _topic, _number: None
    assert await work_until_done(broker) == 0
    before = result_of(broker)
    assert before == expected
    hung.release()
    with pytest.raises(InvalidProducerEpoch):
        await writing
    assert result_of(broker) == before


async def test_a_lane_without_heartbeats_for_a_session_writes_nothing() -> None:
    broker = broker_with(JOURNAL)
    worker = SegmentWorker(broker)
    lane = await worker.open()
    broker.clock.advance(SESSION_SECONDS + 1)
    ends = {topic: broker.log(topic).end for topic in (*OUTPUTS, TOPICS.customers)}
    with pytest.raises(OwnershipLost, match="no heartbeat was answered for 21 s"):
        await lane.process(broker.records(TOPICS.journal)[:4])
    assert {topic: broker.log(topic).end for topic in ends} == ends
    assert lane.cursor == 0


@pytest.mark.parametrize("topic", [TOPICS.segment_changes, TOPICS.customers])
async def test_a_lane_that_hangs_between_two_steps_does_not_write_the_next(topic: str) -> None:
    """The worker is stopped for a minute while a request is answered."""
    expected = result_of(await undisturbed(JOURNAL))
    broker = broker_with(JOURNAL)
    worker = SegmentWorker(broker)
    lane = await worker.open()

    def hang(to: str, _number: int) -> None:
        if to == topic:
            broker.clock.advance(60)

    broker.fault = hang
    with pytest.raises(OwnershipLost):
        await worker.work(lane)
    assert broker.requests[-1][0] == topic
    broker.fault = lambda _topic, _number: None
    assert await work_until_done(broker) == 0
    assert result_of(broker) == expected


@pytest.mark.parametrize("topic", [TOPICS.customers, TOPICS.erasure_ledger, TOPICS.progress])
async def test_a_state_of_another_format_version_stops_the_worker(topic: str) -> None:
    broker = await undisturbed(JOURNAL)
    broker.append(topic, 0, b"segment" if topic == TOPICS.progress else b"d", FUTURE_FORMAT)
    with pytest.raises(FatalError, match=rf"{topic}:0: .*format version 99"):
        await SegmentWorker(broker).open()


async def test_a_journal_record_of_another_version_stops_the_worker_before_it_writes() -> None:
    broker = broker_with(JOURNAL[:5])
    broker.append(TOPICS.journal, 0, b"d", FUTURE_FORMAT)
    worker = SegmentWorker(broker)
    lane = await worker.open()
    broker.requests.clear()
    with pytest.raises(FatalError, match=rf"{TOPICS.journal}:0: .*format version 99"):
        await lane.process(broker.records(TOPICS.journal))
    assert broker.requests == []
    assert lane.cursor == 0


async def test_a_journal_shorter_than_the_progress_stops_the_worker() -> None:
    broker = await undisturbed(JOURNAL)
    broker.log(TOPICS.journal).end = 3
    with pytest.raises(FatalError, match=f"ends at 3, but was read up to {len(JOURNAL)}"):
        await SegmentWorker(broker).open()


async def test_a_missing_chunk_of_a_long_history_stops_the_worker() -> None:
    with chunks_of(1):
        broker = await undisturbed(LONG_JOURNAL)
        log = broker.log(TOPICS.customers)
        log.compact()
        chunks = [record for record in log.records if is_chunk_of(b"r", record.key)]
        log.records.remove(chunks[1])
        with pytest.raises(FatalError, match=f"{TOPICS.customers}:0: .*chunk"):
            await SegmentWorker(broker).open()


async def test_recovery_completes_an_erasure_interrupted_by_a_crash() -> None:
    """Recovery removes the profile that the ledger names; its tombstone is written afterwards."""
    broker = broker_with(JOURNAL)
    in_ledger = False

    def die(topic: str, _number: int) -> str | None:
        nonlocal in_ledger
        if topic == TOPICS.customers and broker.log(TOPICS.erasure_ledger).end > 1 and not in_ledger:
            in_ledger = True
            return "crash"
        return None

    broker.fault = die
    worker = SegmentWorker(broker)
    lane = await worker.open()
    with pytest.raises(Crash):
        await worker.work(lane)
    assert b"b" in WrittenState(broker).changelog
    assert "b" not in WrittenState(broker).profiles()
