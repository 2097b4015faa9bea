"""The task of a lane: makes what is delivered of its partition complete and ordered, and has the lane process it."""

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
"""How long a lane may take to finish its batch when its partition is revoked or the worker stops."""
MAX_QUEUED: Final = 40_000
"""Records in a lane's queue above which its partition is not fetched, until the queue is down to half of that."""
MAX_BATCH: Final = 10_000
"""Records in a batch: so many that the cost of a flush does not show, so few that a lane can stop soon."""
IDLE_CHECK_SECONDS: Final = 5.0
"""How often a lane without records checks whether its partition has any."""
TRUNCATED: Final = (
    "%s: retention has cut records from %d on before they were read; those before %d are lost: let the topic keep them "
    "for longer than the worker may be away"
)


class Fetched(NamedTuple):
    """What one poll returned of a partition.

    Attributes:
        records: at least one, in their order, with everything but the topic and the partition.
        end: the offset of the next poll, which is after any transaction markers that follow the last record.
    """

    records: Sequence[ConsumerRecord]
    end: int


class Source(Protocol):
    """A lane's partition, whose records can be read again; `str()` is `topic:partition`."""

    def end(self) -> int | None:
        """Return the end of what can be read, as of the last poll; None if that is not known."""

    def read(self, begin: int, end: int) -> AsyncGenerator[list[ConsumerRecord]]:
        """Yield the records of `[begin, end)`; raise `OffsetTruncated` if they are deleted."""


class LaneRunner:
    """Runs a lane with a queue of fetched records.

    The lane gets every record once and in order. Faust does not guarantee that: a poll that outlives a rebalance may
    take records away from the next poll and discard them, and records fetched before a seek may arrive again. So the
    runner skips records that the lane has, and reads those that are missing (decision 0009).

    Attributes:
        lane: the lane.
        queued: how many records are in the queue.
        is_recovered: whether the lane has recovered.
        is_full: whether its partition is paused because the queue is full.
        task: runs `run`.
    """

    def __init__(self, lane: Lane, source: Source) -> None:
        """Run `lane`; `source` is where missing records are read."""
        self.lane = lane
        self.queued = 0
        self.is_recovered = False
        self.is_full = False
        self.task: asyncio.Task[None] | None = None
        self._source = source
        self._queue: deque[Fetched] = deque()
        self._woken: asyncio.Future[None] | None = None
        self._is_closing = False
        self._next = -1  # the offset of the next record that the lane needs
        self._last_check = (-1, -1)

    @property
    def is_behind(self) -> bool:
        """Whether it is at work, or there are records, as of the last poll, that it has not processed."""
        end = self._source.end()
        return self._woken is None or self.queued > 0 or (end is not None and end > self._next)

    async def run(self, on_drained: Callable[[], None], on_batch: Callable[[int], None]) -> None:
        """Recover the lane, then process the queue until `finish` is called.

        Args:
            on_drained: called when a queue that was full is down to half.
            on_batch: called with the number of records of each processed batch.
        """
        lane = self.lane
        await lane.recover()
        self.is_recovered = True
        self._next = lane.cursor
        while not self._is_closing:
            if not self._queue:
                await self._wait()
                continue
            records = self._take()
            if records:
                await lane.process(records)
                on_batch(len(records))
            elif self._queue:
                await self._fill(self._queue[0].records[0].offset)
            if self.is_full and self.queued <= MAX_QUEUED // 2:
                self.is_full = False
                on_drained()
            await asyncio.sleep(0)
        await lane.checkpoint()

    def put(self, batch: Fetched) -> None:
        """Queue records, unless the lane is closing."""
        if not self._is_closing:
            self._queue.append(batch)
            self.queued += len(batch.records)
            self._wake()

    async def finish(self) -> bool:
        """Close the lane after its current batch, which is cancelled if it takes too long.

        Returns:
            Whether it finished in time.
        """
        self._is_closing, done = True, True
        self._wake()
        self.lane.stop()
        if self.task is not None:
            if not self.is_recovered:
                self.task.cancel()
            done = bool((await asyncio.wait({self.task}, timeout=FINISH_SECONDS))[0])
            if not done:
                self.task.cancel()
                await asyncio.wait({self.task}, timeout=1)
        await self.lane.close()
        return done

    def _wake(self) -> None:
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)

    def _take(self) -> list[ConsumerRecord]:
        """Return the next records of the queue up to the first gap; none if there is a gap before the first record."""
        taken: list[ConsumerRecord] = []
        queue = self._queue
        while queue and len(taken) < MAX_BATCH:
            records, end = queue[0]
            known = bisect_left(records, self._next, key=lambda record: record.offset)
            if not known and records[0].offset > self._next:  # within one poll nothing is missing
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
        """Wait for records; if none arrive, write a checkpoint that is due, or check for missing records."""
        lane = self.lane
        due_in = lane.checkpoint_due_in()
        await self._wait_for_records(IDLE_CHECK_SECONDS if due_in is None else min(due_in, IDLE_CHECK_SECONDS))
        if not self._queue and not self._is_closing:
            if due_in is not None and due_in <= IDLE_CHECK_SECONDS:
                await lane.checkpoint()
            else:
                await self._check_for_missing()

    async def _wait_for_records(self, seconds: float) -> None:
        """Wait until something is queued or the lane closes, at most this long.

        Without `asyncio.wait_for`, which costs a task: this runs for each batch.
        """
        loop = asyncio.get_running_loop()
        woken = self._woken = loop.create_future()
        timer = loop.call_later(seconds, self._wake)
        try:
            await woken
        finally:
            timer.cancel()
            self._woken = None

    async def _check_for_missing(self) -> None:
        """Read the records that the partition had at the last check, too, and that have not arrived since."""
        end, last_check = self._source.end(), self._last_check
        self._last_check = self._next, end or -1
        if end is not None and end > self._next and last_check == self._last_check and not self._queue:
            await self._fill(end)

    async def _fill(self, end: int) -> None:
        """Read and process what is missing before `end`."""
        begin, count = self._next, 0
        try:
            async with aclosing(self._source.read(begin, end)) as batches:
                async for records in batches:
                    await self.lane.process(records)
                    self._next = records[-1].offset + 1
                    count += len(records)
                    if self._is_closing:
                        return
        except OffsetTruncated as error:
            if self.lane.needs_all:
                raise FatalError(str(error)) from error
            end = min(end, error.beginning)
            log.error(TRUNCATED, self._source, self._next, end)  # noqa: TRY400 - expected: a traceback says nothing more
        self._next = end
        if count:
            log.info("%s: %d records from %d on were discarded in a rebalance; read again", self._source, count, begin)
