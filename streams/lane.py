"""A lane: the work of one partition of a stage, with its queue, and what it may ask of the stage that it runs in."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from aiokafka import AIOKafkaProducer, ConsumerRecord
from faust.types import TP

SESSION_SECONDS: Final = 20.0
FINISH_SECONDS: Final = 10.0
"""How long lanes may finish what they have begun when partitions are taken away or the worker stops."""
FULL: Final = 40_000
"""Records that wait in a lane before its partition is fetched no further; it is again at half of that."""
LARGEST_BATCH: Final = 10_000
"""Records that a lane is given at once: enough that the cost of a flush does not show, few enough to stop soon."""


class NotOurs(Exception):
    """The group may have given the partition to another worker: this one writes nothing more."""


class Hopeless(Exception):
    """What no new start will mend: the worker ends and says what to do."""


class Lane(Protocol):
    """The work of one partition of a stage.

    Attributes:
        cursor: the offset up to which everything is done and durable.
    """

    cursor: int

    @property
    def producer(self) -> AIOKafkaProducer | None:
        """A producer of the lane's own, if it has one."""

    @property
    def settled(self) -> int:
        """The offset up to which that is written down as well, hence may be committed."""

    async def recover(self) -> None:
        """Gets the lane ready from what was written down, and sets `cursor`."""

    async def process(self, records: Sequence[ConsumerRecord]) -> None:
        """Does all that the records ask for, and moves `cursor` past them once it is durable."""

    def unsettled_for(self) -> float | None:
        """How long what was put off may still wait when nothing comes, in seconds; None if nothing was."""

    async def settle(self) -> None:
        """Writes what was put off."""

    def stop(self) -> None:
        """Asks `process` not to wait any longer for what may never come."""

    async def close(self) -> None:
        """The partition goes: forgets what is kept of it."""


class Prompt:
    """A lane that puts nothing off, and writes with the stage's producer if at all."""

    cursor: int

    @property
    def producer(self) -> AIOKafkaProducer | None:
        """None of its own."""
        return None

    @property
    def settled(self) -> int:
        """All that is done."""
        return self.cursor

    def unsettled_for(self) -> float | None:
        """Nothing waits."""
        return None

    async def settle(self) -> None:
        """There is nothing to be written."""


class Running:
    """A stage as it runs: what its lanes may ask of it."""

    def __init__(self, producer: Callable[[], AIOKafkaProducer], start_of: Callable[[TP], Awaitable[int]]) -> None:
        """Takes a way to the stage's producer and to where its group stands, which exist once the app has started."""
        self._producer = producer
        self.start_of = start_of
        self.heard_at = time.monotonic()

    @property
    def producer(self) -> AIOKafkaProducer:
        """The stage's idempotent producer."""
        return self._producer()

    def ensure_ours(self) -> None:
        """Refuses to go on when the group has not confirmed this worker for a session's time.

        Raises:
            NotOurs: the worker was stopped or cut off for so long that its partitions may be another's.
        """
        silent = time.monotonic() - self.heard_at
        if silent > SESSION_SECONDS:
            raise NotOurs(f"no heartbeat was answered for {silent:.0f} s: the partitions may be another worker's")


class LaneTask:
    """A lane with its queue, running."""

    def __init__(self, lane: Lane, room: asyncio.Event) -> None:
        """Takes the work, and what is set when a full queue has room again."""
        self.lane = lane
        self.queue: deque[ConsumerRecord] = deque()
        self.came = asyncio.Event()
        self.closing = False
        self.recovered = False
        self.full = False
        self.room = room
        self.task: asyncio.Task[None] | None = None

    async def run(self, on_drained: Callable[[], None], on_batch: Callable[[int], None]) -> None:
        """Recovers, then works off the queue until it is told to finish."""
        lane, queue = self.lane, self.queue
        await lane.recover()
        self.recovered = True
        while not self.closing:
            if not queue:
                self.came.clear()
                try:
                    await asyncio.wait_for(self.came.wait(), lane.unsettled_for())
                except TimeoutError:
                    await lane.settle()
                continue
            count = min(len(queue), LARGEST_BATCH)
            take = queue.popleft
            await lane.process([take() for _ in range(count)])
            on_batch(count)
            if self.full and len(queue) <= FULL // 2:
                self.full = False
                on_drained()
            await asyncio.sleep(0)
        await lane.settle()

    def put(self, batch: Sequence[ConsumerRecord]) -> None:
        """Takes records, unless the lane is finishing."""
        if not self.closing:
            self.queue.extend(batch)
            self.came.set()

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
