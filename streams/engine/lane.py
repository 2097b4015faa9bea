"""A lane: the work of one partition of a stage, and what it may ask of the stage that it runs in."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from aiokafka import AIOKafkaProducer, ConsumerRecord
from faust.types import TP

SESSION_SECONDS: Final = 20.0


class OwnershipLost(Exception):
    """The group may have given the partition to another worker: this one writes nothing more."""


class Lane(Protocol):
    """The work of one partition of a stage.

    Attributes:
        cursor: the offset up to which everything is done and durable; once it is recovered, that from which it goes on.
        needs_all: whether it cannot go on when retention has cut what it has not read.
    """

    cursor: int
    needs_all: bool

    @property
    def producer(self) -> AIOKafkaProducer | None:
        """A producer of the lane's own, if it has one."""

    @property
    def committable_offset(self) -> int:
        """The offset up to which that is written down as well, hence may be committed."""

    async def recover(self) -> None:
        """Gets the lane ready from what was written down, and sets `cursor`."""

    async def process(self, records: Sequence[ConsumerRecord]) -> None:
        """Does all that the records ask for, and moves `cursor` past them once it is durable."""

    def checkpoint_due_in(self) -> float | None:
        """How long what was put off may still wait when nothing comes, in seconds; None if nothing was."""

    async def checkpoint(self) -> None:
        """Writes what was put off."""

    def stop(self) -> None:
        """Asks `process` not to wait any longer for what may never come."""

    async def close(self) -> None:
        """The partition goes: forgets what is kept of it."""


class StatelessLane:
    """A lane that puts nothing off, and writes with the stage's producer if at all."""

    cursor: int
    needs_all = False

    @property
    def producer(self) -> AIOKafkaProducer | None:
        """None of its own."""
        return None

    @property
    def committable_offset(self) -> int:
        """All that is done."""
        return self.cursor

    def checkpoint_due_in(self) -> float | None:
        """Nothing waits."""
        return None

    async def checkpoint(self) -> None:
        """There is nothing to be written."""


class StageContext:
    """A stage as it runs: what its lanes may ask of it."""

    def __init__(self, producer: Callable[[], AIOKafkaProducer], start_of: Callable[[TP], Awaitable[int]]) -> None:
        """Takes a way to the stage's producer and to where its group stands, which exist once the app has started."""
        self._producer = producer
        self.committed_start = start_of
        self.heartbeat_at = time.monotonic()

    @property
    def producer(self) -> AIOKafkaProducer:
        """The stage's idempotent producer."""
        return self._producer()

    def check_ownership(self) -> None:
        """Refuses to go on when the group has not confirmed this worker for a session's time.

        Raises:
            NotOurs: the worker was stopped or cut off for so long that its partitions may be another's.
        """
        silent = time.monotonic() - self.heartbeat_at
        if silent > SESSION_SECONDS:
            raise OwnershipLost(f"no heartbeat was answered for {silent:.0f} s: the partitions may be another worker's")
