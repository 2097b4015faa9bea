"""The lane of `control`: whoever has it brings policies, campaigns and time to every partition of the journal."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Final

from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaError
from faust.types import TP

from agents.control.control_follower import ControlFollower
from state.config.active_rules import ActiveRules, Outcome
from state.records.events import CampaignsApplied, JournalRecord, PolicyApplied, Tick, encode_record
from streams.engine.lane import StageContext, StatelessLane
from streams.kafka.batch_writer import BatchWriter
from streams.kafka.control import (
    CONTROL_SOURCE,
    ControlRecord,
    apply_rules,
    decode_control,
    encode_control,
    read_control,
)
from streams.kafka.topics import Topics
from streams.settings.rules_files import configured_campaigns, configured_policy
from streams.settings.settings import Settings
from streams.wire.watermarks import SourceWatermark, encode_watermark

log = logging.getLogger(__name__)

_RECHECK_SECONDS: Final = 0.1


class ControlLane(StatelessLane):
    """Takes `control` over into the journal, record by record, in order; the worker that has it is the timekeeper."""

    def __init__(
        self,
        settings: Settings,
        kafka: dict[str, Any],
        follower: ControlFollower,
        partitions: int,
        running: StageContext,
    ) -> None:
        """Takes what is known of the sources and how many partitions the journal has."""
        self.cursor = -1
        self.active = False
        self._settings = settings
        self._kafka = kafka
        self._follower = follower
        self._partitions = partitions
        self._running = running
        self._topics = Topics(settings.prefix)
        self._position = 0
        self._advances: dict[int, asyncio.Task[None]] = {}

    async def recover(self) -> None:
        """Puts the configured policy and campaigns into an empty `control`."""
        start = await self._running.committed_start(TP(self._topics.control, 0))
        kinds = {record.kind for record in await read_control(self._settings)}
        outbox = BatchWriter(self._running.producer)
        if "policy" not in kinds:
            text = configured_policy(self._settings).text
            outbox.add(self._topics.control, 0, b"policy", encode_control(ControlRecord("policy", text)))
        if "campaigns" not in kinds:
            text = configured_campaigns(self._settings, configured_policy(self._settings)).text
            outbox.add(self._topics.control, 0, b"campaigns", encode_control(ControlRecord("campaigns", text)))
        await outbox.flush()
        self._position = self.cursor = start
        self.active = True

    async def process(self, records: Sequence[ConsumerRecord]) -> None:
        """Journals each policy and campaigns in all partitions; an advance goes on beside, until its time has come."""
        for message in records:
            record = decode_control(message.value, message.offset)
            if record is None:
                log.warning("control:0:%d is nothing that goldstream writes; it is passed over", message.offset)
            elif record.kind in ("policy", "campaigns"):
                await self._bring(record)
            elif record.kind == "replay":  # it is over: the worker waited for its end
                pass
            elif self._settings.time == "wall":
                log.warning("control:0:%d is an advance, which wall mode does not know; passed over", message.offset)
            else:
                self._advances[message.offset] = asyncio.create_task(self._advance(record))
            self._position = message.offset + 1
        self._move()
        await self._report()

    def _move(self) -> None:
        """The cursor stops before the first advance that is not done: whoever has `control` next takes it up again."""
        self.cursor = min(self._advances, default=self._position)

    async def tick(self, moment: int, advance: int | None = None) -> None:
        """Tells every partition of the journal that time has come to `moment`."""
        await self._journal(Tick(moment, advance))

    async def _bring(self, record: ControlRecord) -> None:
        """Journal a valid policy or campaigns in all partitions; each of them accepts or refuses it.

        Only the file matters here, so it is tried on empty rules, which refuse nothing that is valid.
        """
        decision = apply_rules(ActiveRules(), record)
        assert decision is not None
        if decision.outcome is Outcome.INVALID:  # the follower of every worker logs it
            return
        applied = PolicyApplied if record.kind == "policy" else CampaignsApplied
        await self._journal(applied("control", 0, record.offset, record.text or ""))

    async def _advance(self, record: ControlRecord) -> None:
        """Waits until the sources are journaled as far as the advance says, then ticks."""
        ends, times = record.ends or {}, self._follower.source_watermarks

        def behind() -> list[str]:
            return [each for each, end in ends.items() if end and (each not in times or times[each].position < end)]

        assert record.to is not None
        while True:
            if not behind():
                try:
                    await self.tick(record.to, record.offset)
                    break
                except KafkaError as error:
                    log.warning("advance to %d: %s; tried again", record.to, error)
            await asyncio.sleep(_RECHECK_SECONDS)
        del self._advances[record.offset]
        self._move()

    async def _journal(self, record: JournalRecord) -> None:
        self._running.check_ownership()
        outbox = BatchWriter(self._running.producer)
        value = encode_record(record)
        for partition in range(self._partitions):
            outbox.add(self._topics.journal, partition, None, value)
        await outbox.flush()

    async def _report(self) -> None:
        outbox = BatchWriter(self._running.producer)
        report = encode_watermark(SourceWatermark(self._position))
        outbox.add(self._topics.source_times, 0, CONTROL_SOURCE.encode(), report)
        await outbox.flush()

    def stop(self) -> None:
        """Ends the advances that wait; they are taken up again by whoever has `control` next."""
        for advance in self._advances.values():
            advance.cancel()

    async def close(self) -> None:
        """Another worker keeps time now."""
        self.active = False
