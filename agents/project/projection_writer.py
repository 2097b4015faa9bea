"""The one writer of the stage `project`: what its lanes collected, in one transaction for each tick."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from agents.project.customers_projector import CustomersProjector
from agents.project.redis_connection import describe_redis_error
from agents.project.redis_link import RedisLink, pack
from agents.project.redis_projector import LatestRecords, Part, RedisEmptied, RedisProjector, write_parts
from streams.clock import Clock
from streams.retries import Backoff, retry_until_stopped
from streams.telemetry.log_throttle import LogThrottle
from streams.telemetry.metrics import Metrics
from streams.telemetry.waits import Waiter

log = logging.getLogger(__name__)

TICK_SECONDS: Final = 0.08
"""How often the changelog is fetched at most: what arrives in between is written together (decision 0057)."""
WRITE_SPACING_SECONDS: Final = 0.06
"""A customer is written at most once in this time: less than a tick, so that what a fetch brings is written at once."""
MAX_COLLECTED: Final = 2_000
"""Customers of a partition that are collected; with more, the next write does not wait."""
GATHER_SECONDS: Final = 0.002
"""How long a write waits for the other lanes, which get the records of the same poll at nearly the same time."""
CHECK_SECONDS: Final = 5.0
"""How often Redis is checked for having been emptied while there was nothing to write."""
LAST_WRITE_SECONDS: Final = 2.0
"""How long a lane that closes waits for its last write."""
FIRST_PAUSE_SECONDS: Final = 0.1
MAX_PAUSE_SECONDS: Final = 5.0


class ProjectedPartition:
    """How far a partition is projected.

    Attributes:
        projector: writes it.
        waiter: its steps show that the lane gets on, or waits for Redis, which a restart would not bring back.
        collected: what remains to be written.
        cursor: the offset below which Redis reflects the partition; -1 before recovery.
    """

    def __init__(self, projector: RedisProjector, waiter: Waiter) -> None:
        self.projector = projector
        self.waiter = waiter
        self.collected = LatestRecords(projector)
        self.cursor = -1

    @property
    def is_written(self) -> bool:
        """Whether Redis reflects everything that was collected."""
        return self.collected.end <= max(0, self.cursor)

    def note_step(self) -> None:
        """Note that the partition gets on, or that Redis is the reason why it does not."""
        self.waiter.steps += 1


class ProjectionWriter:
    """Writes the partitions that were added, together, at most once per tick; retries while Redis is down.

    One task waits for Redis on one connection, however many lanes wait for that task.
    """

    def __init__(self, redis: Redis, metrics: Metrics, clock: Clock) -> None:
        self._link = RedisLink(redis)
        self._metrics = metrics
        self._clock = clock
        self._partitions: list[ProjectedPartition] = []
        self._throttle = LogThrottle(clock)
        self._down_since_s: float | None = None
        self._begun_s = clock.monotonic() - WRITE_SPACING_SECONDS
        self._writing: asyncio.Task[bool] | None = None
        self._checking: asyncio.Task[None] | None = None
        self._failure: BaseException | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether Redis is down: nothing but look-ups needs it, so a worker is ready without it."""
        return self._down_since_s is not None

    async def recover(self, partition: ProjectedPartition, start: int, stop: asyncio.Event) -> None:
        """Write what Redis lacks below `start`, and add the partition; do not, if `stop` is set before Redis answers.

        Raises:
            FatalError: a record has a format version that this program does not know.
        """
        projector, note_step = partition.projector, partition.note_step
        if await self._persist(lambda: projector.catch_up(start, note_step), stop, note_step):
            partition.cursor = start
            self._partitions.append(partition)
            if self._checking is None:
                self._checking = asyncio.create_task(self._check_regularly())

    async def remove(self, partition: ProjectedPartition) -> None:
        """Write a partition no more; after the last one, stop at once and close the connection."""
        if partition in self._partitions:
            self._partitions.remove(partition)
        if not self._partitions:
            tasks = [task for task in (self._checking, self._writing) if task is not None]
            self._checking = self._writing = self._failure = None
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._link.close()

    def due_in(self, partition: ProjectedPartition) -> float | None:
        """Return in how many seconds `write` should be called; None if there is nothing to write."""
        if self._failure is not None or len(partition.collected) > MAX_COLLECTED:
            return 0.0
        if partition.is_written:
            return None
        return max(0.0, self._begun_s + WRITE_SPACING_SECONDS - self._clock.monotonic())

    async def write(self, partition: ProjectedPartition, stop: asyncio.Event) -> None:
        """Write what was collected of this and all other partitions; give up waiting when `stop` is set.

        Raises:
            FatalError: a record has a format version that this program does not know.
        """
        stopped = asyncio.create_task(stop.wait())
        try:
            while not (partition.is_written or stop.is_set()):
                writing = self._write_together()
                await asyncio.wait({writing, stopped}, return_when=asyncio.FIRST_COMPLETED)
                if writing.done():
                    writing.result()
        finally:
            stopped.cancel()
        if self._failure is not None:
            raise self._failure

    async def write_last(self, partition: ProjectedPartition) -> None:
        """Write what was collected of a partition that will be removed, unless Redis is down or hangs.

        What is not written now is read again by the partition's next owner.
        """
        for _ in range(2):  # the first may have begun before the last records were collected
            if not partition.is_written and self._down_since_s is None:
                await asyncio.wait({self._write_together()}, timeout=LAST_WRITE_SECONDS)

    def _write_together(self) -> asyncio.Task[bool]:
        """Return the task that writes, which may have begun earlier, without what was collected since."""
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._persist(self._attempt, asyncio.Event(), self._note_steps))
            self._writing.add_done_callback(lambda task: task.cancelled() or task.exception())  # nobody may be waiting
        return self._writing

    async def _attempt(self) -> None:
        customers = [each.projector for each in self._partitions if isinstance(each.projector, CustomersProjector)]
        written_before = sum(projector.written_count for projector in customers)
        if all(partition.is_written for partition in self._partitions):
            await self._read_positions()
        else:
            self._begun_s = self._clock.monotonic()
            await self._clock.sleep(GATHER_SECONDS)
        for partition in list(self._partitions):
            if partition.projector.position < partition.cursor:
                log.warning("Redis was emptied: %s is written again", partition.projector.name)
                await partition.projector.catch_up(partition.cursor, self._note_steps)
        for transaction in list(self._transactions()):
            await write_parts(self._link, [part for _, part in transaction])
            for partition, part in transaction:
                partition.collected.discard_below(part.end)
                partition.cursor = part.end
            self._note_steps()
            await asyncio.sleep(0)
        self._metrics.projected.inc(sum(projector.written_count for projector in customers) - written_before)

    async def _read_positions(self) -> None:
        projectors = [partition.projector for partition in self._partitions]
        (offsets,) = await self._link.exchange([pack("MGET", *(each.position_key for each in projectors))])
        for projector, offset in zip(projectors, offsets, strict=True):
            projector.position = min(projector.position, int(offset or 0))

    def _transactions(self) -> Iterator[list[tuple[ProjectedPartition, Part]]]:
        """Yield what was collected, divided into transactions; those of a partition are in order."""
        together: list[tuple[ProjectedPartition, Part]] = []
        count = 0
        for partition in self._partitions:
            for part in () if partition.is_written else partition.collected.parts():
                if not part.projector.shares_transactions:
                    yield [(partition, part)]
                    continue
                if together and count + len(part.records) > part.projector.max_keys:
                    yield together
                    together, count = [], 0
                together.append((partition, part))
                count += len(part.records)
        if together:
            yield together

    async def _check_regularly(self) -> None:
        while True:
            await self._clock.sleep(CHECK_SECONDS)
            try:
                await asyncio.shield(self._write_together())
            except Exception as error:  # noqa: BLE001 - raised to the lane that asks next
                self._failure = error
                return

    def _note_steps(self) -> None:
        for partition in self._partitions:
            partition.note_step()

    async def _persist(
        self, work: Callable[[], Awaitable[None]], stop: asyncio.Event, note_step: Callable[[], None]
    ) -> bool:
        """Retry until Redis has accepted everything; return whether it has before `stop` was set."""

        async def attempt() -> bool:
            while not stop.is_set():
                try:
                    await work()
                except RedisEmptied:
                    continue
                return True
            return False

        async def on_error(error: Exception, pause_s: float) -> None:
            del pause_s
            note_step()
            self._note_down(error)

        done = await retry_until_stopped(
            attempt,
            on=(RedisError, OSError),
            stop=stop,
            clock=self._clock,
            backoff=Backoff(FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS),
            on_error=on_error,
        )
        if done:
            self._note_up()
        return bool(done)

    def _note_down(self, error: Exception) -> None:
        """Log why Redis cannot be written to, once a minute."""
        if self._down_since_s is None:
            self._down_since_s = self._clock.monotonic()
        self._metrics.redis_up.set(0)
        if self._throttle.should_log():
            log.warning("Redis is down (%s): lookups are out of date until it is back", describe_redis_error(error))

    def _note_up(self) -> None:
        self._metrics.redis_up.set(1)
        if self._down_since_s is not None:
            self._throttle.reset()
            log.info("Redis is back after %.0f s: nothing was lost", self._clock.monotonic() - self._down_since_s)
            self._down_since_s = None
