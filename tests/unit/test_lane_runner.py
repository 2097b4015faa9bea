"""A lane is given every record once and in order, whatever is delivered to it."""

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
from tests.integration.workers import until

END = 40


class Taking(StatelessLane):
    """A lane that notes what it is given."""

    def __init__(self, start: int, *, needs_all: bool = False) -> None:
        """Go on from `start`."""
        self.start = start
        self.cursor = -1
        self.needs_all = needs_all
        self.taken: list[int] = []

    async def recover(self) -> None:
        """Be where it starts."""
        self.cursor = self.start

    async def process(self, records: Sequence[ConsumerRecord]) -> None:
        """Take records."""
        assert 0 < len(records) <= streams.engine.lane_runner.MAX_BATCH
        self.taken += [record.offset for record in records]
        self.cursor = records[-1].offset + 1

    def stop(self) -> None:
        """Have nothing to wait for."""

    async def close(self) -> None:
        """Have nothing to let go."""


class Log:
    """A partition that begins somewhere and has some offsets only, up to `END`; what is read of it is noted."""

    def __init__(self, offsets: set[int], beginning: int = 0) -> None:
        """Have these of them, without those before the beginning."""
        self.offsets = sorted(offset for offset in offsets if beginning <= offset < END)
        self.beginning = beginning
        self.read_again: list[tuple[int, int]] = []

    def end(self) -> int | None:
        """Where it ends."""
        return END

    async def read(self, begin: int, end: int) -> AsyncGenerator[list[ConsumerRecord]]:
        """Read a range again."""
        self.read_again.append((begin, end))
        if begin < self.beginning:
            raise OffsetTruncated(TopicPartition("events", 0), begin, self.beginning)
        wanted = [offset for offset in self.offsets if begin <= offset < end]
        for each in range(0, len(wanted), 5):
            yield [record_at(offset) for offset in wanted[each : each + 5]]

    def __str__(self) -> str:
        return "events:0"

    def fetched(self, begin: int, end: int) -> Fetched | None:
        """What a poll brings that stands at `begin` and goes on at `end`; None if there is nothing."""
        records = [record_at(offset) for offset in self.offsets if begin <= offset < end]
        return Fetched(records, end) if records else None


def record_at(offset: int) -> ConsumerRecord:
    nothing: Any = None
    return ConsumerRecord("events", 0, offset, 0, 0, None, b"", nothing, 0, 0, ())


async def given_to(lane: Taking, log: Log, polls: Sequence[tuple[int, int]]) -> None:
    """Deliver what these polls bring, and wait until nothing is missing."""
    task = LaneRunner(lane, log)
    task.task = asyncio.create_task(task.run(lambda: None, lambda _: None))
    try:
        for begin, end in polls:
            batch = log.fetched(begin, end)
            if batch is not None:
                task.put(batch)
            await asyncio.sleep(0)
        last, running = max(log.offsets, default=-1), task.task

        async def all_taken() -> bool:
            return running.done() or (lane.cursor > last and not task.queued)

        await until(all_taken, "the lane to have all", 20, every_s=0.001)
    finally:
        await task.finish()
        if task.task.done():
            task.task.result()


@pytest.fixture(autouse=True)
def _small_and_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams.engine.lane_runner, "MAX_BATCH", 7)
    monkeypatch.setattr(streams.engine.lane_runner, "IDLE_CHECK_SECONDS", 0.002)


places = st.integers(0, END)
polls_of_any_kind = st.lists(st.tuples(places, places).map(lambda ends: (min(ends), max(ends))), max_size=8)


@given(st.integers(0, END // 2), st.sets(st.integers(0, END - 1)), polls_of_any_kind)
def test_a_lane_gets_each_record_once_and_in_order_whatever_is_fetched(
    start: int, offsets: set[int], polls: list[tuple[int, int]]
) -> None:
    lane, log = Taking(start), Log(offsets)
    asyncio.run(given_to(lane, log, polls))
    assert lane.taken == [offset for offset in log.offsets if offset >= start]


async def test_nothing_is_read_again_where_only_marks_of_transactions_lie_between() -> None:
    lane, log = Taking(0), Log({0, 3, 4, 9, 12, 20, 22, 37})
    await given_to(lane, log, [(0, 12), (12, 22), (22, 40)])
    assert (lane.taken, log.read_again) == ([0, 3, 4, 9, 12, 20, 22, 37], [])


async def test_a_poll_that_took_records_for_nobody_is_made_up_for_when_nothing_follows(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "streams.engine.lane_runner")
    lane, log = Taking(0), Log(set(range(END)))
    await given_to(lane, log, [(0, 10)])
    assert lane.taken == list(range(END))
    assert "events:0: 30 records from 10 on were discarded in a rebalance; read again" in caplog.text


async def test_what_retention_has_cut_is_said_and_the_lane_goes_on_behind_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "streams.engine.lane_runner")
    lane, log = Taking(2), Log(set(range(END)), beginning=15)
    await given_to(lane, log, [(20, 40)])
    assert lane.taken == list(range(15, END))
    said = "events:0: retention has cut records from 2 on before they were read; those before 15 are lost"
    assert said in caplog.text


async def test_a_lane_that_needs_all_ends_where_retention_has_cut() -> None:
    lane, log = Taking(2, needs_all=True), Log(set(range(END)), beginning=15)
    with pytest.raises(FatalError, match="begins at 15, but is needed from 2 on"):
        await given_to(lane, log, [(20, 40)])
    assert not lane.taken
