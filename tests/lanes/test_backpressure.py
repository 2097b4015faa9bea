"""A backlog of source records waits for the lanes of the journal; live events do not."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from faust.types import TP

from agents.admit.journal_backlog import BACKLOG_RECORDS, FRESH_SECONDS, LOOK_SECONDS, MAX_UNFOLDED
from agents.segment.backlog_reporter import BEHIND_RECORDS, BacklogReporter
from streams.telemetry.waits import Waits
from streams.wire.watermarks import SourceWatermark, decode_watermark, encode_watermark
from tests.lanes.admit_worker import AdmitWorker, Group, publish, purchase
from tests.lanes.memory_broker import MemoryBroker
from tests.property.folding import TOPICS

PURCHASES = TP(TOPICS.full("purchases"), 0)
EVENTS = TP(TOPICS.full("events"), 0)


async def importing_worker() -> tuple[MemoryBroker, AdmitWorker]:
    """Return a worker that has journaled so much that the lane of the journal, which reports it, is far behind."""
    broker = MemoryBroker()
    worker = Group(broker).worker([PURCHASES, EVENTS])
    await worker.open()
    publish(broker, PURCHASES.topic, [purchase(number, f"c{number}") for number in range(MAX_UNFOLDED + 100)])
    await worker.process(PURCHASES)
    report(broker, 10)
    await worker.follow()
    publish(broker, PURCHASES.topic, [purchase(10_000 + number, "c") for number in range(BACKLOG_RECORDS)])
    return broker, worker


def report(broker: MemoryBroker, folded: int) -> None:
    """Report how far the lane of the journal is."""
    broker.append(TOPICS.source_times, 0, b"folded:0", encode_watermark(SourceWatermark(folded)))


async def passes(broker: MemoryBroker, seconds: float) -> None:
    """Advance the clock in steps of `LOOK_SECONDS`, so that code that polls runs after each step."""
    for _ in range(round(seconds / LOOK_SECONDS)):
        broker.clock.advance(LOOK_SECONDS)
        await asyncio.sleep(0)
        await asyncio.sleep(0)


async def test_a_backlog_waits_until_the_lane_is_nearly_done() -> None:
    broker, worker = await importing_worker()
    before = broker.log(TOPICS.journal).end
    importing = asyncio.create_task(worker.process(PURCHASES))
    await passes(broker, 1.0)
    assert broker.log(TOPICS.journal).end == before
    report(broker, before - MAX_UNFOLDED)
    await worker.follow()
    await passes(broker, 0.1)
    await importing
    assert broker.log(TOPICS.journal).end == before + BACKLOG_RECORDS


async def test_live_events_do_not_wait() -> None:
    broker, worker = await importing_worker()
    importing = asyncio.create_task(worker.process(PURCHASES))
    await passes(broker, 0.1)
    publish(broker, EVENTS.topic, [purchase(1, "live") | {"type": "purchase"}])
    before = broker.log(TOPICS.journal).end
    await worker.process(EVENTS)
    assert broker.log(TOPICS.journal).end == before + 1
    assert not importing.done()
    worker.lane(PURCHASES).stop()
    await passes(broker, 0.1)
    await importing


async def test_nothing_waits_for_a_lane_that_nobody_works_on() -> None:
    broker, worker = await importing_worker()
    before = broker.log(TOPICS.journal).end
    importing = asyncio.create_task(worker.process(PURCHASES))
    await passes(broker, FRESH_SECONDS + 1)
    await importing
    assert broker.log(TOPICS.journal).end == before + BACKLOG_RECORDS


async def test_lanes_report_while_they_are_behind() -> None:
    broker = MemoryBroker()
    lane = SimpleNamespace(cursor=100)
    waits = Waits("segment", None, broker.clock)
    stage = SimpleNamespace(
        producer=broker.producer(), lags=dict, lanes=lambda: {TP(TOPICS.journal, 3): lane}, waits=waits
    )
    reporter = BacklogReporter(TOPICS, cast("Any", stage), broker.clock)
    lags = {TP(TOPICS.journal, 3): BEHIND_RECORDS}
    stage.lags = lambda: lags

    def reported() -> list[tuple[bytes, int]]:
        return [(each.key, decode_watermark(each.value).position) for each in broker.records(TOPICS.source_times)]

    assert not await reporter.report()
    assert reported() == []
    lags[TP(TOPICS.journal, 3)] += 1
    assert await reporter.report()
    assert await reporter.report()
    assert reported() == [(b"folded:3", 100)]
    lane.cursor, lags[TP(TOPICS.journal, 3)] = 900, 0
    assert not await reporter.report(), "the last report says that it is done"
    lane.cursor = 901
    assert not await reporter.report()
    assert reported() == [(b"folded:3", 100), (b"folded:3", 900)]
