"""What the routes of hooks share: the hooks, the ledgers, and what publishes; `running` starts and ends it."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from agents.serve.hooks.delivery import BadSignature, Delivery, HookEvent, Ignored, Outcome, Receiver
from agents.serve.hooks.held_deliveries import Held, HeldDeliveries
from agents.serve.hooks.hook import Hook
from agents.serve.hooks.hook_service import HookService
from agents.serve.hooks.hook_store import HookStore
from agents.serve.hooks.orders.ledger_follower import LedgerFollower
from agents.serve.hooks.orders.order_index import OrderIndex
from agents.serve.hooks.platforms.catalog import READERS
from agents.serve.hooks.platforms.segment import read_call
from agents.serve.intake.intake import Acceptance, Intake, NoPolicyError
from agents.serve.intake.publishing.event_publisher import NotPublishedError
from streams.clock import Clock
from streams.settings.settings import Settings
from streams.wire.journal_batch import MAX_AHEAD_MS

log = logging.getLogger(__name__)


class NotReadyError(Exception):
    """Deliveries cannot be taken yet; the message says why."""


RETRY_PAUSE_S: Final = 1.0


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

    def __init__(self, settings: Settings, clock: Clock, intake: Intake, spool: Path | None = None) -> None:
        """Read the file of hooks; `spool` is the folder for what arrives before the ledgers are read.

        Raises:
            OSError: it cannot be read.
            ConfigErrors: others may read it, or it is not valid; with all errors.
            FatalError: the folder cannot be used.
        """
        self.store = HookStore(settings.hooks, clock)
        self._is_used = settings.hooks is not None
        self._held = HeldDeliveries(spool / "hooks") if spool is not None and self._is_used else None
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
            if self._held is not None:
                self._held.close()

    def unready(self) -> str | None:
        """Return what deliveries wait for; None once they are taken."""
        return None if not self._is_used or self._follower.caught_up.is_set() else self._follower.problem

    async def _sweep(self) -> None:
        await self._follower.caught_up.wait()
        if self._held is not None:
            await self._take_held(self._held)
        await self._service.sweep()

    async def _take_held(self, deliveries: HeldDeliveries) -> None:
        """Take what has arrived before the ledgers were read."""
        count = 0
        for held in deliveries.waiting():
            while True:
                try:
                    await self._take_again(held)
                    await deliveries.mark(held)
                except (NotPublishedError, NoPolicyError, OSError) as error:
                    log.warning("deliveries on disk wait: %s", error)
                    await self._clock.sleep(RETRY_PAUSE_S)
                else:
                    break
            count += 1
        if count:
            log.info("%d deliveries are taken that had waited on disk", count)

    async def _take_again(self, held: Held) -> None:
        hook = self.store.find_route(held.route)
        if hook is None:
            log.error("a delivery on disk is of the hook %s, which the file no longer has: dropped", held.route)
        elif held.call:
            await self.receive_call(hook, held.call, held.delivery)
        elif isinstance(await self.receive(hook, held.delivery), BadSignature):
            log.error("a delivery on disk is signed with a secret that %s no longer has: dropped", held.route)

    async def receive(self, hook: Hook, delivery: Delivery) -> Receipt | BadSignature:
        """Take a delivery of a platform.

        Raises:
            NotReadyError: the order ledger is not read yet.
            NoPolicyError: nothing can be checked.
            NotPublishedError: some of its events may not be published.
        """
        outcomes = READERS[hook.platform](delivery, self._receiver(hook))
        return outcomes if isinstance(outcomes, BadSignature) else await self._take(hook, "", delivery, outcomes)

    async def receive_call(self, hook: Hook, call: str, delivery: Delivery) -> Receipt:
        """Take a call of Segment's API by someone who may; raises as `receive` does."""
        return await self._take(hook, call, delivery, read_call(call, delivery, self._receiver(hook)))

    def _receiver(self, hook: Hook) -> Receiver:
        latest_ms = self._clock.wall_ms() + MAX_AHEAD_MS if self._has_future else None
        return Receiver(hook, self._intake.rules, latest_ms)

    async def _take(self, hook: Hook, call: str, delivery: Delivery, outcomes: tuple[Outcome, ...]) -> Receipt:
        if not self._follower.caught_up.is_set() and not all(isinstance(each, Ignored) for each in outcomes):
            if self._held is None:
                raise NotReadyError(self._follower.problem)
            await self._held.add(hook.route, call, delivery)
            return Receipt(Acceptance.SPOOLED, outcomes)
        return Receipt(await self._service.take(hook, delivery, outcomes), outcomes)
