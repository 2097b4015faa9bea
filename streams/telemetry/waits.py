"""What a stage waits for: everything that depends on somebody else, so that no wait is silent.

A wait is a context manager around the code that waits: `with waits.on(Wait.POSITION, "the group's position"):`. One
that lasts longer than 10 s is logged, exposed as `goldstream_waiting_seconds`, and makes `/ready` answer 503. What is
normal is no wait: no records, a lane without work. Neither is Redis, which `project` reports itself.
"""

import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from enum import Enum
from types import TracebackType
from typing import Final, Self, TypeVar

from prometheus_client import Gauge

from streams.clock import Clock
from streams.telemetry.log_throttle import LogThrottle

log = logging.getLogger(__name__)

Item = TypeVar("Item")

LIMIT_SECONDS: Final = 10.0
"""How long a wait may last before it is reported."""
LOOK_SECONDS: Final = 1.0
WORKER: Final = "worker"
"""The stage of waits that concern no stage, since the stages have not started yet."""
_NAMED: Final = 3


class Wait(Enum):
    """What may be waited for: the values of the label `what`, each with what an operator can do.

    Attributes:
        label: the value of the label.
        advice: what to look at or do.
        is_for_others: whether it ends by what another worker or a command does, so that a restart would not help.
    """

    KAFKA = "kafka", "start Kafka, or correct GOLDSTREAM_KAFKA"
    REPLAY = "replay", "a replay into this prefix is running; if it was interrupted, repeat it", True
    START = "start", "Kafka must answer and the group must settle; the stage restarts by itself if it takes too long"
    ASSIGNMENT = "assignment", "the group is rebalancing: a worker that hangs delays it until its session expires"
    POSITION = "position", "Kafka must answer with the group's committed offsets"
    POLICY = "policy", "a worker with the stage admit must take the first policy from control to the journal", True
    EPOCH = "epoch", "Kafka must assign a producer epoch: look at the topic __transaction_state"
    READING = "reading", "Kafka must deliver the records: look at the brokers"
    ACKNOWLEDGEMENT = "acknowledgement", "Kafka must acknowledge writes: look at brokers, disks and in-sync replicas"
    LANES = "lanes", "a worker with the stage segment must fold the journal: look at its lag", True
    REPORTS = "reports", "other workers must journal their source partitions: look at their stage admit", True

    def __init__(self, label: str, advice: str, is_for_others: bool = False) -> None:  # noqa: FBT001, FBT002 - a column of the table above
        self.label = label
        self.advice = advice
        self.is_for_others = is_for_others


class Waiting:
    """A wait that is under way, from entering the context until leaving it.

    Attributes:
        what: the kind of wait.
        detail: what is waited for, in words.
        since_s: when it began, or last made progress, in seconds of the clock.
    """

    __slots__ = ("_waiter", "detail", "since_s", "what")

    def __init__(self, waiter: "Waiter", what: Wait, detail: str) -> None:
        self._waiter = waiter
        self.what = what
        self.detail = detail
        self.since_s = 0.0

    def __enter__(self) -> Self:
        """Begin to wait."""
        return self.begin()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the wait; that is progress if what was waited for has arrived."""
        if kind is None:
            self._waiter.steps += 1
        self._waiter.open.pop(self, None)

    def begin(self) -> Self:
        """Begin to wait, where the wait ends in another function."""
        self.since_s = self._waiter.clock.monotonic()
        self._waiter.open[self] = None
        return self

    def end(self) -> None:
        """End the wait."""
        self._waiter.open.pop(self, None)

    def is_of(self, waiter: "Waiter") -> bool:
        """Whether it is this one who waits."""
        return self._waiter is waiter

    def note_progress(self) -> None:
        """Note that a part of it has arrived: the wait begins again."""
        self.since_s = self._waiter.clock.monotonic()
        self._waiter.steps += 1


class Waiter:
    """One who waits: a lane, or a part of a stage.

    Attributes:
        clock: the time.
        open: the waits of the whole stage that are under way.
        steps: how many waits have ended, or made progress: while it changes, this one is not stuck.
    """

    def __init__(self, clock: Clock, opened: dict[Waiting, None] | None = None) -> None:
        self.clock = clock
        self.open: dict[Waiting, None] = {} if opened is None else opened
        self.steps = 0

    @property
    def waits_for_others(self) -> bool:
        """Whether it waits for another worker now."""
        return any(each.what.is_for_others and each.is_of(self) for each in self.open)

    def on(self, what: Wait, detail: str) -> Waiting:
        """Return a wait for the `with` statement; `detail` completes the sentence "waits for ..."."""
        return Waiting(self, what, detail)

    async def each(self, what: Wait, detail: str, items: AsyncGenerator[Item]) -> AsyncGenerator[Item]:
        """Yield the items; each one is waited for, and handling it is not part of any wait."""
        async with aclosing(items):
            iterator: AsyncIterator[Item] = items
            while True:
                with self.on(what, detail):
                    try:
                        item = await anext(iterator)
                    except StopAsyncIteration:
                        return
                yield item


class _Report:
    """A kind of wait that was reported and has not ended."""

    def __init__(self, clock: Clock, since_s: float, since_ms: int) -> None:
        self.throttle = LogThrottle(clock)
        self.since_s = since_s
        self.since = datetime.fromtimestamp(since_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.subject = ""


class Waits:
    """The waits of a stage, with those of its lanes."""

    def __init__(self, stage: str, gauge: Gauge | None, clock: Clock) -> None:
        """Wait as `stage`, and expose long waits in `gauge`."""
        self.stage = stage
        self._gauge = gauge
        self._clock = clock
        self._open: dict[Waiting, None] = {}
        self._reports: dict[Wait, _Report] = {}
        self._own = self.waiter()

    def waiter(self) -> Waiter:
        """Return another one who waits as this stage, with its own count of steps."""
        return Waiter(self._clock, self._open)

    def on(self, what: Wait, detail: str) -> Waiting:
        """Return a wait of the stage itself."""
        return self._own.on(what, detail)

    def clear(self) -> None:
        """Remove all waits, since the tasks that waited have ended."""
        self._open.clear()

    def look(self) -> None:
        """Report waits that last longer than 10 s, and those that have ended; to be called once a second."""
        now_s = self._clock.monotonic()
        overdue = self._overdue(now_s)
        for what in [each for each in self._reports if each not in overdue]:
            report = self._reports.pop(what)
            log.info("%s no longer waits for %s, after %.0f s", self._name, report.subject, now_s - report.since_s)
            if self._gauge is not None:
                self._gauge.remove_by_labels({"stage": self.stage, "what": what.label})
        for what, waits in overdue.items():
            self._report(what, waits, now_s)

    def problem(self) -> str | None:
        """Return what has been waited for for more than 10 s; None if nothing has."""
        now_s = self._clock.monotonic()
        parts = [
            f"{self._name} waits for {_subject(waits)} for {now_s - min(each.since_s for each in waits):.0f} s"
            for waits in self._overdue(now_s).values()
        ]
        return "; ".join(parts) or None

    @property
    def _name(self) -> str:
        return self.stage if self.stage == WORKER else f"stage {self.stage}"

    def _overdue(self, now_s: float) -> dict[Wait, list[Waiting]]:
        overdue: dict[Wait, list[Waiting]] = {}
        for waiting in self._open:
            if now_s - waiting.since_s > LIMIT_SECONDS:
                overdue.setdefault(waiting.what, []).append(waiting)
        return overdue

    def _report(self, what: Wait, waits: list[Waiting], now_s: float) -> None:
        since_s = min(each.since_s for each in waits)
        report = self._reports.get(what)
        if report is None:
            since_ms = self._clock.wall_ms() - round((now_s - since_s) * 1000)
            report = self._reports[what] = _Report(self._clock, since_s, since_ms)
        report.subject = _subject(waits)
        seconds = now_s - report.since_s
        if self._gauge is not None:
            self._gauge.labels(self.stage, what.label).set(seconds)
        if report.throttle.should_log():
            log.warning(
                "%s waits for %s for %.0f s, since %s: %s",
                self._name, report.subject, seconds, report.since, what.advice,
            )  # fmt: skip


def _subject(waits: list[Waiting]) -> str:
    details = sorted({each.detail for each in waits})
    more = f" and {len(details) - _NAMED} more" if len(details) > _NAMED else ""
    return ", ".join(details[:_NAMED]) + more
