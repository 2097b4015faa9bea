"""What the worker publishes, read and tallied while it comes."""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from agents.demo.stack import StackError
from agents.demo.tally import DemoTally
from state.records.outputs import Message, SegmentChangeValue, Suppression
from streams.kafka.topics import Topics
from streams.settings.settings import Settings
from streams.tables.progress import PROGRESS_KEY, decode_progress

SILENCE_TIMEOUT_S: Final = 60.0
"""How long the worker may say nothing, while something is waited for, before the demo gives it up."""

_POLL_MS: Final = 100
_AT_ONCE: Final = 2_000
"""Records between two looks at anything else: some milliseconds' worth."""


class TopicWatcher:
    """Reads changes, messages and progress from their beginnings.

    Attributes:
        tally: what has come so far.
    """

    def __init__(self, settings: Settings) -> None:
        """Connects when it is run."""
        self.tally = DemoTally()
        self._kafka = settings.kafka_client()
        self._consumer: AIOKafkaConsumer | None = None
        topics = Topics(settings.prefix)
        self._takers: dict[TopicPartition, Callable[[ConsumerRecord], None]] = {
            TopicPartition(topics.progress, 0): self._take_progress,
            TopicPartition(topics.segment_changes, 0): self._take_change,
            TopicPartition(topics.offers, 0): self._take_message,
            TopicPartition(topics.reactivations, 0): self._take_message,
            TopicPartition(topics.suppressions, 0): self._take_suppression,
        }
        self._decode_change = msgspec.json.Decoder(SegmentChangeValue).decode
        self._decode_message = msgspec.json.Decoder(Message).decode
        self._decode_suppression = msgspec.json.Decoder(Suppression).decode
        self._read = dict.fromkeys(self._takers, 0)
        self._came = asyncio.Condition()

    async def run(self) -> None:
        """Reads until it is cancelled.

        Raises:
            aiokafka.errors.KafkaError: the broker cannot be reached.
        """
        consumer = AIOKafkaConsumer(**self._kafka, enable_auto_commit=False, auto_offset_reset="earliest")
        await consumer.start()
        try:
            consumer.assign(list(self._takers))
            await consumer.seek_to_beginning(*self._takers)
            self._consumer = consumer
            while True:
                batches = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_AT_ONCE)
                for tp, records in batches.items():
                    take = self._takers[tp]
                    for record in records:
                        take(record)
                    self._read[tp] = records[-1].offset + 1
                if batches:
                    async with self._came:
                        self._came.notify_all()
        finally:
            await consumer.stop()

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition, looked at whenever something has come.

        Raises:
            StackError: nothing has come for a minute.
        """
        try:
            async with self._came:
                while not condition():
                    async with asyncio.timeout(SILENCE_TIMEOUT_S):
                        await self._came.wait()
        except TimeoutError:
            raise StackError(
                f"the demo's worker has said nothing for {SILENCE_TIMEOUT_S:.0f} s; try it again"
            ) from None

    async def catch_up(self) -> None:
        """Wait until everything that has been published by now is tallied.

        Raises:
            StackError: as `wait_until`.
        """
        await self.wait_until(lambda: self._consumer is not None)
        assert self._consumer is not None
        ends = await self._consumer.end_offsets(list(self._takers))
        await self.wait_until(lambda: all(self._read[tp] >= end for tp, end in ends.items()))

    def _take_progress(self, record: ConsumerRecord) -> None:
        if record.key == PROGRESS_KEY:
            self.tally.add_progress(decode_progress(record.value))

    def _take_change(self, record: ConsumerRecord) -> None:
        self.tally.add_change(self._decode_change(record.value))

    def _take_message(self, record: ConsumerRecord) -> None:
        self.tally.add_message(self._decode_message(record.value))

    def _take_suppression(self, record: ConsumerRecord) -> None:
        reason = self._decode_suppression(record.value).reason
        self.tally.add_suppression(dict(record.headers)["ce_id"].decode(), reason)
