"""What the routes of hooks share: the hooks, the ledgers, and what publishes; `running` starts and ends it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from agents.serve.hooks.delivery import BadSignature, Delivery, HookEvent, Ignored, Outcome, Receiver
from agents.serve.hooks.hook import Hook
from agents.serve.hooks.hook_service import HookService
from agents.serve.hooks.hook_store import HookStore
from agents.serve.hooks.ledger_follower import LedgerFollower
from agents.serve.hooks.order_index import OrderIndex
from agents.serve.hooks.platforms import READERS
from agents.serve.hooks.segment import read_call
from agents.serve.intake.intake import Acceptance, Intake
from streams.clock import Clock
from streams.settings.settings import Settings
from streams.wire.journal_batch import MAX_AHEAD_MS


class NotReadyError(Exception):
    """Deliveries cannot be taken yet; the message says why."""


class Receipt:
    """What became of a delivery.

    Attributes:
        acceptance: where its events are.
        accepted: events that are published, or known already.
        ignored: parts that are none of our events.
        rejected: parts that are on the topic `rejected`.
    """

    def __init__(self, acceptance: Acceptance, outcomes: tuple[Outcome, ...]) -> None:
        self.acceptance = acceptance
        self.accepted = sum(isinstance(each, HookEvent) for each in outcomes)
        self.ignored = sum(isinstance(each, Ignored) for each in outcomes)
        self.rejected = len(outcomes) - self.accepted - self.ignored


class HookReception:
    """Receives deliveries.

    Attributes:
        store: the hooks.
    """

    def __init__(self, settings: Settings, clock: Clock, intake: Intake) -> None:
        """Read the file of hooks.

        Raises:
            OSError: it cannot be read.
            ConfigErrors: others may read it, or it is not valid; with all errors.
        """
        self.store = HookStore(settings.hooks, clock)
        self._is_used = settings.hooks is not None
        self._has_future = settings.time == "wall"
        self._intake = intake
        self._clock = clock
        self._index = OrderIndex()
        self._service = HookService(intake, self._index, self.store, clock)
        self._follower = LedgerFollower(settings, self._index, clock, self._service.note)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the ledgers, and look for refunds that wait."""
        runs = (self._follower.run(), self._sweep()) if self._is_used else ()
        tasks = [asyncio.create_task(run, name="order ledger") for run in runs]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._index.close()

    def unready(self) -> str | None:
        """Return what deliveries wait for; None once they are taken."""
        return None if not self._is_used or self._follower.caught_up.is_set() else self._follower.problem

    async def _sweep(self) -> None:
        await self._follower.caught_up.wait()
        await self._service.sweep()

    async def receive(self, hook: Hook, delivery: Delivery) -> Receipt | BadSignature:
        """Take a delivery of a platform.

        Raises:
            NotReadyError: the order ledger is not read yet.
            NoPolicyError: nothing can be checked.
            NotPublishedError: some of its events may not be published.
        """
        outcomes = READERS[hook.platform](delivery, self._receiver(hook))
        return outcomes if isinstance(outcomes, BadSignature) else await self._take(hook, delivery, outcomes)

    async def receive_call(self, hook: Hook, call: str, delivery: Delivery) -> Receipt:
        """Take a call of Segment's API by someone who may; raises as `receive` does."""
        return await self._take(hook, delivery, read_call(call, delivery, self._receiver(hook)))

    def _receiver(self, hook: Hook) -> Receiver:
        latest_ms = self._clock.wall_ms() + MAX_AHEAD_MS if self._has_future else None
        return Receiver(hook, self._intake.rules, latest_ms)

    async def _take(self, hook: Hook, delivery: Delivery, outcomes: tuple[Outcome, ...]) -> Receipt:
        if not self._follower.caught_up.is_set() and not all(isinstance(each, Ignored) for each in outcomes):
            raise NotReadyError(self._follower.problem)
        return Receipt(await self._service.take(hook, delivery, outcomes), outcomes)
