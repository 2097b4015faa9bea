"""What the routes of hooks share: the hooks, the ledgers, and what publishes; `running` starts and ends it."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Final

from agents.serve.hooks.announcing.announcer import ANNOUNCED_WITHIN_S, Announcer
from agents.serve.hooks.delivery import BadSignature, Delivery, HookEvent, Ignored, Outcome, Outcomes, Receiver
from agents.serve.hooks.held_deliveries import Held, HeldDeliveries
from agents.serve.hooks.hook import Hook
from agents.serve.hooks.hook_service import HookService
from agents.serve.hooks.hook_store import HookStore
from agents.serve.hooks.orders.ledger_follower import LedgerFollower
from agents.serve.hooks.orders.order_index import Applied, OrderIndex
from agents.serve.hooks.platforms.catalog import READERS
from agents.serve.hooks.platforms.segment import read_call
from agents.serve.intake.intake import SPOOLED_AFTER_S, Acceptance, Intake, NoPolicyError
from agents.serve.intake.publishing.event_publisher import NotPublishedError
from streams.clock import Clock
from streams.settings.settings import Settings
from streams.telemetry.log_throttle import LogThrottle
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
        self._throttle = LogThrottle(clock)
        self._index = OrderIndex()
        self._changes = asyncio.Queue[Applied]()
        self._follower = LedgerFollower(settings, self._index, clock, self._changes, intake.until_earlier_delivered)
        within_s = ANNOUNCED_WITHIN_S if self._held is None else SPOOLED_AFTER_S
        self._announcer = Announcer(settings, self._index, self._follower, clock, within_s)
        self._service = HookService(intake, self._announcer, self._index, self.store, clock)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the ledgers, and finish what waits."""
        runs = (self._follower.run, partial(self._service.act, self._changes), self._sweep, self._take_held)
        tasks = [asyncio.create_task(run(), name="order ledger") for run in runs if self._is_used]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._announcer.close()
            self._index.close()
            if self._held is not None:
                self._held.close()

    def unready(self) -> str | None:
        """Return what deliveries wait for; None once they are taken."""
        return None if not self._is_used or self._follower.caught_up.is_set() else self._follower.problem

    async def _sweep(self) -> None:
        await self._follower.caught_up.wait()
        await self._service.sweep()

    async def _take_held(self) -> None:
        """Take what is held, as soon as Kafka answers; until cancelled."""
        deliveries = self._held
        while deliveries is not None:
            await deliveries.arrived.wait()
            await self._follower.caught_up.wait()
            deliveries.arrived.clear()
            count = 0
            for held in deliveries.waiting():
                await self._take_until_safe(deliveries, held)
                count += 1
            if count:
                log.info("%d deliveries are taken that had waited on disk", count)

    async def _take_until_safe(self, deliveries: HeldDeliveries, held: Held) -> None:
        while True:
            try:
                await self._take_again(held)
                await deliveries.mark(held)
            except (NotPublishedError, NoPolicyError, OSError) as error:
                if self._throttle.should_log(str(error)):
                    log.warning("deliveries on disk wait: %s", error)
                await self._clock.sleep(RETRY_PAUSE_S)
            else:
                return

    async def _take_again(self, held: Held) -> None:
        hook = self.store.find_route(held.route)
        if hook is None:
            log.error("a delivery on disk is of the hook %s, which the file no longer has: dropped", held.route)
            return
        outcomes = self._read(hook, held.call, held.delivery)
        if isinstance(outcomes, BadSignature):
            log.error("a delivery on disk is signed with a secret that %s no longer has: dropped", held.route)
        else:
            await self._service.take(hook, held.delivery, outcomes)

    def _read(self, hook: Hook, call: str, delivery: Delivery) -> Outcomes:
        """Return what a delivery becomes; `call` is of Segment's API, empty for others."""
        latest_ms = self._clock.wall_ms() + MAX_AHEAD_MS if self._has_future else None
        receiver = Receiver(hook, self._intake.rules, latest_ms)
        return read_call(call, delivery, receiver) if call else READERS[hook.platform](delivery, receiver)

    async def receive(self, hook: Hook, delivery: Delivery) -> Receipt | BadSignature:
        """Take a delivery of a platform.

        Raises:
            NotReadyError: the order ledger is not read yet.
            NoPolicyError: nothing can be checked.
            NotPublishedError: some of its events may not be published.
        """
        outcomes = self._read(hook, "", delivery)
        return outcomes if isinstance(outcomes, BadSignature) else await self._take(hook, "", delivery, outcomes)

    async def receive_call(self, hook: Hook, call: str, delivery: Delivery) -> Receipt:
        """Take a call of Segment's API by someone who may; raises as `receive` does."""
        outcomes = self._read(hook, call, delivery)
        assert not isinstance(outcomes, BadSignature)
        return await self._take(hook, call, delivery, outcomes)

    async def _take(self, hook: Hook, call: str, delivery: Delivery, outcomes: tuple[Outcome, ...]) -> Receipt:
        if self._follower.caught_up.is_set() or all(isinstance(each, Ignored) for each in outcomes):
            try:
                return Receipt(await self._service.take(hook, delivery, outcomes), outcomes)
            except NotPublishedError:
                if self._held is None:
                    raise
        if self._held is None:
            raise NotReadyError(self._follower.problem)
        await self._held.add(hook.route, call, delivery)
        return Receipt(Acceptance.SPOOLED, outcomes)
