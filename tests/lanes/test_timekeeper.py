"""The timekeeper: the watermark never passes an event that is not journaled, even if workers are slow or silent."""

import asyncio
from typing import Final

import pytest
from aiokafka.errors import KafkaError
from faust.types import TP

from agents.admit.timekeeper import ROUND_SECONDS
from state.records.events import Tick, encode_record
from streams.wire.watermarks import SourceWatermark, decode_watermark
from tests.lanes.admit_worker import METRICS, SOURCES, Group, publish, purchase
from tests.lanes.memory_broker import MemoryBroker
from tests.lanes.segment_worker import SegmentWorker, append_journal, result_of, work_until_done
from tests.oracle import moments
from tests.property.folding import TOPICS, Entry, WrittenState, journal_of
from tests.property.test_daily_crashes import steps

PURCHASES = TP(TOPICS.full("purchases"), 0)
SIGNUPS = TP(TOPICS.full("signups"), 0)
OTHERS = tuple(tp for tp in SOURCES if tp != PURCHASES)
LATENESS_MS: Final = 5_000


async def test_every_round_ticks_in_every_partition_of_the_journal() -> None:
    """The tick is the time at which all sources were read to their ends, minus the allowed lateness."""
    broker = MemoryBroker()
    group = Group(broker, partitions=2)
    worker = group.worker()
    await worker.open()
    expected = []
    for _ in range(5):
        broker.clock.advance(ROUND_SECONDS)
        await worker.keep_time()
        expected.append(broker.clock.wall_ms() - LATENESS_MS)
    assert group.ticks(0) == group.ticks(1) == expected


async def test_the_watermark_follows_the_slowest_source_partition() -> None:
    broker = MemoryBroker()
    group = Group(broker)
    worker = group.worker()
    await worker.open()
    await worker.keep_time()
    read_to_end_ms = broker.clock.wall_ms()
    broker.clock.advance(1)
    publish(broker, PURCHASES.topic, [purchase(0), purchase(1)])
    asked_ms = broker.clock.wall_ms()
    await worker.keep_time()
    broker.clock.advance(1)
    publish(broker, PURCHASES.topic, [purchase(2)])
    await worker.process(PURCHASES, 1)
    await worker.keep_time()
    assert group.ticks() == [read_to_end_ms - LATENESS_MS], "only one of two records is journaled"
    await worker.process(PURCHASES, 1)
    await worker.keep_time()
    assert group.ticks()[1:] == [asked_ms - LATENESS_MS], "the third record arrived after the end was read"
    await worker.process_all()
    await worker.keep_time()
    assert group.ticks()[2:] == [broker.clock.wall_ms() - LATENESS_MS]


async def test_a_silent_owner_stalls_the_watermark() -> None:
    broker = MemoryBroker()
    group = Group(broker)
    owner, other = group.worker(OTHERS), group.worker([PURCHASES], owns_control=False)
    await owner.open()
    await owner.keep_time()
    assert group.ticks() == [], "no worker has reported the purchases yet"
    await other.follow()
    await other.open()
    await other.keep_time()
    await owner.follow()
    await owner.keep_time()
    last_report_ms = broker.clock.wall_ms()
    for _ in range(10):
        broker.clock.advance(60)
        await owner.keep_time()
    assert group.ticks() == [last_report_ms - LATENESS_MS]
    stall = METRICS.registry.get_sample_value(
        "goldstream_clock_held_by", {"topic": PURCHASES.topic, "partition": "0", "reason": "silent"}
    )
    assert stall == 1
    await other.keep_time()
    await owner.follow()
    await owner.keep_time()
    assert group.ticks()[1:] == [broker.clock.wall_ms() - LATENESS_MS]


async def test_event_mode_takes_the_minimum_of_the_partitions_with_unread_records() -> None:
    broker = MemoryBroker()
    group = Group(broker, time="event", lateness="1s")
    start_ms = broker.clock.wall_ms()

    def at(minute: int) -> int:
        return start_ms + minute * 60_000

    events = {PURCHASES: (10, 40, 20), SIGNUPS: (5, 15)}
    for tp, minutes in events.items():
        kind = {"type": "purchase"} if tp is PURCHASES else {"type": "consent", "channel": "email", "granted": True}
        happened = ({"occurred_at": moments.text(at(minute)), **kind} for minute in minutes)
        publish(broker, tp.topic, (purchase(n) | each for n, each in enumerate(happened)))
    worker = group.worker()
    await worker.open()
    await worker.keep_time()
    assert group.ticks() == [], "of two partitions nothing was read yet"
    await worker.process(PURCHASES, 1)
    await worker.process(SIGNUPS, 1)
    await worker.keep_time()
    assert group.ticks() == [at(5) - 1000]
    await worker.process(PURCHASES, 1)
    await worker.process(SIGNUPS, 1)
    await worker.keep_time()
    assert group.ticks()[1:] == [at(40) - 1000], "signups are read to their end and do not count"
    await worker.process_all()
    broker.clock.advance(3600)
    await worker.keep_time()
    assert group.ticks()[2:] == [], "20 minutes is no later than 40, and the wall clock does not matter"


async def test_a_smaller_tick_changes_nothing() -> None:
    """A new owner of `control` starts from the reports, which may be older than the last tick."""
    broker = MemoryBroker()
    append_journal(broker, journal_of(steps()))
    assert await work_until_done(broker) == 0
    before = result_of(broker)
    watermark = WrittenState(broker).recover()[0].progress.watermark
    smaller = [watermark, watermark - 1, watermark - moments.DAY_MS, 0]
    append_journal(broker, (Entry("", encode_record(Tick(at, None))) for at in smaller))
    worker = SegmentWorker(broker)
    await worker.work(await worker.open())
    after = result_of(broker)
    assert {name: value for name, value in after.items() if name != "progress"} == {
        name: value for name, value in before.items() if name != "progress"
    }
    assert WrittenState(broker).recover()[0].progress.watermark == watermark


async def test_a_new_owner_of_control_continues_from_the_reports() -> None:
    broker = MemoryBroker()
    group = Group(broker)
    first = group.worker()
    await first.open()
    await first.keep_time()
    broker.clock.advance(10)
    second = group.worker()
    await second.open()
    async with broker.connect_for_ends() as offsets:
        await second.timekeeper.run_round(offsets)
    await second.keep_time()
    ticks = group.ticks()
    assert ticks == sorted(ticks)
    assert ticks[-1] == broker.clock.wall_ms() - LATENESS_MS


async def test_transaction_markers_at_the_end_do_not_stall_the_watermark() -> None:
    broker = MemoryBroker()
    group = Group(broker)
    worker = group.worker()
    await worker.open()
    publish(broker, PURCHASES.topic, [purchase(0)])
    await worker.process_all()
    broker.log(*PURCHASES).end += 2
    await worker.keep_time()
    await worker.keep_time()
    assert worker.lane(PURCHASES).position == 3
    assert group.ticks()[-1] == broker.clock.wall_ms() - LATENESS_MS


async def test_a_worker_without_control_reports_and_does_not_tick() -> None:
    broker = MemoryBroker()
    group = Group(broker)
    owner = group.worker([])
    await owner.open()
    worker = group.worker(owns_control=False)
    await worker.follow()
    await worker.open()
    await worker.keep_time()
    assert group.ticks() == []
    reports = {record.key: decode_watermark(record.value) for record in broker.records(TOPICS.source_times)}
    assert reports[b"purchases:0"] == SourceWatermark(0, broker.clock.wall_ms())
    assert len(reports) == len(SOURCES) + 1


async def test_a_report_that_is_not_delivered_stops_the_stage() -> None:
    """Its producer, which the lanes use too, accepts nothing more."""
    broker = MemoryBroker()
    worker = Group(broker).worker()
    await worker.open()
    broker.fault = lambda topic, _number: "refused" if topic == TOPICS.source_times else None
    with pytest.raises(KafkaError, match=f"not delivered to {TOPICS.source_times}:0") as failed:
        await worker.keep_time()
    assert worker.failure is failed.value


async def test_it_runs_a_round_per_interval_until_it_is_cancelled() -> None:
    broker = MemoryBroker()
    group = Group(broker)
    worker = group.worker()
    await worker.open()
    running = asyncio.create_task(worker.timekeeper.run())
    for _ in range(4):
        await _run_pending_tasks()
        await worker.follow()
        broker.clock.advance(ROUND_SECONDS)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(group.ticks()) == 4, "a worker knows its own reports before they are read back"


async def _run_pending_tasks() -> None:
    """Run all tasks that wait only for their turn."""
    for _ in range(100):
        await asyncio.sleep(0)
