"""The lane of `control`: the worker that owns it takes policies, campaigns and time over into the journal."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaError
from faust.types import TP

from agents.control.control_follower import ControlFollower
from state.config.active_rules import ActiveRules, Outcome
from state.records.events import CampaignsApplied, JournalRecord, PolicyApplied, Tick, encode_record
from streams.clock import Clock
from streams.engine.lane import StageContext, StatelessLane
from streams.errors import describe_error
from streams.kafka.broker import Broker
from streams.kafka.control import (
    CONTROL_SOURCE,
    ControlRecord,
    apply_rules,
    beginning_of,
    decode_control,
    encode_control,
)
from streams.kafka.topics import Topics
from streams.kafka.watched_broker import WatchedBroker
from streams.kafka.writing.batch_writer import BatchWriter
from streams.retries import Backoff, retry_until_stopped
from streams.settings.rules_files import configured_campaigns, configured_policy
from streams.settings.settings import Settings
from streams.telemetry.log_throttle import LogThrottle
from streams.telemetry.waits import Wait
from streams.wire.watermarks import SourceWatermark, encode_watermark

log = logging.getLogger(__name__)

_RETRY_SECONDS: Final = 0.1


class ControlLane(StatelessLane):
    """Copies `control` into every partition of the journal, in order; its owner is the timekeeper of the cluster.

    Attributes:
        active: whether this worker owns `control` and has recovered it.
    """

    def __init__(
        self,
        settings: Settings,
        broker: Broker,
        follower: ControlFollower,
        partitions: int,
        context: StageContext,
        clock: Clock,
    ) -> None:
        """Take what is known of the sources; `partitions` are those of the journal."""
        self.cursor = -1
        self.active = False
        self._settings = settings
        self.waiter = context.waits.waiter()
        self._broker = WatchedBroker(broker, self.waiter)
        self._follower = follower
        self._partitions = partitions
        self._context = context
        self._clock = clock
        self._topics = Topics(settings.prefix)
        self._position = 0
        self._advances: dict[int, asyncio.Task[None]] = {}

    async def recover(self) -> None:
        """Write the configured policy and campaigns to a `control` that has none."""
        start = await self._context.committed_start(TP(self._topics.control, 0))
        kinds = set[str]()
        async for batch in self._broker.read(self._topics.control, 0):
            records = (decode_control(message.value, message.offset) for message in batch)
            kinds.update(record.kind for record in records if record is not None)
        writer = BatchWriter(self._context.producer, self.waiter)
        if "policy" not in kinds:
            text = configured_policy(self._settings).text
            writer.add(self._topics.control, 0, b"policy", encode_control(ControlRecord("policy", text)))
        if "campaigns" not in kinds:
            campaigns = configured_campaigns(self._settings, configured_policy(self._settings))
            now_ms = self._clock.wall_ms() if self._settings.time == "wall" else None
            record = ControlRecord("campaigns", campaigns.text, beginning_of((), campaigns.name, now_ms))
            writer.add(self._topics.control, 0, b"campaigns", encode_control(record))
        await writer.flush()
        self._position = self.cursor = start
        self.active = True

    async def process(self, records: Sequence[ConsumerRecord]) -> None:
        """Journal each policy and campaigns file; start a task for each advance, which waits for the sources."""
        for message in records:
            record = decode_control(message.value, message.offset)
            if record is None:
                log.warning("control:0:%d was not written by goldstream; ignored", message.offset)
            elif record.kind in ("policy", "campaigns"):
                await self._journal_rules(record)
            elif record.kind == "replay":  # it has ended, or the worker would not have started
                pass
            elif self._settings.time == "wall":
                log.warning("control:0:%d is an advance, which wall mode does not support; ignored", message.offset)
            else:
                self._advances[message.offset] = asyncio.create_task(self._advance(record))
            self._position = message.offset + 1
        self._move_cursor()
        await self._report()

    def _move_cursor(self) -> None:
        """Keep the cursor before the first advance that is pending: the next owner of `control` takes it up again."""
        self.cursor = min(self._advances, default=self._position)

    async def tick(self, moment: int, advance: int | None = None) -> None:
        """Append a tick to every partition of the journal.

        Args:
            moment: the new watermark, in milliseconds.
            advance: offset of the advance in `control` that asked for it, if one did.
        """
        await self._journal(Tick(moment, advance))

    async def _journal_rules(self, record: ControlRecord) -> None:
        """Journal a valid policy or campaigns file in all partitions; each of them accepts or refuses it.

        Only the file matters here, so it is tried on empty rules, which refuse nothing that is valid.
        """
        decision = apply_rules(ActiveRules(), record)
        assert decision is not None
        if decision.outcome is Outcome.INVALID:  # the follower of every worker logs it
            return
        position = "control", 0, record.offset
        if record.kind == "policy":
            await self._journal(PolicyApplied(*position, record.text or ""))
        else:
            await self._journal(CampaignsApplied(*position, record.text or "", record.begins_at))

    async def _advance(self, record: ControlRecord) -> None:
        """Wait until the sources are journaled as far as the advance demands, then tick."""
        to_ms, ends = record.to, record.ends or {}
        assert to_ms is not None
        throttle = LogThrottle(self._clock)

        async def log_error(error: Exception, pause_s: float) -> None:
            if throttle.should_log():
                log.warning("advance to %d: %s; trying again every %.1f s", to_ms, describe_error(error), pause_s)

        with self.waiter.on(Wait.REPORTS, "the source partitions to be journaled for an advance") as waiting:
            behind: dict[str, int] = {}

            def is_journaled() -> bool:
                nonlocal behind
                reports, before = self._follower.source_watermarks, behind
                positions = {name: reports[name].position if name in reports else 0 for name in ends}
                behind = {name: positions[name] for name, end in ends.items() if positions[name] < end}
                if behind != before:
                    waiting.note_progress()
                return not behind

            await self._follower.wait(is_journaled)
        await retry_until_stopped(
            lambda: self.tick(to_ms, record.offset),
            on=KafkaError,
            stop=asyncio.Event(),  # never set: `stop` cancels this task
            clock=self._clock,
            backoff=Backoff(_RETRY_SECONDS, _RETRY_SECONDS),
            on_error=log_error,
        )
        del self._advances[record.offset]
        self._move_cursor()

    async def _journal(self, record: JournalRecord) -> None:
        self._context.check_ownership()
        writer = BatchWriter(self._context.producer, self.waiter)
        value = encode_record(record)
        for partition in range(self._partitions):
            writer.add(self._topics.journal, partition, None, value)
        await writer.flush()

    async def _report(self) -> None:
        writer = BatchWriter(self._context.producer, self.waiter)
        report = encode_watermark(SourceWatermark(self._position))
        writer.add(self._topics.source_times, 0, CONTROL_SOURCE.encode(), report)
        await writer.flush()

    def stop(self) -> None:
        """Cancel the advances that are pending; the next owner of `control` takes them up again."""
        for advance in self._advances.values():
            advance.cancel()

    async def close(self) -> None:
        """Stop being the timekeeper."""
        self.active = False
