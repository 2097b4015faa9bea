"""The course of the demo: start, history, some weeks without purchases, summary."""

import asyncio
from collections.abc import Sequence
from typing import Final

from agents.control.advance import advance
from agents.customer_view.story import Story
from agents.customer_view.story_reader import read_story
from agents.demo.history import HISTORY_END, HistoryEvent, build_history, can_be_messaged, read_purchases
from agents.demo.screen import Screen
from agents.demo.stack import Stack, StackError
from agents.demo.summary import DemoResult
from agents.demo.tally import DemoTally
from agents.demo.topic_watcher import TopicWatcher
from state.units.timestamps import DAY_MS, parse_rfc3339
from streams.clock import Clock
from streams.kafka.topics import Topics
from streams.kafka.writing.publisher import Publisher

QUIET_WEEKS: Final = 9
MAX_IN_FLIGHT: Final = 20_000
"""Events that may be published and not yet applied: two seconds of work, as progress comes in steps of up to one."""
BATCH_SIZE: Final = 1_000
ADVANCE_TIMEOUT_S: Final = 60.0

_HISTORY_END_MS: Final = parse_rfc3339(HISTORY_END)
_WEEK_MS: Final = 7 * DAY_MS
_STORY_CHANGES: Final = range(6, 11)
"""The number of changes of a customer whose story is eventful and still short."""


class DemoRun:
    """One run of the demo on a running stack.

    Args:
        stack: broker, Redis and worker.
        screen: shows the progress of the run.
        events: the history to publish.
        result: the figures of the history; the run adds its own.

    Attributes:
        tally: what the worker has published.
    """

    def __init__(
        self, stack: Stack, screen: Screen, events: Sequence[HistoryEvent], result: DemoResult, clock: Clock
    ) -> None:
        self._watcher = TopicWatcher(stack.settings, clock)
        self.tally = self._watcher.tally
        self._stack = stack
        self._settings = stack.settings
        self._screen = screen
        self._events = events
        self._result = result
        self._clock = clock

    async def run(self) -> None:
        """Publish the history, wait until it is applied, and advance time by some weeks without purchases.

        Raises:
            StackError: the worker makes no progress.
            aiokafka.errors.KafkaError: the broker cannot be reached.
        """
        tasks = [asyncio.create_task(work) for work in (self._run(), self._watcher.run(), self._stack.watch())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def story(self) -> Story | None:
        """Return the story of an eventful customer; None without customers."""
        customer_id = eventful_customer(self.tally)
        return await read_story(self._settings, customer_id) if customer_id else None

    async def _run(self) -> None:
        self._screen.attach(self.tally)
        self._screen.phase = "replaying eighteen months of purchases"
        started_s = self._clock.monotonic()
        await self._publish()
        await self._watcher.wait_until(lambda: self.tally.applied >= len(self._events))
        self._result.history_s = self._screen.history_s = self._clock.monotonic() - started_s
        await self._advance(_HISTORY_END_MS)
        self._record_segment_counts()
        self._screen.phase = "quiet weeks: no purchases, only time"
        for week in range(1, QUIET_WEEKS + 1):
            await self._advance(_HISTORY_END_MS + week * _WEEK_MS)
        self._record_segment_counts()

    async def _publish(self) -> None:
        events, tally = self._events, self.tally
        topic = Topics(self._settings.prefix).full("events")
        async with Publisher(self._settings, topic) as publisher:
            for start in range(0, len(events), BATCH_SIZE):
                for event in events[start : start + BATCH_SIZE]:
                    await publisher.publish(event.customer_id.encode(), event.value)
                await publisher.flush()
                min_applied = publisher.acknowledged - MAX_IN_FLIGHT
                await self._watcher.wait_until(lambda minimum=min_applied: tally.applied >= minimum)  # type: ignore[misc]

    async def _advance(self, to_ms: int) -> None:
        if await advance(self._settings, to_ms, ADVANCE_TIMEOUT_S, self._clock):
            message = f"the demo's worker made no progress within {ADVANCE_TIMEOUT_S:.0f} s; run the demo again"
            raise StackError(message)
        await self._watcher.catch_up()

    def _record_segment_counts(self) -> None:
        self._result.segment_counts.append((self.tally.time_ms, self.tally.customers()))


def read_history(max_customers: int | None) -> tuple[list[HistoryEvent], DemoResult]:
    """Return the events of the first customers, by default of all, and a result with their counts."""
    purchases = list(read_purchases(max_customers))
    events = build_history(purchases)
    result = DemoResult(
        purchases=len(purchases),
        customers=len({purchase.customer for purchase in purchases}),
        signups=len(events) - len(purchases),
    )
    return events, result


def eventful_customer(tally: DemoTally) -> str | None:
    """Return a customer who was golden, churned, came back and may churn again; else the one with most changes.

    One to whom campaigns may write is preferred, so that the story has messages.
    """

    def interest(customer_id: str) -> tuple[bool, bool, int, int, str]:
        segments = tally.segments_by_customer[customer_id]
        came_back = "churned" in segments and segments[-1] != "churned" and "golden" in segments
        fits = len(segments) in _STORY_CHANGES
        return (
            came_back and fits and can_be_messaged(customer_id),
            came_back and fits,
            len(set(segments)) if fits else 0,
            len(segments) if fits else -len(segments),
            customer_id,
        )

    return max(tally.segments_by_customer, key=interest, default=None)
