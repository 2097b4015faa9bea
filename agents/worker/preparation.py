"""What a worker waits for before its stages start: Kafka, its topics, and the end of a replay."""

import asyncio
import logging
from collections.abc import Sequence
from math import inf
from typing import Final, NamedTuple

from aiokafka.errors import KafkaConnectionError, KafkaError

from agents.replay.replay_gate import wait_for_replay_end
from agents.replay.source_readers import find_other_readers
from agents.worker.rules_watch import ConfiguredRules
from streams.clock import Clock
from streams.engine.lane import SESSION_SECONDS
from streams.errors import FatalError, describe_error
from streams.kafka.connection_diagnosis import diagnose_connection
from streams.kafka.needed_rights import check_rights, working
from streams.kafka.topics import ready_topics
from streams.retries import Backoff, pause, retry_until_stopped
from streams.settings.rules_files import missing_segments
from streams.settings.settings import Settings
from streams.telemetry.log_throttle import LogThrottle
from streams.telemetry.waits import LOOK_SECONDS, Wait, Waiting, Waits

log = logging.getLogger(__name__)

RETRY_SECONDS: Final = 2.0
OTHERS_WITHIN_SECONDS: Final = SESSION_SECONDS + 5.0
"""A worker that was killed is a member of its group until its session is over."""


class Cluster(NamedTuple):
    """What the stages need to know of the cluster: `partitions` of the journal, and the prefix in `ce_source`."""

    partitions: int
    source: str


class Preparation:
    """Creates and checks the topics as soon as Kafka answers.

    Attributes:
        waiting_for: what it waits for; None once it is done.
        waits: reports waits of more than 10 s.
    """

    def __init__(
        self, settings: Settings, rules: ConfiguredRules, waits: Waits, clock: Clock, *, reads_sources: bool = True
    ) -> None:
        """Take the settings, the rules that they name, where long waits are reported, and whether `admit` runs."""
        self.waiting_for: str | None = "Kafka"
        self.waits = waits
        self._settings = settings
        self._rules = rules
        self._is_announced = False
        self._clock = clock
        self._reads_sources = reads_sources

    async def run(self, stop: asyncio.Event) -> Cluster | None:
        """Return the cluster once stages may start; None if `stop` was set before that.

        Raises:
            TopicsError: a topic cannot be created, or has another number of partitions or cleanup policy.
            FatalError: Kafka refuses the connection for a reason that trying again does not fix, this user lacks a
                right, or workers of another prefix read the same source topics.
        """
        looking = asyncio.create_task(look_at_waits([self.waits], self._clock))
        try:
            with self.waits.on(Wait.KAFKA, f"Kafka at {self._settings.kafka}") as waiting:
                partitions = await self._wait_for_topics(waiting, stop)
            if partitions is None:
                return None
            self.waiting_for = "the end of a replay"
            with self.waits.on(Wait.REPLAY, "the end of a replay"):
                source = await wait_for_replay_end(self._settings, stop)
            if source is None or (self._reads_sources and not await self._wait_for_other_readers(stop)):
                return None
        finally:
            looking.cancel()
        self.waits.look()  # says that a wait is over
        self.waiting_for = None
        return Cluster(partitions, source)

    def health(self) -> str | None:
        """Return what is waited for, or None."""
        return None if self.waiting_for is None else f"waiting for {self.waiting_for}"

    def readiness(self) -> str | None:
        """Return the same, and for how long if that is more than 10 s."""
        problems = (self.health(), self.waits.problem())
        return None if self.waiting_for is None else "; ".join(problem for problem in problems if problem)

    async def _wait_for_topics(self, waiting: Waiting, stop: asyncio.Event) -> int | None:
        """Return the number of journal partitions once Kafka answers; None if the worker is stopped before.

        A reason why it does not is logged at once, and becomes the detail of `waiting`, which is logged every minute.
        """
        throttle = LogThrottle(self._clock, inf)

        async def on_error(error: Exception, pause_s: float) -> None:
            del pause_s
            diagnosis = await diagnose_connection(self._settings)
            if diagnosis is not None and diagnosis.is_permanent:
                raise FatalError(diagnosis.message) from error
            reason = diagnosis.message if diagnosis else _describe_unreachable(error)
            waiting.detail = f"Kafka at {self._settings.kafka} ({reason})"
            if throttle.should_log(reason):
                log.warning("waiting for Kafka at %s: %s", self._settings.kafka, reason)

        return await retry_until_stopped(
            self._ready_topics,
            on=(KafkaError, OSError),
            stop=stop,
            clock=self._clock,
            backoff=Backoff(RETRY_SECONDS, RETRY_SECONDS),
            on_error=on_error,
        )

    async def _ready_topics(self) -> int:
        await check_rights(self._settings, working(self._settings))
        return await ready_topics(self._settings, self._announce_first_start)

    async def _wait_for_other_readers(self, stop: asyncio.Event) -> bool:
        """Wait for others to stop, until a dead worker's session is over; return False if this worker is stopped.

        Raises:
            FatalError: somebody still does.
        """
        deadline_s = self._clock.monotonic() + OTHERS_WITHIN_SECONDS
        while not stop.is_set():
            others = await retry_until_stopped(
                lambda: find_other_readers(self._settings),
                on=(KafkaError, OSError),
                stop=stop,
                clock=self._clock,
                backoff=Backoff(RETRY_SECONDS, RETRY_SECONDS),
                on_error=self._log_error,
            )
            if not others:
                return others is not None
            named = " and ".join(others)
            if self._clock.monotonic() > deadline_s:
                raise FatalError(
                    f"workers of the prefix {named} read the same source topics, so every message would be sent twice: "
                    f"stop them before workers of {self._settings.prefix} start, or correct GOLDSTREAM_SOURCES"
                )
            if self.waiting_for != (waiting_for := f"workers of {named}, which read the same source topics, to stop"):
                self.waiting_for = waiting_for
                log.warning("waiting up to %.0f s for %s", OTHERS_WITHIN_SECONDS, waiting_for)
            await pause(RETRY_SECONDS, stop, self._clock)
        return False

    async def _log_error(self, error: Exception, pause_s: float) -> None:
        del pause_s
        log.warning("waiting for Kafka at %s: %s", self._settings.kafka, describe_error(error))

    def _announce_first_start(self, partitions: int) -> None:
        """Log what the first start fixes: as a warning if nobody has chosen a policy."""
        if self._is_announced:
            return
        self._is_announced = True
        policy, campaigns = self._rules
        is_chosen = self._settings.policy is not None
        log.log(
            logging.INFO if is_chosen else logging.WARNING,
            "first start under the prefix %s: this fixes for good time zone %s, currency %s, window %s days, %d "
            "partitions; other values need another prefix and a replay%s",
            self._settings.prefix, policy.timezone, policy.currency, policy.window_days, partitions,
            "" if is_chosen else ". Nobody has chosen them: stop this worker and run `goldstream init` to choose",
        )  # fmt: skip
        for error in missing_segments(campaigns, policy):
            log.warning("%s does not fit %s, set GOLDSTREAM_CAMPAIGNS: %s", campaigns.ref, policy.ref, error)


async def look_at_waits(waits: Sequence[Waits], clock: Clock) -> None:
    """Report once a second what is waited for, until cancelled."""
    while True:
        for each in waits:
            each.look()
        await clock.sleep(LOOK_SECONDS)


def _describe_unreachable(error: Exception) -> str:
    if isinstance(error, KafkaConnectionError):
        return "connection refused; start Kafka, or correct GOLDSTREAM_KAFKA"
    return describe_error(error)
