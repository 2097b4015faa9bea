"""The course of the demo: start, history, some quiet weeks, summary."""

import asyncio
from collections.abc import Sequence
from typing import Final

from agents.control.advance import advance
from agents.customer_view.story import Story
from agents.customer_view.story_reader import read_story
from agents.demo.history import HISTORY_END, HistoryEvent, build_history, read_purchases
from agents.demo.screen import Screen
from agents.demo.stack import Stack, StackError
from agents.demo.summary import DemoResult
from agents.demo.tally import DemoTally
from agents.demo.topic_watcher import TopicWatcher
from state.units.timestamps import DAY_MS, parse_rfc3339
from streams.clock import Clock
from streams.kafka.publisher import Publisher
from streams.kafka.topics import Topics

QUIET_WEEKS: Final = 9
MAX_IN_FLIGHT: Final = 8_000
"""Events that may be published and not yet applied: enough to keep the worker busy, few enough to see it move."""
BATCH_SIZE: Final = 1_000
ADVANCE_TIMEOUT_S: Final = 60.0

_ENDS_MS: Final = parse_rfc3339(HISTORY_END)
_WEEK_MS: Final = 7 * DAY_MS
_STORY_CHANGES: Final = range(6, 11)
"""As many changes make a story that is neither dull nor long."""


class DemoRun:
    """One run of the demo on a stack that is up."""

    def __init__(
        self, stack: Stack, screen: Screen, events: Sequence[HistoryEvent], outcome: DemoResult, clock: Clock
    ) -> None:
        """Take where to run, what to show it on, and the history with its figures, to which the run adds its own."""
        self._watch = TopicWatcher(stack.settings)
        self.tally = self._watch.tally
        self._stack = stack
        self._settings = stack.settings
        self._screen = screen
        self._events = events
        self._outcome = outcome
        self._clock = clock

    async def run(self) -> None:
        """Publish the history, let it be applied, and let some quiet weeks go by.

        Raises:
            StackError: the worker does not get on.
            aiokafka.errors.KafkaError: the broker cannot be reached.
        """
        tasks = [asyncio.create_task(work) for work in (self._play(), self._watch.run(), self._stack.watch())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def story(self) -> Story | None:
        """The story of a customer to whom much has happened."""
        customer_id = eventful_customer(self.tally)
        return await read_story(self._settings, customer_id) if customer_id else None

    async def _play(self) -> None:
        self._screen.attach(self.tally)
        self._screen.phase = "eighteen months of purchases"
        began = self._clock.monotonic()
        await self._publish()
        await self._watch.wait_until(lambda: self.tally.applied >= len(self._events))
        self._outcome.history_s = self._clock.monotonic() - began
        await self._advance(_ENDS_MS)
        self._count()
        self._screen.phase = "quiet weeks: nobody buys"
        for week in range(1, QUIET_WEEKS + 1):
            await self._advance(_ENDS_MS + week * _WEEK_MS)
        self._count()

    async def _publish(self) -> None:
        events, tally = self._events, self.tally
        topic = Topics(self._settings.prefix).full("events")
        async with Publisher(self._settings, topic) as publisher:
            for begin in range(0, len(events), BATCH_SIZE):
                for event in events[begin : begin + BATCH_SIZE]:
                    await publisher.publish(event.customer_id.encode(), event.value)
                await publisher.flush()
                enough = publisher.acknowledged - MAX_IN_FLIGHT
                await self._watch.wait_until(lambda enough=enough: tally.applied >= enough)  # type: ignore[misc]

    async def _advance(self, to_ms: int) -> None:
        if await advance(self._settings, to_ms, ADVANCE_TIMEOUT_S, self._clock):
            message = f"the demo's worker did not get on within {ADVANCE_TIMEOUT_S:.0f} s; try it again"
            raise StackError(message)
        await self._watch.catch_up()

    def _count(self) -> None:
        self._outcome.segment_counts.append((self.tally.time_ms, self.tally.customers()))


def read_history(customers: int | None) -> tuple[list[HistoryEvent], DemoResult]:
    """The events of the first so many customers, of all unless given, and how many there are of what."""
    purchases = list(read_purchases(customers))
    events = build_history(purchases)
    outcome = DemoResult(
        purchases=len(purchases),
        customers=len({purchase.customer for purchase in purchases}),
        signups=len(events) - len(purchases),
    )
    return events, outcome


def eventful_customer(tally: DemoTally) -> str | None:
    """Somebody who was golden, was lost and came back, and may be lost again; else whoever changed most."""

    def interest(customer_id: str) -> tuple[bool, int, int, str]:
        path = tally.segments_by_customer[customer_id]
        came_back = "churned" in path and path[-1] != "churned" and "golden" in path
        fits = len(path) in _STORY_CHANGES
        return came_back and fits, len(set(path)) if fits else 0, len(path) if fits else -len(path), customer_id

    return max(tally.segments_by_customer, key=interest, default=None)
