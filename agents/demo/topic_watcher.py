"""Read and tally what the worker publishes, as it arrives."""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from agents.demo.stack import StackError
from agents.demo.tally import DemoTally
from state.records.outputs import Message, SegmentChangeValue, Suppression
from streams.clock import Clock
from streams.kafka.topics import Topics
from streams.settings.settings import Settings
from streams.tables.progress import PROGRESS_KEY, decode_progress

SILENCE_TIMEOUT_S: Final = 60.0
"""How long the worker may publish nothing, while the demo waits for it, before the demo gives up."""

_POLL_S: Final = 0.05
"""Between two polls records gather: fewer and larger fetches, which leave the processors to the worker."""
_FETCH_BYTES: Final = 4 << 20
"""Per partition: more than a worker publishes between two polls."""
_MAX_RECORDS: Final = 2_000
"""Records per poll: a few milliseconds of work, after which other tasks run."""


class TopicWatcher:
    """Reads changes, messages and progress from the beginning of their topics.

    Attributes:
        tally: the counts so far.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.tally = DemoTally()
        self._kafka = settings.kafka_client()
        self._clock = clock
        self._consumer: AIOKafkaConsumer | None = None
        topics = Topics(settings.prefix)
        self._handlers: dict[TopicPartition, Callable[[ConsumerRecord], None]] = {
            TopicPartition(topics.progress, 0): self._add_progress,
            TopicPartition(topics.segment_changes, 0): self._add_change,
            TopicPartition(topics.offers, 0): self._add_message,
            TopicPartition(topics.reactivations, 0): self._add_message,
            TopicPartition(topics.suppressions, 0): self._add_suppression,
        }
        self._decode_change = msgspec.json.Decoder(SegmentChangeValue).decode
        self._decode_message = msgspec.json.Decoder(Message).decode
        self._decode_suppression = msgspec.json.Decoder(Suppression).decode
        self._next_offsets = dict.fromkeys(self._handlers, 0)
        self._arrived = asyncio.Condition()

    async def run(self) -> None:
        """Read until cancelled.

        Raises:
            aiokafka.errors.KafkaError: the broker cannot be reached.
        """
        consumer = AIOKafkaConsumer(
            **self._kafka,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=_FETCH_BYTES,
            check_crcs=False,  # nothing is lost on the way from this machine to itself
        )
        await consumer.start()
        try:
            consumer.assign(list(self._handlers))
            await consumer.seek_to_beginning(*self._handlers)
            self._consumer = consumer
            while True:
                batches = await consumer.getmany(timeout_ms=round(_POLL_S * 1000), max_records=_MAX_RECORDS)
                for tp, records in batches.items():
                    handle = self._handlers[tp]
                    for record in records:
                        handle(record)
                    self._next_offsets[tp] = records[-1].offset + 1
                if batches:
                    async with self._arrived:
                        self._arrived.notify_all()
                if sum(len(records) for records in batches.values()) < _MAX_RECORDS:
                    await self._clock.sleep(_POLL_S)
        finally:
            await consumer.stop()

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition, evaluated whenever records arrive.

        Raises:
            StackError: nothing arrived for a minute.
        """
        try:
            async with self._arrived:
                while not condition():
                    async with asyncio.timeout(SILENCE_TIMEOUT_S):
                        await self._arrived.wait()
        except TimeoutError:
            raise StackError(
                f"the demo's worker has published nothing for {SILENCE_TIMEOUT_S:.0f} s; run the demo again"
            ) from None

    async def catch_up(self) -> None:
        """Wait until everything published so far is tallied.

        Raises:
            StackError: nothing arrived for a minute.
        """
        await self.wait_until(lambda: self._consumer is not None)
        assert self._consumer is not None
        ends = await self._consumer.end_offsets(list(self._handlers))
        await self.wait_until(lambda: all(self._next_offsets[tp] >= end for tp, end in ends.items()))

    def _add_progress(self, record: ConsumerRecord) -> None:
        if record.key == PROGRESS_KEY:
            self.tally.add_progress(decode_progress(record.value))

    def _add_change(self, record: ConsumerRecord) -> None:
        self.tally.add_change(self._decode_change(record.value))

    def _add_message(self, record: ConsumerRecord) -> None:
        self.tally.add_message(self._decode_message(record.value))

    def _add_suppression(self, record: ConsumerRecord) -> None:
        reason = self._decode_suppression(record.value).reason
        self.tally.add_suppression(dict(record.headers)["ce_id"].decode(), reason)
