"""What the worker publishes, read and tallied while it comes."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from typing import Final

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from agents.demo.stack import StackError
from agents.segment import PROGRESS_KEY, decode_progress
from state.changes import Message, SegmentChange
from state.moments import parse_rfc3339
from streams.long_poll import long_poll
from streams.settings import Settings
from streams.topics import Topics

SILENT_S: Final = 60.0
"""How long the worker may say nothing, while something is waited for, before the demo gives it up."""

_POLL_MS: Final = 100
_AT_ONCE: Final = 2_000
"""Records between two looks at anything else: a few milliseconds."""
_SHOWN: Final = 400


class Watch:
    """Reads changes, messages and progress of the demo's only partition from their beginnings; repeats count once.

    Attributes:
        applied: events whose changes and messages are all acknowledged.
        time_ms: the moment to which the worker has come.
        changes: segment changes; `lapses` those of them that time alone brought.
        population: customers by segment.
        steps: changes by segment before, None for the first one, and segment after.
        paths: the segments of each customer, in their order.
        sent: messages by campaign.
        kept_back: messages that were not sent.
        news: changes that nobody has taken yet, the last ones if there are many; `mail` messages likewise.
    """

    def __init__(self, settings: Settings) -> None:
        """Connects when it is run."""
        self.applied = 0
        self.time_ms = 0
        self.changes = 0
        self.lapses = 0
        self.population: Counter[str] = Counter()
        self.steps: Counter[tuple[str | None, str]] = Counter()
        self.paths: dict[str, list[str]] = {}
        self.sent: Counter[str] = Counter()
        self.kept_back = 0
        self.news: deque[SegmentChange] = deque(maxlen=_SHOWN)
        self.mail: deque[Message] = deque(maxlen=_SHOWN)
        topics = Topics(settings.prefix)
        take_message = _Messages(self).take
        self._takers: dict[TopicPartition, Callable[[ConsumerRecord], None]] = {
            TopicPartition(topics.progress, 0): self._take_progress,
            TopicPartition(topics.segment_changes, 0): _Changes(self).take,
            TopicPartition(topics.offers, 0): take_message,
            TopicPartition(topics.reactivations, 0): take_message,
            TopicPartition(topics.suppressions, 0): self._take_suppression,
        }
        self._consumer = long_poll(
            AIOKafkaConsumer(**settings.kafka_client(), enable_auto_commit=False, auto_offset_reset="earliest")
        )
        self._read = dict.fromkeys(self._takers, 0)
        self._suppressed: set[bytes] = set()
        self._came = asyncio.Condition()

    async def run(self) -> None:
        """Reads until it is cancelled.

        Raises:
            aiokafka.errors.KafkaError: the broker cannot be reached.
        """
        consumer = self._consumer
        await consumer.start()
        try:
            consumer.assign(list(self._takers))
            await consumer.seek_to_beginning(*self._takers)
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

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition, looked at whenever something has come.

        Raises:
            StackError: nothing has come for a minute.
        """
        try:
            async with self._came:
                while not condition():
                    async with asyncio.timeout(SILENT_S):
                        await self._came.wait()
        except TimeoutError:
            message = f"the demo's worker has said nothing for {SILENT_S:.0f} s; GOLDSTREAM_LOG=debug says more"
            raise StackError(message) from None

    async def catch_up(self) -> None:
        """Wait until everything that has been published by now is tallied."""
        ends = await self._consumer.end_offsets(list(self._takers))
        await self.until(lambda: all(self._read[tp] >= end for tp, end in ends.items()))

    def _take_progress(self, record: ConsumerRecord) -> None:
        if record.key == PROGRESS_KEY:
            progress = decode_progress(record.value)
            self.applied = progress.sources.get("events:0", -1) + 1
            self.time_ms = max(self.time_ms, progress.time)

    def _take_suppression(self, record: ConsumerRecord) -> None:
        suppression = dict(record.headers)["ce_id"]
        if suppression not in self._suppressed:
            self._suppressed.add(suppression)
            self.kept_back += 1


class _Changes:
    """Tallies segment changes."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._decode = msgspec.json.Decoder(SegmentChange).decode

    def take(self, record: ConsumerRecord) -> None:
        watch, change = self._watch, self._decode(record.value)
        path = watch.paths.setdefault(change.customer_id, [])
        if change.seq <= len(path):
            return
        before, after = change.from_segment, change.to_segment
        path.append(after)
        watch.time_ms = max(watch.time_ms, parse_rfc3339(change.effective_at))
        watch.changes += 1
        watch.lapses += change.cause.kind == "time"
        watch.steps[before, after] += 1
        watch.population[after] += 1
        if before is not None:
            watch.population[before] -= 1
        watch.news.append(change)


class _Messages:
    """Tallies messages."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._seen: set[str] = set()
        self._decode = msgspec.json.Decoder(Message).decode

    def take(self, record: ConsumerRecord) -> None:
        message = self._decode(record.value)
        if message.message_id not in self._seen:
            self._seen.add(message.message_id)
            self._watch.sent[message.campaign] += 1
            self._watch.mail.append(message)
