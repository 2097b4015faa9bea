"""A lane: the work on one partition of a stage, and what a lane may ask of its stage."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from aiokafka import ConsumerRecord
from faust.types import TP

from streams.clock import Clock
from streams.kafka.writing.stage_producer import StageProducer
from streams.telemetry.waits import Waiter, Waits

SESSION_SECONDS: Final = 20.0


class OwnershipLost(Exception):
    """The group may have given the partition to another worker: this one must not write any more."""


class Lane(Protocol):
    """The work on one partition of a stage.

    Attributes:
        needs_all: whether the lane must stop when retention has deleted records that it has not read.
        waiter: reports what the lane waits for; its steps show that the lane is not stuck.
    """

    needs_all: bool
    waiter: Waiter

    @property
    def is_waiting_elsewhere(self) -> bool:
        """Whether its recovery waits for something that a worker is ready without."""

    @property
    def cursor(self) -> int:
        """The offset up to which everything is done and durable, from which the lane goes on; -1 before recovery."""

    @property
    def committable_offset(self) -> int:
        """The offset that Faust may commit; -1 before recovery. It is still asked for after `close`."""

    async def recover(self) -> None:
        """Restore the lane's state from what was written, and set `cursor`."""

    async def process(self, records: Sequence[ConsumerRecord]) -> None:
        """Do everything that the records require; `cursor` moves after them when that is durable."""

    def checkpoint_due_in(self) -> float | None:
        """Return how many seconds `checkpoint` may wait if nothing arrives; None if there is nothing to write."""

    async def checkpoint(self) -> None:
        """Write what was postponed."""

    def stop(self) -> None:
        """Ask `process` to stop waiting for anything but the broker: the lane is about to close."""

    async def close(self) -> None:
        """Release everything held for the partition."""


class StatelessLane:
    """A lane that postpones nothing."""

    cursor: int
    needs_all = False

    @property
    def is_waiting_elsewhere(self) -> bool:
        """False: it needs nothing but Kafka."""
        return False

    @property
    def committable_offset(self) -> int:
        """The cursor."""
        return self.cursor

    def checkpoint_due_in(self) -> float | None:
        """Return None: nothing is ever postponed."""
        return None

    async def checkpoint(self) -> None:
        """Do nothing."""


class StageContext:
    """What lanes may ask of the stage that runs them.

    Attributes:
        clock: the time.
        waits: reports what the stage waits for.
        heartbeat_at: when the group last answered a heartbeat, in seconds of `Clock.monotonic`.
        committed_start: returns the offset from which the group reads a partition.
    """

    def __init__(
        self,
        producer: Callable[[], StageProducer],
        committed_start: Callable[[TP], Awaitable[int]],
        clock: Clock,
        waits: Waits | None = None,
    ) -> None:
        """Take functions, since neither the producer nor the group exists before the app has started.

        Without `waits`, nobody looks at what the lanes wait for.
        """
        self._producer = producer
        self.clock = clock
        self.waits = Waits("lanes", None, clock) if waits is None else waits
        self.committed_start = committed_start
        self.note_heartbeat()

    @property
    def producer(self) -> StageProducer:
        """The stage's idempotent producer."""
        return self._producer()

    def note_heartbeat(self) -> None:
        """Note that the group has answered a heartbeat."""
        self.heartbeat_at = self.clock.monotonic()

    def check_ownership(self) -> None:
        """Raise if the group has not confirmed this worker for a whole session.

        Raises:
            OwnershipLost: the worker was stopped or disconnected for so long that its partitions may be another's.
        """
        silent_seconds = self.clock.monotonic() - self.heartbeat_at
        if silent_seconds > SESSION_SECONDS:
            raise OwnershipLost(
                f"no heartbeat was answered for {silent_seconds:.0f} s: the partitions may be another worker's"
            )
