"""What all routes that take events share: check them, and publish or store them."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Final

from aiokafka.errors import KafkaError

from agents.control.control_follower import ControlFollower
from agents.serve.intake.checking import Checked, check_events
from agents.serve.intake.known_rules import load_rules, save_rules
from agents.serve.intake.publishing.event_publisher import EventPublisher, NotPublishedError
from agents.serve.intake.publishing.outgoing_record import OutgoingRecord
from agents.serve.intake.publishing.producer_link import ProducerLink
from agents.serve.intake.publishing.spool import Spool
from agents.serve.intake.sent_events import SentEvent
from state.intake.admission import AdmissionRules
from streams.clock import Clock
from streams.errors import describe_error
from streams.kafka.topics import Topics
from streams.retries import Backoff, retry_until_stopped
from streams.settings.settings import Settings
from streams.telemetry.log_throttle import LogThrottle
from streams.telemetry.metrics import Metrics
from streams.wire.journal_batch import MAX_AHEAD_MS

log = logging.getLogger(__name__)

ACKNOWLEDGED_WITHIN_S: Final = 5.0
SPOOLED_AFTER_S: Final = 1.5
"""How long the spool lets Kafka take for one request; platforms that send webhooks wait for five seconds."""
AWAY_AFTER_S: Final = 1.0
"""Kafka that has not acknowledged anything sent so long ago is away, and the spool takes what follows at once."""

RULES_UNREAD: Final = "the active policy has not been read yet"

_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 2.0
_LONG_S: Final = 10.0


class Acceptance(Enum):
    """Where accepted records are: on all in-sync replicas, or on this machine's disk."""

    PUBLISHED = "accepted"
    SPOOLED = "spooled"


class NoPolicyError(Exception):
    """No event can be checked, since no policy is known; the message says why."""


class Intake:
    """Checks events, and publishes or stores them; `running` starts and ends it.

    Attributes:
        follower: knows the active rules.
        topics: the names of the topics.
        link: to Kafka.
    """

    def __init__(self, settings: Settings, clock: Clock, metrics: Metrics, spool: Path | None = None) -> None:
        """Take the settings, and the folder of the spool, if there is one.

        Raises:
            FatalError: the spool cannot be used.
        """
        self.topics = Topics(settings.prefix)
        self.follower = ControlFollower(settings, reads_watermarks=False)
        needed = [self.topics.full("events"), self.topics.rejected, self.topics.control]
        if settings.hooks is not None:
            needed.append(self.topics.order_ledger)
        self.link = ProducerLink(settings, needed, clock)
        self._publisher = EventPublisher(self.link, metrics, clock)
        self._spool = Spool(spool, self._publisher, metrics, clock) if spool else None
        self._spool_folder = spool
        self._earlier_rules = load_rules(spool) if spool else None
        self._events = needed[0]
        self._metrics = metrics
        self._clock = clock
        self._has_future = settings.time == "wall"

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Connect to Kafka, follow the rules, and deliver the spool; close all of that in the end."""
        async with self.link.running():
            following = asyncio.create_task(self._follow(), name="rules")
            try:
                async with self._spool.running() if self._spool else contextlib.nullcontext():
                    yield
            finally:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
                await self._publisher.close()

    @property
    def rules(self) -> AdmissionRules:
        """What admission needs from the active policy.

        Raises:
            NoPolicyError: it is not known.
        """
        rules = self.follower.admission_rules or self._earlier_rules
        if rules is not None:
            return rules
        if not self.link.has_connected:
            raise NoPolicyError(self.link.problem)
        if not self.follower.caught_up.is_set():
            raise NoPolicyError(RULES_UNREAD)
        raise NoPolicyError(
            f"{self.topics.control} has no policy; start a worker, or run `goldstream policy apply FILE`"
        )

    def unready(self) -> str | None:
        """Return what the server waits for before it can take events; None once it can."""
        try:
            _ = self.rules
        except NoPolicyError as error:
            return str(error)
        return None

    def spooled(self) -> str | None:
        """Return how much waits in the spool, and for how long; None if nothing does."""
        if self._spool is None or not self._spool.size:
            return None
        return f"{self._spool.size:,} bytes wait in the spool, the first since {self._spool.age_ms // 1000:,} s"

    async def until_earlier_delivered(self) -> None:
        """Return once Kafka has what an earlier process had stored in the spool."""
        if self._spool is not None:
            await self._spool.earlier_delivered.wait()

    def check(self, events: Sequence[SentEvent]) -> Checked:
        """Check events by the rules of admission.

        Raises:
            NoPolicyError: there are no rules.
        """
        latest_ms = self._clock.wall_ms() + MAX_AHEAD_MS if self._has_future else None
        return check_events(events, self.rules, latest_ms)

    async def publish(self, checked: Checked) -> Acceptance:
        """Publish or store the admissible events, and count all of them by outcome; raises as `accept` does."""
        records = [OutgoingRecord(self._events, key, value) for key, value in checked.admissible]
        self.count("rejected", len(checked.refused))
        outcome = "unknown"
        try:
            acceptance = await self.accept(records)
            outcome = acceptance.value
        finally:
            self.count(outcome, len(records))
        return acceptance

    def count(self, outcome: str, events: int) -> None:
        """Count events by outcome, one of `streams.telemetry.metrics.HTTP_OUTCOMES`."""
        if events:
            self._metrics.http_events.labels(outcome).inc(events)

    async def accept(self, records: Sequence[OutgoingRecord]) -> Acceptance:
        """Return once the records are on all in-sync replicas, or on disk.

        With a spool they are stored if Kafka is away, or if records of the same customers are stored.

        Raises:
            NotPublishedError: neither is known of them; any of them may be published.
        """
        if not records:
            return Acceptance.PUBLISHED
        spool = self._spool
        if spool is None:
            delivery = self._publisher.publish(records)
            try:
                await delivery.acknowledged(ACKNOWLEDGED_WITHIN_S)
            except BaseException:
                delivery.is_dropped = True
                raise
            return Acceptance.PUBLISHED
        if not self._is_away and not spool.holds(records):
            try:
                # what is not acknowledged in time stays in the queue: dropped, it could come after later records
                await self._publisher.publish(records).acknowledged(SPOOLED_AFTER_S)
            except NotPublishedError:
                pass
            else:
                return Acceptance.PUBLISHED
        await spool.add(records)
        return Acceptance.SPOOLED

    @property
    def _is_away(self) -> bool:
        return self.link.producer is None or self._publisher.waiting_seconds > AWAY_AFTER_S

    async def _follow(self) -> None:
        """Follow the rules, through every failure."""
        await self.link.wait_for_producer()
        saving = asyncio.create_task(self._save_rules(), name="save rules") if self._spool_folder else None
        throttle = LogThrottle(self._clock)
        try:
            await retry_until_stopped(
                self.follower.run,
                on=(KafkaError, OSError),
                stop=asyncio.Event(),
                clock=self._clock,
                backoff=Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S),
                on_error=partial(_report_lost_rules, throttle),
                reset_after_s=_LONG_S,
            )
        finally:
            if saving is not None:
                saving.cancel()

    async def _save_rules(self) -> None:
        """Write the rules beside the spool whenever they change."""
        saved: AdmissionRules | None = None
        assert self._spool_folder is not None
        while True:
            await self.follower.wait(lambda: self.follower.admission_rules not in (None, saved))  # noqa: B023 - awaited here
            saved = self.follower.admission_rules
            assert saved is not None
            try:
                save_rules(self._spool_folder, saved)
            except OSError as error:
                log.warning("the rules cannot be written beside the spool: %s", error)


async def _report_lost_rules(throttle: LogThrottle, error: Exception, _pause_s: float) -> None:
    if throttle.should_log():
        log.warning("the rules cannot be followed: %s; those known go on to apply", describe_error(error))
