"""What every worker must know besides its own partitions: the policy in force, and how far the sources have come.

Both stand in small topics with one partition, which every worker reads from the beginning and follows.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from state.config.campaigns import Campaigns, parse_campaigns
from state.config.config_errors import ConfigErrors
from state.config.policy import Policy, parse_policy, successor_error
from state.intake.admission import AdmissionRules
from state.units.time_zones import zone_names
from streams.kafka.cluster import find_leaders
from streams.kafka.control import ControlRecord, decode_control
from streams.kafka.topics import Topics
from streams.settings.settings import Settings
from streams.wire.watermarks import SourceWatermark, decode_watermark

log = logging.getLogger(__name__)

POLL_MS: Final = 1000
CONTROL: Final = "control:0"


class ControlFollower:
    """Reads `control` and `source-times` to their ends and goes on reading.

    Attributes:
        policy: the one that is in force in `control`; `policies` has all that ever were, by name and version.
    """

    def __init__(self, settings: Settings) -> None:
        """Connects when it is run."""
        self.policy: Policy | None = None
        self.policies: dict[str, Policy] = {}
        self.campaigns: Campaigns | None = None
        self.exchange: AdmissionRules | None = None
        self.source_watermarks: dict[str, SourceWatermark] = {}
        self.caught_up = asyncio.Event()
        self._settings = settings
        self._topics = Topics(settings.prefix)
        self._policy_offset = -1
        self._changed = asyncio.Condition()

    async def run(self) -> None:
        """Follows until it is cancelled.

        Raises:
            aiokafka.errors.KafkaError: the cluster cannot be reached.
        """
        control = TopicPartition(self._topics.control, 0)
        times = TopicPartition(self._topics.source_times, 0)
        consumer = AIOKafkaConsumer(
            **self._settings.kafka_client(),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=POLL_MS,
        )
        await consumer.start()
        try:
            await find_leaders(consumer, [control.topic, times.topic])
            consumer.assign([control, times])
            ends = await consumer.end_offsets([control, times])
            await consumer.seek_to_beginning(control, times)
            while True:
                if not self.caught_up.is_set() and all([await consumer.position(tp) >= ends[tp] for tp in ends]):
                    self.caught_up.set()
                batches = await consumer.getmany(timeout_ms=POLL_MS if self.caught_up.is_set() else 100)
                for message in batches.get(times, []):
                    self._note(message.key, message.value)
                for message in batches.get(control, []):
                    record = decode_control(message.value, message.offset)
                    if record is not None:
                        self._take(record)
                if batches:
                    async with self._changed:
                        self._changed.notify_all()
        finally:
            await consumer.stop()

    async def wait(self, condition: Callable[[], bool]) -> None:
        """Returns once the condition holds; it is looked at whenever something new was read."""
        async with self._changed:
            await self._changed.wait_for(condition)

    async def wait_for_policy(self) -> AdmissionRules:
        """The currencies of the policy, once every journal partition has a policy."""

        def journaled() -> bool:
            control = self.source_watermarks.get(CONTROL)
            return self.exchange is not None and control is not None and control.position > self._policy_offset

        await self.wait(journaled)
        assert self.exchange is not None
        return self.exchange

    def _note(self, key: bytes | None, value: bytes | None) -> None:
        try:
            self.source_watermarks[(key or b"").decode()] = decode_watermark(value or b"")
        except ValueError:
            log.warning("source-times has a record that goldstream did not write (key %r); it is passed over", key)

    def _take(self, record: ControlRecord) -> None:
        try:
            if record.kind == "policy" and record.text is not None:
                new = parse_policy(record.text)
                if self.policy is not None and successor_error(self.policy, new) is not None:
                    return
                if self.policy is None:
                    self._policy_offset = record.offset
                self.policy = self.policies[new.ref] = new
                self.exchange = AdmissionRules(new.currency, new.digits, new.rates, zone_names())
            elif record.kind == "campaigns" and record.text is not None:
                self.campaigns = parse_campaigns(record.text)
        except ConfigErrors as faults:
            log.warning("control:0:%d is no %s: %s; it is passed over", record.offset, record.kind, faults.errors[0])
