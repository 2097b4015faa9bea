"""Write what a lane has folded while it folds on: several batches under way, each in the order of the write plan."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from agents.segment.write_plan import CapturedBatch, WritePlan

MAX_UNWRITTEN: Final = 2
"""How many batches may be under way while the next one is folded.

The table of a batch is sent with the outputs of the next one, so with a single one a lane would wait for each request.
"""
TABLE_WAIT_SECONDS: Final = 0.02
"""How long the table of a batch waits for the outputs of the next one, to be sent in one request with them."""


class BatchPipeline:
    """The batches of a lane that are under way."""

    def __init__(self, plan: WritePlan, name: str) -> None:
        """Write by this plan, in tasks of this name."""
        self._plan = plan
        self._name = name
        self._unwritten: deque[_Write] = deque()

    async def write(self, captured: CapturedBatch, on_published: Callable[[], None]) -> None:
        """Begin to write a batch, and wait while too many are under way.

        Args:
            captured: the batch; it follows those before it.
            on_published: called when its outputs are acknowledged.

        Raises:
            OwnershipLost: the partition may be another worker's.
            aiokafka.errors.KafkaError: a record of an earlier batch was not delivered.
        """
        before = self._unwritten[-1] if self._unwritten else None
        write = _Write(self._plan, captured, on_published, before, self._name)
        if before is not None:
            before.followed.set()
        self._unwritten.append(write)
        await asyncio.sleep(0)  # now the outputs are queued
        while len(self._unwritten) > MAX_UNWRITTEN:
            await self._first_written()

    async def drain(self) -> None:
        """Wait until everything is written; raise as `write` does."""
        if self._unwritten:
            self._unwritten[-1].followed.set()
        while self._unwritten:
            await self._first_written()

    async def cancel(self) -> None:
        """Write nothing more. The stage fails for what failed here, or has failed for another reason."""
        for write in self._unwritten:
            write.task.cancel()
        await asyncio.gather(*(write.task for write in self._unwritten), return_exceptions=True)

    async def _first_written(self) -> None:
        await self._unwritten[0].task
        self._unwritten.popleft()


class _Write:
    """A batch on its way.

    Attributes:
        queued: done when the outputs are queued, so that those of the next batch may be; consumers see them in order.
        followed: set once the table need not wait for the outputs of a next batch.
        task: writes it.
    """

    def __init__(
        self,
        plan: WritePlan,
        captured: CapturedBatch,
        on_published: Callable[[], None],
        before: "_Write | None",
        name: str,
    ) -> None:
        self.queued: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.followed = asyncio.Event()
        self.task = asyncio.create_task(self._run(plan, captured, on_published, before), name=name)

    async def _run(
        self, plan: WritePlan, captured: CapturedBatch, on_published: Callable[[], None], before: "_Write | None"
    ) -> None:
        if before is not None:
            await asyncio.shield(before.queued)
        try:
            await plan.publish(captured, lambda: self.queued.set_result(None))
        except Exception as error:
            if not self.queued.done():
                self.queued.set_exception(error)
                self.queued.exception()  # the next batch raises it, if there is one
            raise
        on_published()
        if before is not None:
            await before.task
        if captured.changes_table:
            timer = asyncio.get_running_loop().call_later(TABLE_WAIT_SECONDS, self.followed.set)
            try:
                await self.followed.wait()
            finally:
                timer.cancel()
        await plan.write_table(captured)
