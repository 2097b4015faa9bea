"""The lane runner gives its lane each record once and in order, whatever the polls return."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from hypothesis import given
from hypothesis import strategies as st

import streams.engine.lane_runner
from streams.engine.lane import StatelessLane
from streams.engine.lane_runner import Fetched, LaneRunner
from streams.errors import FatalError
from streams.kafka.reader import OffsetTruncated
from streams.telemetry.waits import Waiter
from tests.lanes.clock import ManualClock
from tests.running.workers import until

END = 40


class RecordingLane(StatelessLane):
    """A lane that records the offsets that it processes."""

    def __init__(self, start: int, *, needs_all: bool = False) -> None:
        self.waiter = Waiter(ManualClock())
        self.start = start
        self.cursor = -1
        self.needs_all = needs_all
        self.processed: list[int] = []

    async def recover(self) -> None:
        """Continue from `start`."""
        self.cursor = self.start

    async def process(self, records: Sequence[ConsumerRecord]) -> None:
        """Record the offsets."""
        assert 0 < len(records) <= streams.engine.lane_runner.MAX_BATCH
        self.processed += [record.offset for record in records]
        self.cursor = records[-1].offset + 1

    def stop(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""


class PartitionLog:
    """A partition with gaps between its offsets; the ranges read from it are recorded."""

    def __init__(self, offsets: set[int], beginning: int = 0) -> None:
        self.offsets = sorted(offset for offset in offsets if beginning <= offset < END)
        self.beginning = beginning
        self.ranges_read: list[tuple[int, int]] = []

    def end(self) -> int | None:
        """Return the end offset."""
        return END

    async def read(self, begin: int, end: int) -> AsyncGenerator[list[ConsumerRecord]]:
        """Yield the records of a range, five at a time."""
        self.ranges_read.append((begin, end))
        if begin < self.beginning:
            raise OffsetTruncated(TopicPartition("events", 0), begin, self.beginning)
        wanted = [offset for offset in self.offsets if begin <= offset < end]
        for start in range(0, len(wanted), 5):
            yield [record_at(offset) for offset in wanted[start : start + 5]]

    def __str__(self) -> str:
        return "events:0"

    def fetched(self, begin: int, end: int) -> Fetched | None:
        """Return the batch of a poll from `begin` that continues at `end`, or None if there are no records."""
        records = [record_at(offset) for offset in self.offsets if begin <= offset < end]
        return Fetched(records, end) if records else None


def record_at(offset: int) -> ConsumerRecord:
    nothing: Any = None
    return ConsumerRecord("events", 0, offset, 0, 0, None, b"", nothing, 0, 0, ())


async def deliver(lane: RecordingLane, log: PartitionLog, polls: Sequence[tuple[int, int]]) -> None:
    """Deliver the batches of these polls, and wait until the lane has every record."""
    runner = LaneRunner(lane, log)
    runner.task = asyncio.create_task(runner.run(lambda: None, lambda _: None))
    try:
        for begin, end in polls:
            batch = log.fetched(begin, end)
            if batch is not None:
                runner.put(batch)
            await asyncio.sleep(0)
        last, running = max(log.offsets, default=-1), runner.task

        async def all_processed() -> bool:
            return running.done() or (lane.cursor > last and not runner.queued)

        await until(all_processed, "the lane to have all records", 20, every_s=0.001)
    finally:
        await runner.finish()
        if runner.task.done():
            runner.task.result()


@pytest.fixture(autouse=True)
def _small_batches_and_short_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams.engine.lane_runner, "MAX_BATCH", 7)
    monkeypatch.setattr(streams.engine.lane_runner, "IDLE_CHECK_SECONDS", 0.002)


offsets_up_to_end = st.integers(0, END)
any_polls = st.lists(
    st.tuples(offsets_up_to_end, offsets_up_to_end).map(lambda ends: (min(ends), max(ends))), max_size=8
)


@given(st.integers(0, END // 2), st.sets(st.integers(0, END - 1)), any_polls)
def test_a_lane_gets_each_record_once_and_in_order(start: int, offsets: set[int], polls: list[tuple[int, int]]) -> None:
    lane, log = RecordingLane(start), PartitionLog(offsets)
    asyncio.run(deliver(lane, log, polls))
    assert lane.processed == [offset for offset in log.offsets if offset >= start]


async def test_gaps_of_transaction_markers_are_not_read_again() -> None:
    lane, log = RecordingLane(0), PartitionLog({0, 3, 4, 9, 12, 20, 22, 37})
    await deliver(lane, log, [(0, 12), (12, 22), (22, 40)])
    assert (lane.processed, log.ranges_read) == ([0, 3, 4, 9, 12, 20, 22, 37], [])


async def test_records_discarded_in_a_rebalance_are_read_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "streams.engine.lane_runner")
    lane, log = RecordingLane(0), PartitionLog(set(range(END)))
    await deliver(lane, log, [(0, 10)])
    assert lane.processed == list(range(END))
    assert "events:0: 30 records from 10 on were discarded in a rebalance; read again" in caplog.text


async def test_records_lost_to_retention_are_logged_and_skipped(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "streams.engine.lane_runner")
    lane, log = RecordingLane(2), PartitionLog(set(range(END)), beginning=15)
    await deliver(lane, log, [(20, 40)])
    assert lane.processed == list(range(15, END))
    expected = "events:0: retention has cut records from 2 on before they were read; those before 15 are lost"
    assert expected in caplog.text


async def test_a_lane_that_needs_all_records_fails_if_retention_has_cut_some() -> None:
    lane, log = RecordingLane(2, needs_all=True), PartitionLog(set(range(END)), beginning=15)
    with pytest.raises(FatalError, match="begins at 15, but is needed from 2 on"):
        await deliver(lane, log, [(20, 40)])
    assert not lane.processed
