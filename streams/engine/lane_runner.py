"""The task of a lane: what is delivered of its partition, made whole and in order, and handed to the lane."""

import asyncio
import logging
from bisect import bisect_left
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Final, NamedTuple, Protocol

from aiokafka import ConsumerRecord

from streams.engine.lane import Lane
from streams.errors import FatalError
from streams.kafka.reader import OffsetTruncated

log = logging.getLogger(__name__)

FINISH_SECONDS: Final = 10.0
"""How long lanes may finish what they have begun when partitions are taken away or the worker stops."""
MAX_QUEUED: Final = 40_000
"""Records that wait in a lane before its partition is fetched no further; it is again at half of that."""
MAX_BATCH: Final = 10_000
"""Records that a lane is given at once: enough that the cost of a flush does not show, few enough to stop soon."""
IDLE_CHECK_SECONDS: Final = 5.0
"""A lane to which nothing comes looks so often whether something is there."""
CUT_UNREAD: Final = (
    "%s: retention has cut records from %d on before they were read; those before %d are lost: let the topic keep them "
    "for longer than the worker may be away"
)


class Fetched(NamedTuple):
    """What a poll has brought of a partition.

    Attributes:
        records: at least one, in their order.
        end: where the next poll goes on; behind marks of transactions that follow the last record.
    """

    records: Sequence[ConsumerRecord]
    end: int


class Source(Protocol):
    """The partition of a lane, whose records can be read again; as text `topic:partition`."""

    def end(self) -> int | None:
        """The offset up to which there is something to be read, as far as the last poll has told."""

    def read(self, begin: int, end: int) -> AsyncGenerator[list[ConsumerRecord]]:
        """The records of `[begin, end)` in pieces; raises `OffsetTruncated` if they are gone."""


class LaneRunner:
    """A lane with its queue, running.

    The lane gets every record once and in order. Faust cannot promise that: a poll that outlives a rebalance may take
    records from the one that follows, and deliver them to nobody, and what was fetched before a seek may come again.
    So what is handed over goes on from where the lane is: what it has is left out, and what is missing is read.
    """

    def __init__(self, lane: Lane, source: Source, room: asyncio.Event) -> None:
        """Takes the work, where missing records are, and what is set when a full queue has room again."""
        self.lane = lane
        self.queued = 0
        self.came = asyncio.Event()
        self.closing = False
        self.recovered = False
        self.full = False
        self.has_room = room
        self.task: asyncio.Task[None] | None = None
        self._source = source
        self._queue: deque[Fetched] = deque()
        self._next = -1  # the offset from which the lane goes on
        self._seen = (-1, -1)

    async def run(self, on_drained: Callable[[], None], on_batch: Callable[[int], None]) -> None:
        """Recovers, then works off the queue until it is told to finish."""
        lane = self.lane
        await lane.recover()
        self.recovered = True
        self._next = lane.cursor
        while not self.closing:
            if not self._queue:
                await self._wait()
                continue
            records = self._take()
            if records:
                await lane.process(records)
                on_batch(len(records))
            elif self._queue:
                await self._fill(self._queue[0].records[0].offset)
            if self.full and self.queued <= MAX_QUEUED // 2:
                self.full = False
                on_drained()
            await asyncio.sleep(0)
        await lane.checkpoint()

    def put(self, batch: Fetched) -> None:
        """Takes records, unless the lane is finishing."""
        if not self.closing:
            self._queue.append(batch)
            self.queued += len(batch.records)
            self.came.set()

    def _take(self) -> list[ConsumerRecord]:
        """The next records of the queue, as far as none is missing; none if there is a gap before the first."""
        taken: list[ConsumerRecord] = []
        queue = self._queue
        while queue and len(taken) < MAX_BATCH:
            records, end = queue[0]
            known = bisect_left(records, self._next, key=lambda record: record.offset)
            if not known and records[0].offset > self._next:  # within what was fetched nothing is missing
                break
            part = records[known : known + MAX_BATCH - len(taken)]
            taken += part
            rest = records[known + len(part) :]
            self.queued -= known + len(part)
            if rest:
                self._next = rest[0].offset
                queue[0] = Fetched(rest, end)
            else:
                self._next = max(self._next, end)
                queue.popleft()
        return taken

    async def _wait(self) -> None:
        """Waits for records; sees to what was put off, and that what is there does come."""
        lane = self.lane
        self.came.clear()
        put_off = lane.checkpoint_due_in()
        try:
            await asyncio.wait_for(
                self.came.wait(), IDLE_CHECK_SECONDS if put_off is None else min(put_off, IDLE_CHECK_SECONDS)
            )
        except TimeoutError:
            if put_off is not None and put_off <= IDLE_CHECK_SECONDS:
                await lane.checkpoint()
            else:
                await self._look()

    async def _look(self) -> None:
        """Fetches what is there and has not come since the last look."""
        end, seen = self._source.end(), self._seen
        self._seen = self._next, end or -1
        if end is not None and end > self._next and seen == self._seen and not self._queue:
            await self._fill(end)

    async def _fill(self, end: int) -> None:
        """Reads what is missing before `end`."""
        begin, count = self._next, 0
        try:
            async with aclosing(self._source.read(begin, end)) as pieces:
                async for records in pieces:
                    await self.lane.process(records)
                    self._next = records[-1].offset + 1
                    count += len(records)
                    if self.closing:
                        return
        except OffsetTruncated as error:
            if self.lane.needs_all:
                raise FatalError(str(error)) from error
            end = min(end, error.beginning)
            log.error(CUT_UNREAD, self._source, self._next, end)  # noqa: TRY400 - a finding, not a fault
        self._next = end
        if count:
            log.info(
                "%s: %d records from %d on were fetched for nobody, and are read again", self._source, count, begin
            )

    async def finish(self) -> bool:
        """Ends after the batch that is under way; one that does not end in time is cut off.

        Returns:
            Whether it ended in time.
        """
        self.closing, done = True, True
        self.came.set()
        self.lane.stop()
        if self.task is not None:
            if not self.recovered:
                self.task.cancel()
            done = bool((await asyncio.wait({self.task}, timeout=FINISH_SECONDS))[0])
            if not done:
                self.task.cancel()
                await asyncio.wait({self.task}, timeout=1)
        await self.lane.close()
        return done
