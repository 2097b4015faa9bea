"""Follow how far time has come: the watermark of every partition, and the source partition that holds it back.

The topic `progress` is small and compacted: it is read once, and then followed. Nothing is read for a request.
"""

import logging
from typing import Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from msgspec import DecodeError

from agents.admit.watermark_stall import BEHIND_SECONDS, diagnose_stall, explain_stall
from agents.control.control_follower import ControlFollower
from state.records.events import UnknownFormatVersion
from state.records.progress import NO_WATERMARK
from streams.clock import Clock
from streams.kafka.cluster import open_consumer, partitions_by_topic
from streams.kafka.topics import Topics
from streams.settings.settings import Settings
from streams.tables.progress import PROGRESS_KEY, decode_progress
from streams.wire.watermarks import event_watermark, wall_watermark

log = logging.getLogger(__name__)

POLL_MS: Final = 500
EXAMINE_SECONDS: Final = 5.0
"""How often the source partition that holds the watermark back is looked for."""
RECONNECT_SECONDS: Final = 60.0
"""How often topics are counted again: source topics of other prefixes may appear."""
MISSING_SECONDS: Final = 1.0


class HeldBack(NamedTuple):
    """The source partition that holds the watermark back (None: it is not one of them), and why."""

    source: str | None
    detail: str


class WatermarkFollower:
    """Follows `progress`.

    Attributes:
        watermarks: by partition, in milliseconds.
        held_back: what holds the watermark back; None while nothing does.
    """

    def __init__(self, settings: Settings, control: ControlFollower, clock: Clock) -> None:
        self.watermarks: dict[int, int] = {}
        self.held_back: HeldBack | None = None
        self._settings = settings
        self._control = control
        self._clock = clock
        self._topics = Topics(settings.prefix, settings.sources)
        self._partition_count = 0

    @property
    def as_of_ms(self) -> int | None:
        """The lowest watermark; None before the first tick of every partition."""
        if not self._partition_count or len(self.watermarks) < self._partition_count:
            return None
        lowest = min(self.watermarks.values())
        return None if lowest == NO_WATERMARK else lowest

    @property
    def newest_ms(self) -> int | None:
        """The highest watermark; None before the first tick."""
        highest = max(self.watermarks.values(), default=NO_WATERMARK)
        return None if highest == NO_WATERMARK else highest

    @property
    def lag_ms(self) -> int | None:
        """How far the lowest watermark is behind the clock; None in event mode and before the first tick."""
        as_of_ms = self.as_of_ms
        if self._settings.time == "event" or as_of_ms is None:
            return None
        return max(0, self._clock.wall_ms() - as_of_ms)

    async def run(self) -> None:
        """Follow until cancelled; return after a while, to be called again.

        Raises:
            aiokafka.errors.KafkaError: the cluster cannot be reached.
        """
        counts = await partitions_by_topic(self._settings)
        self._partition_count = counts.get(self._topics.progress, 0)
        if not self._partition_count:
            await self._clock.sleep(MISSING_SECONDS)
            return
        sources = [
            TopicPartition(topic, number) for topic in self._topics.sources for number in range(counts.get(topic, 0))
        ]
        lanes = [TopicPartition(self._topics.progress, number) for number in range(self._partition_count)]
        kafka, names = self._settings.kafka_client(), {tp.topic for tp in (*lanes, *sources)}
        async with open_consumer(kafka, names, auto_offset_reset="earliest") as consumer:
            consumer.assign(lanes)
            await consumer.seek_to_beginning(*lanes)
            begun_s = self._clock.monotonic()
            examined_s = begun_s - EXAMINE_SECONDS + MISSING_SECONDS
            while self._clock.monotonic() - begun_s < RECONNECT_SECONDS:
                for batch in (await consumer.getmany(timeout_ms=POLL_MS)).values():
                    for record in batch:
                        self._note(record.partition, record.key, record.value)
                if self._clock.monotonic() - examined_s >= EXAMINE_SECONDS:
                    examined_s = self._clock.monotonic()
                    self.held_back = await self._examine(consumer, sources)

    def _note(self, partition: int, key: bytes | None, value: bytes | None) -> None:
        if key != PROGRESS_KEY or value is None:
            return
        try:
            self.watermarks[partition] = decode_progress(value).watermark
        except (UnknownFormatVersion, DecodeError) as error:
            log.warning("%s:%d cannot be read: %s", self._topics.progress, partition, error)

    async def _examine(self, consumer: AIOKafkaConsumer, sources: list[TopicPartition]) -> HeldBack | None:
        """Return what holds the watermark back."""
        lag_ms = self.lag_ms
        is_wall = self._settings.time == "wall"
        if is_wall and lag_ms is not None and lag_ms <= self._settings.lateness_ms + BEHIND_SECONDS * 1000:
            return None
        reports = self._control.source_watermarks
        by_name = {f"{self._topics.short(tp.topic)}:{tp.partition}": tp for tp in sources}
        combine = wall_watermark if is_wall else event_watermark
        _, slowest = combine(reports, set(by_name), self._settings.lateness_ms)
        if slowest is None:
            return HeldBack(None, "no worker writes ticks; start one") if is_wall else None
        now_ms = self._clock.wall_ms() if is_wall else None
        stall = await diagnose_stall(consumer, by_name[slowest], reports.get(slowest), now_ms)
        if stall.reason == "current":
            return HeldBack(None, explain_stall(slowest, stall))
        return HeldBack(slowest, explain_stall(slowest, stall))
