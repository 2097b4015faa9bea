"""A lane that hangs is noticed after a minute; one that is slow, idle or waits for another worker is not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from faust.types import TP

from agents.segment.segment_lane import SegmentLane
from streams.engine.lane import Lane
from streams.engine.lane_runner import Fetched, LaneRunner
from streams.engine.progress_watch import STUCK_LOOKS, ProgressWatch, marks_of_lane
from tests.lanes.admit_worker import SOURCES, Group
from tests.lanes.memory_broker import MemoryBroker, MemoryProducer
from tests.lanes.segment_worker import SegmentWorker, append_journal
from tests.property.folding import NUMBER, TOPICS, journal_of
from tests.property.test_daily_crashes import steps

JOURNAL = TP(TOPICS.journal, NUMBER)


class Partition:
    """The partition of a lane, as its consumer knows it."""

    def __init__(self, broker: MemoryBroker, tp: TP) -> None:
        self._log = broker.log(tp.topic, tp.partition)

    def end(self) -> int:
        """Return its end."""
        return self._log.end

    def read(self, begin: int, end: int) -> Any:
        """Refuse: nothing is missing."""
        raise AssertionError((begin, end))


class Watched:
    """A lane with its runner, and a watch that looks at it as a stage does."""

    def __init__(self, broker: MemoryBroker, tp: TP, lane: Lane) -> None:
        self.runner = LaneRunner(lane, Partition(broker, tp))
        self._tp = tp
        self._fetched_at_ms = 0
        self._watch = ProgressWatch()

    async def look(self, times: int = 1, *, is_fetching: bool = True) -> list[str]:
        """Look so many times; return who is stuck at the last one."""
        stuck: list[str] = []
        for _ in range(times):
            for _ in range(20):
                await asyncio.sleep(0)
            self._fetched_at_ms += is_fetching
            stuck = self._watch.look(dict(marks_of_lane(self._tp, self.runner, self._fetched_at_ms)))
        return stuck


@asynccontextmanager
async def segment_lane(broker: MemoryBroker) -> AsyncIterator[tuple[Watched, MemoryProducer]]:
    """Run a lane on the journal, recovered and with all of it in the queue."""
    worker = SegmentWorker(broker)
    lane = await worker.open()
    watched = Watched(broker, JOURNAL, lane)
    records = broker.records(*JOURNAL)
    if records:
        watched.runner.put(Fetched(records, records[-1].offset + 1))
    watched.runner.task = asyncio.create_task(_run(watched.runner, lane))
    try:
        yield watched, worker.producer
    finally:
        watched.runner.task.cancel()
        await asyncio.gather(watched.runner.task, return_exceptions=True)


async def _run(runner: LaneRunner, lane: SegmentLane) -> None:
    """Run without a second recovery, which would fence the first."""
    lane.recover = _nothing  # type: ignore[method-assign]
    await runner.run(lambda: None, lambda _: None)


async def _nothing() -> None: ...


def held(_topic: str, _request: int) -> str:
    return "held"


def broker_with_journal() -> MemoryBroker:
    broker = MemoryBroker()
    append_journal(broker, journal_of(steps()))
    return broker


async def test_a_lane_whose_writes_are_not_acknowledged_is_stuck_after_a_minute() -> None:
    broker = broker_with_journal()
    async with segment_lane(broker) as (watched, producer):
        broker.fault = held
        await producer.holding.wait()
        assert await watched.look(STUCK_LOOKS) == []
        assert await watched.look() == [f"{TOPICS.journal}:{NUMBER}"]


async def test_a_lane_whose_writes_are_acknowledged_one_by_one_is_not_stuck() -> None:
    broker = broker_with_journal()
    async with segment_lane(broker) as (watched, producer):
        broker.fault = held
        looks = 0
        while watched.runner.lane.cursor < broker.log(*JOURNAL).end:
            assert await watched.look(STUCK_LOOKS - 1) == []
            producer.release()
            looks += 1
            assert looks < 1000
    assert looks > 3, "the journal was written in one go: nothing was tested"


async def test_a_lane_without_records_is_not_stuck() -> None:
    async with segment_lane(MemoryBroker()) as (watched, _):
        assert await watched.look(2 * STUCK_LOOKS) == []


async def test_a_lane_that_nothing_is_fetched_for_is_stuck() -> None:
    async with segment_lane(MemoryBroker()) as (watched, _):
        assert await watched.look() == []
        assert await watched.look(STUCK_LOOKS + 1, is_fetching=False) == [f"fetching {TOPICS.journal}:{NUMBER}"]


async def test_a_recovery_that_hangs_is_stuck_unless_it_waits_for_the_first_policy() -> None:
    group = Group(MemoryBroker())
    worker = group.worker(SOURCES[:1], owns_control=False)
    lane = worker.new_lane(SOURCES[0])
    watched = Watched(group.broker, SOURCES[0], lane)
    recovering = asyncio.create_task(lane.recover())
    assert await watched.look(STUCK_LOOKS + 1) == []

    recovering.cancel()
    await asyncio.gather(recovering, return_exceptions=True)
    assert await watched.look(STUCK_LOOKS + 1) == [f"{SOURCES[0].topic}:0"]
