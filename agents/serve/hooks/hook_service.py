"""Take deliveries: decide what of them is new, publish it, then enter it in the order ledger.

An event of a customer is published before it is entered: if the process dies in between, the platform delivers again,
and the second event has the same ids. An anonymous event is announced first (`agents.serve.hooks.announcing`).
Deliveries about one order are taken one after the other.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from agents.serve.hooks.announcing.announcer import Announcer
from agents.serve.hooks.delivery import Delivery, HookEvent, Ignored, Outcome, Refused
from agents.serve.hooks.hook import Hook
from agents.serve.hooks.hook_store import HookStore
from agents.serve.hooks.orders.order_book import Decision, OrderBook, decode_waiting, order_number
from agents.serve.hooks.orders.order_index import Applied, OrderIndex
from agents.serve.hooks.platforms.event_building import encode_event
from agents.serve.intake.intake import Acceptance, Intake
from agents.serve.intake.publishing.event_publisher import NotPublishedError
from agents.serve.intake.publishing.outgoing_record import OutgoingRecord
from state.records.reasons import RejectionReason
from streams.clock import Clock
from streams.tables.order_ledger import WAITING, LedgerEntry, encode_entry
from streams.telemetry.log_throttle import LogThrottle

log = logging.getLogger(__name__)

LOCKS: Final = 256
MAX_WAITING: Final = 10_000
"""Refunds that wait for their orders; more are refused at once."""
WAITS_MS: Final = 7 * 86_400_000
"""How long a refund waits for its order before it is refused."""
SWEEP_SECONDS: Final = 30.0


class HookService:
    """Publishes what deliveries become."""

    def __init__(self, intake: Intake, announcer: Announcer, index: OrderIndex, store: HookStore, clock: Clock) -> None:
        """Publish through `intake` and `announcer`; `index` has the ledgers, `store` the hooks."""
        self._intake = intake
        self._announcer = announcer
        self._index = index
        self._book = OrderBook(index)
        self._clock = clock
        self._locks = [asyncio.Lock() for _ in range(LOCKS)]
        self._store = store
        self._throttle = LogThrottle(clock)

    async def take(self, hook: Hook, delivery: Delivery, outcomes: Sequence[Outcome]) -> Acceptance:
        """Publish the events of a delivery, those of a customer in their order; return once they are safe.

        Raises:
            NotPublishedError: some may not be published; all of the delivery may be taken again.
        """
        groups: dict[str, list[HookEvent]] = {}
        records: list[OutgoingRecord] = []
        for outcome in outcomes:
            match outcome:
                case HookEvent():
                    groups.setdefault(outcome.customer_id or outcome.order_reference, []).append(outcome)
                case Refused():
                    records.append(
                        self._rejected(hook.route, outcome.reason, outcome.detail, outcome.value or delivery.body)
                    )
                    self._intake.count("rejected", 1)
                case Ignored():
                    self._ignore(hook, outcome)
        results = await asyncio.gather(
            self._intake.accept(records),
            *(self._take_all(hook, events) for events in groups.values()),
            return_exceptions=True,
        )
        failures = [each for each in results if isinstance(each, BaseException)]
        if failures:
            raise failures[0]
        return Acceptance.SPOOLED if Acceptance.SPOOLED in results else Acceptance.PUBLISHED

    async def _take_all(self, hook: Hook, events: Sequence[HookEvent]) -> Acceptance:
        acceptance = Acceptance.PUBLISHED
        for event in events:
            number = event.order_reference or order_number(hook, event.order_id)
            async with self._lock(number):
                taken = await self._decide(partial(self._book.decide, event, hook))
            acceptance = acceptance if taken is Acceptance.PUBLISHED else taken
            if event.kind == "purchase":
                await self._release(number)
        return acceptance

    def _lock(self, number: str) -> asyncio.Lock:
        return self._locks[hash(number) % LOCKS]

    async def _decide(self, decide: Callable[[], Decision], *, removed: LedgerEntry | None = None) -> Acceptance:
        """Decide and carry it out; about an anonymous event by the ledger read to its end."""
        decision = decide()
        while decision.is_anonymous:
            (entry,) = decision.entries
            announcement = await self._announcer.prepare(entry)
            decision = decide()
            if not decision.is_anonymous or decision.entries[0].key != entry.key:
                continue
            (event,), (entry,) = decision.events, decision.entries
            if await self._announcer.publish(entry, announcement, encode_event(event)):
                self._intake.count(Acceptance.PUBLISHED.value, 1)
                await self._write((), removed)
                return Acceptance.PUBLISHED
            decision = decide()
        return await self._carry_out(decision, removed=removed)

    async def _carry_out(self, decision: Decision, *, removed: LedgerEntry | None = None) -> Acceptance:
        """Publish the events of a decision, then write its entries, and remove one."""
        if decision.ignored == "waiting" and self._index.count_waiting() >= MAX_WAITING:
            (waiting,) = decision.entries
            return await self._refuse(waiting, "too many refunds wait for orders that are not known")
        outcome = "unknown"
        try:
            topic = self._intake.topics.full("events")
            acceptance = await self._intake.accept(
                [
                    OutgoingRecord(topic, event.customer_id.encode() or None, encode_event(event))
                    for event in decision.events
                ]
            )
            outcome = acceptance.value
        finally:
            self._intake.count(outcome, len(decision.events))
        if decision.ignored:
            self._intake.count("ignored", 1)
        if decision.warning and self._throttle.should_log(decision.warning):
            log.warning("%s", decision.warning)
        await self._write(decision.entries, removed)
        return acceptance

    async def _write(self, entries: Sequence[LedgerEntry], removed: LedgerEntry | None = None) -> None:
        """Write entries to the ledger and note them in the index."""
        values = [(entry, encode_entry(entry)) for entry in entries]
        records = [self._ledger_record(entry, value) for entry, value in values]
        if removed is not None:
            records.append(self._ledger_record(removed, None))
        await self._intake.accept(records)
        now_ms = self._clock.wall_ms()
        for entry, value in values:
            self._index.put(entry, value, now_ms)
        if removed is not None:
            self._index.remove(removed.key)

    def _ledger_record(self, entry: LedgerEntry, value: bytes | None) -> OutgoingRecord:
        return self._record_of(entry.key, entry.customer_id, value)

    def _record_of(self, key: bytes, customer_id: str, value: bytes | None) -> OutgoingRecord:
        topic = self._intake.topics.order_ledger
        return OutgoingRecord(topic, key, value, placed_by=customer_id.encode() or key)

    def _rejected(self, route: str, reason: RejectionReason, detail: str, value: bytes) -> OutgoingRecord:
        headers = (
            ("goldstream-reason", reason.value.encode()),
            ("goldstream-detail", detail.encode("utf-8", "replace")),
            ("goldstream-source", route.encode()),
        )
        return OutgoingRecord(self._intake.topics.rejected, None, value, headers)

    def _ignore(self, hook: Hook, outcome: Ignored) -> None:
        self._intake.count("ignored", 1)
        if outcome.warning:
            log.warning("%s: %s", hook.route, outcome.warning)

    async def act(self, changes: asyncio.Queue[Applied]) -> None:
        """Act on changes in the ledger: remove what erasures should have, release what waited; until cancelled."""
        while True:
            applied = await changes.get()
            try:
                outdated = [self._record_of(key, customer, None) for key, customer in applied.outdated]
                covered = [self._ledger_record(entry, encode_entry(entry)) for entry in applied.covered]
                await self._intake.accept([*outdated, *covered])
                for number in applied.awaited:
                    await self._release(number)
            except NotPublishedError as error:
                log.warning("refunds go on waiting for their orders: %s", error)  # the next sweep tries again

    async def sweep(self) -> None:
        """Settle waiting refunds and announced events every `SWEEP_SECONDS`, until cancelled.

        A refund is settled when its order is known by now, or when it has waited too long.
        """
        while True:
            await self._clock.sleep(SWEEP_SECONDS)
            for settle in (self._settle_waiting, self._announcer.settle):
                try:
                    await settle()
                except NotPublishedError as error:
                    log.warning("refunds or sales go on waiting: %s", error)

    async def _settle_waiting(self) -> None:
        for found in self._index.waiting():
            if self._clock.wall_ms() - found.at_ms > WAITS_MS:
                await self._refuse(found.entry, "its order is not known; import the order, and send it again")
            else:
                await self._settle(found.entry)

    async def _release(self, number: str) -> None:
        for found in self._index.waiting_for(number):
            await self._settle(found.entry)

    async def _settle(self, waiting: LedgerEntry) -> None:
        """Publish a refund whose order is known now; otherwise leave it."""
        assert waiting.details is not None
        event, hook = decode_waiting(waiting.details.event), self._store.find_route(waiting.route)
        if hook is None:
            return
        async with self._lock(waiting.details.reference):
            if self._index.find("", WAITING, waiting.id) is None:
                return
            if self._book.decide_waiting(waiting, event, hook) is not None:
                await self._decide(partial(self._book.decide, event, hook), removed=waiting)

    async def _refuse(self, waiting: LedgerEntry, why: str) -> Acceptance:
        assert waiting.details is not None
        event = decode_waiting(waiting.details.event)
        detail = f"order_id: {why}: got {waiting.details.reference}"
        self._intake.count("rejected", 1)
        acceptance = await self._intake.accept(
            [self._rejected(waiting.route, RejectionReason.INVALID, detail, encode_event(event))]
        )
        await self._write((), waiting)
        return acceptance
