"""Follow what every worker needs from outside its own partitions: the active rules and the source watermarks.

Both are in small topics with one partition, `control` and `source-times`. Every worker reads them from the start,
outside any consumer group, and then follows their ends.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaTimeoutError

from state.config.active_rules import ActiveRules, Outcome
from state.config.policy import Policy
from state.intake.admission import AdmissionRules
from state.units.time_zones import zone_names
from streams.kafka.cluster import find_leaders, stop_consumer
from streams.kafka.control import CONTROL_SOURCE, ControlRecord, apply_rules, decode_control
from streams.kafka.topics import Topics
from streams.settings.settings import Settings
from streams.wire.watermarks import SourceWatermark, decode_watermark

log = logging.getLogger(__name__)

POLL_MS: Final = 1000
CATCH_UP_POLL_MS: Final = 100
ANSWER_SECONDS: Final = 20.0
"""How long Kafka may take to answer before the follower connects again."""
SILENT_MS: Final = 30_000
"""How long polls may stay without any answer of the broker, not even an empty one, before the follower reconnects."""


class ControlFollower:
    """Read `control` and `source-times` to their ends, and keep reading.

    Attributes:
        rules: the policy and campaigns that `control` has activated, and the earlier ones.
        admission_rules: the currencies and rates of the active policy; None before the first policy.
        source_watermarks: the last report of each source partition, by its name (`purchases:0`).
        caught_up: set once the end offsets at the start of `run` are reached.
    """

    def __init__(self, settings: Settings, *, reads_watermarks: bool = True, is_quiet: bool = False) -> None:
        """Take the settings.

        Args:
            settings: valid ones.
            reads_watermarks: whether to follow `source-times` too, which changes several times a second.
            is_quiet: whether another process of the worker reports the rules that have no effect.
        """
        self.rules = ActiveRules()
        self.admission_rules: AdmissionRules | None = None
        self.source_watermarks: dict[str, SourceWatermark] = {}
        self.caught_up = asyncio.Event()
        self._settings = settings
        self._reads_watermarks = reads_watermarks
        self._is_quiet = is_quiet
        self._topics = Topics(settings.prefix)
        self._first_policy_offset = -1
        self._next_offset = 0
        self._changed = asyncio.Condition()

    async def run(self) -> None:
        """Follow until cancelled; may be called again after an error.

        Raises:
            aiokafka.errors.KafkaError: the cluster cannot be reached.
            TimeoutError: it does not answer.
        """
        control = TopicPartition(self._topics.control, 0)
        watermarks = TopicPartition(self._topics.source_times, 0)
        consumer = AIOKafkaConsumer(
            **self._settings.kafka_client(),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=POLL_MS,
        )
        try:
            followed = [control, watermarks] if self._reads_watermarks else [control]
            async with asyncio.timeout(ANSWER_SECONDS):
                await consumer.start()
                await find_leaders(consumer, [tp.topic for tp in followed])
                consumer.assign(followed)
                ends = await consumer.end_offsets(followed)
                await consumer.seek_to_beginning(*followed)
            silence = _Silence(consumer, control)
            while True:
                async with asyncio.timeout(ANSWER_SECONDS):
                    if not self.caught_up.is_set() and all([await consumer.position(tp) >= ends[tp] for tp in ends]):
                        self.caught_up.set()
                timeout_ms = POLL_MS if self.caught_up.is_set() else CATCH_UP_POLL_MS
                batches = await consumer.getmany(timeout_ms=timeout_ms)
                silence.look(timeout_ms, has_records=bool(batches))
                for message in batches.get(watermarks, []):
                    self._note_watermark(message.key, message.value)
                for message in batches.get(control, []):
                    record = decode_control(message.value, message.offset)
                    if record is not None:
                        self.apply(record)
                if batches:
                    async with self._changed:
                        self._changed.notify_all()
        finally:
            await stop_consumer(consumer)

    async def wait(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds; it is checked again after every batch read."""
        async with self._changed:
            await self._changed.wait_for(condition)

    async def wait_for_policy(self) -> AdmissionRules:
        """Wait until the first policy is in every journal partition, and return the admission rules of the active one.

        The lane of `control` reports its position after it has journaled a record in all partitions.
        """

        def is_journaled() -> bool:
            report = self.source_watermarks.get(CONTROL_SOURCE)
            return (
                self.admission_rules is not None and report is not None and report.position > self._first_policy_offset
            )

        await self.wait(is_journaled)
        assert self.admission_rules is not None
        return self.admission_rules

    def apply(self, record: ControlRecord) -> None:
        """Apply the next record of `control`; one that was applied before a reconnect changes nothing."""
        if record.offset < self._next_offset:
            return
        self._next_offset = record.offset + 1
        decision = apply_rules(self.rules, record)
        if decision is None:
            return
        if decision.outcome in (Outcome.REFUSED, Outcome.INVALID):
            level = logging.DEBUG if self._is_quiet else logging.WARNING
            log.log(
                level,
                "%s:%d: %s %s, so it has no effect: %s",
                CONTROL_SOURCE, record.offset, record.kind, decision.outcome.value, decision.errors[0],
            )  # fmt: skip
        elif decision.activates and record.kind == "policy":
            self._admit_by(self.rules.policy, record.offset)

    def _admit_by(self, policy: Policy | None, offset: int) -> None:
        assert policy is not None
        if self.admission_rules is None:
            self._first_policy_offset = offset
        self.admission_rules = AdmissionRules(policy.currency, policy.digits, policy.rates, zone_names())

    def _note_watermark(self, key: bytes | None, value: bytes | None) -> None:
        try:
            self.source_watermarks[(key or b"").decode()] = decode_watermark(value or b"")
        except ValueError:
            log.warning("source-times has a record that goldstream did not write (key %r); it is ignored", key)


class _Silence:
    """Notices that the broker no longer answers the consumer, which aiokafka does not report."""

    def __init__(self, consumer: AIOKafkaConsumer, tp: TopicPartition) -> None:
        self._consumer = consumer
        self._tp = tp
        self._answered_at: int | None = None
        self._silent_ms = 0

    def look(self, poll_ms: int, *, has_records: bool) -> None:
        """Note a poll, which took this long if it had no records; raise after 30 s without any answer.

        Raises:
            KafkaTimeoutError: the broker does not answer.
        """
        answered_at: int | None = self._consumer.last_poll_timestamp(self._tp)
        self._silent_ms = self._silent_ms + poll_ms if not has_records and answered_at == self._answered_at else 0
        self._answered_at = answered_at
        if self._silent_ms > SILENT_MS:
            raise KafkaTimeoutError(f"no answer about {self._tp.topic} for {self._silent_ms / 1000:.0f} s")
