"""The lane of a source partition: every record read gets one outcome, and the admitted ones go to the journal."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from aiokafka import ConsumerRecord
from faust.types import TP

from agents.admit.control_lane import ControlLane
from agents.admit.dead_letters import LARGE_BYTES, RejectedRecord, publish_large_rejects
from agents.control.control_follower import ControlFollower
from state.customer.referrals import referral_of
from state.intake.admission import AdmissionRules, Admitted, Rejected, admit
from state.records.events import AnonymousSale, encode_record
from streams.clock import Clock
from streams.engine.lane import StageContext, StatelessLane
from streams.kafka.batch_writer import BatchWriter
from streams.kafka.publisher import partition_of
from streams.kafka.reader import read_range
from streams.kafka.topics import Topics
from streams.settings.settings import Settings
from streams.telemetry.metrics import Metrics

AHEAD_MS: Final = 5 * 60_000
"""How far ahead of the wall clock an event may be, in wall mode."""


class AdmitLane(StatelessLane):
    """Checks the records of one source partition and journals them in their order.

    Attributes:
        position: everything below this offset is in the journal; -1 until it is known.
        greatest: the greatest `occurred_at` that was journaled.
    """

    def __init__(self, tp: TP, stage: "AdmitStage", running: StageContext) -> None:
        """Takes the partition and the stage that it belongs to."""
        self.cursor = -1
        self.position = -1
        self.greatest: int | None = None
        self._tp = tp
        self._source = stage.names.short(tp.topic)
        self._kind = self._source.rpartition(".")[2]  # a source topic of another prefix keeps that in its name
        self._stage = stage
        self._running = running
        self._exchange: AdmissionRules | None = None

    async def recover(self) -> None:
        """Waits until a policy is in the journal; goes on where the group has committed."""
        self._exchange = await self._stage.follower.wait_for_policy()
        start = await self._running.committed_start(self._tp)
        if self._stage.settings.time == "event":
            await self._recall_greatest(start)
        self.position = self.cursor = start

    async def _recall_greatest(self, start: int) -> None:
        """Event mode: the greatest moment below `start`, from the last report and what was journaled after it."""
        exchange = self._exchange
        assert exchange is not None
        tp = self._tp
        report = self._stage.follower.source_watermarks.get(f"{self._source}:{tp.partition}")
        self.greatest = None if report is None else report.time
        begin = None if report is None else report.position
        if begin is not None and begin >= start:
            return
        async for batch in read_range(self._stage.kafka, tp.topic, tp.partition, begin, start):
            for record in batch:
                verdict = admit(self._kind, tp.partition, record.offset, record.value, exchange, None)
                if isinstance(verdict, Admitted):
                    self.greatest = max(self.greatest or 0, verdict.event.occurred_at)

    async def process(self, records: Sequence[ConsumerRecord]) -> None:
        """Gives each record its outcome and waits until all of it is written."""
        stage, tp, source, kind = self._stage, self._tp, self._source, self._kind
        exchange = stage.follower.admission_rules or self._exchange
        assert exchange is not None
        latest_ms = None if stage.settings.time == "event" else stage.clock.wall_ms() + AHEAD_MS
        outbox = BatchWriter(self._running.producer)
        outcomes: Counter[str] = Counter()
        reasons: Counter[str] = Counter()
        refused: list[tuple[ConsumerRecord, Rejected]] = []
        greatest = -1 if self.greatest is None else self.greatest
        partition, partitions = tp.partition, stage.partitions
        journal = [outbox.to(stage.names.journal, number).add for number in range(partitions)]
        for record in records:
            verdict = admit(kind, partition, record.offset, record.value, exchange, latest_ms)
            if isinstance(verdict, Rejected):
                outcomes["rejected"] += 1
                reasons[verdict.reason] += 1
                refused.append((record, verdict))
                continue
            event = verdict.event if source == kind else msgspec.structs.replace(verdict.event, topic=source)
            greatest = max(greatest, event.occurred_at)
            if isinstance(event, AnonymousSale):
                outcomes["anonymous"] += 1
                key, spread = None, event.event_id.encode()
            else:
                key = spread = verdict.customer_id.encode()
            journal[partition_of(spread, partitions)](key, encode_record(event), None, record.timestamp)
            if key is not None and (brought := referral_of(verdict.customer_id, event)) is not None:
                referrer = brought[0].encode()
                journal[partition_of(referrer, partitions)](referrer, encode_record(brought[1]), None, record.timestamp)
        outcomes["admitted"] = len(records) - outcomes.total()
        self._running.check_ownership()
        await self._reject(refused)
        await outbox.flush()
        self.greatest = None if greatest < 0 else greatest
        self.position = self.cursor = records[-1].offset + 1
        for outcome, count in outcomes.items():
            stage.metrics.records.labels(tp.topic, outcome).inc(count)
        for reason, count in reasons.items():
            stage.metrics.rejected.labels(reason).inc(count)

    async def _reject(self, refused: Sequence[tuple[ConsumerRecord, Rejected]]) -> None:
        """Sends refused records on, and waits until all of them are there."""
        outbox = BatchWriter(self._running.producer)
        large = []
        for record, verdict in refused:
            if record.value is not None and len(record.value) > LARGE_BYTES:
                large.append((record, verdict))
            else:
                outbox.add(*self._stage.rejected(record, verdict))
        await outbox.flush()
        if large:
            await publish_large_rejects(self._stage.kafka, [self._stage.rejected(*each) for each in large])

    def stop(self) -> None:
        """Nothing here waits for anything but the broker."""

    async def close(self) -> None:
        """Nothing is kept of a source partition."""
        self._stage.metrics.forget_source(self._tp.topic, self._tp.partition)


class AdmitStage:
    """The stage over all source topics and `control`."""

    name = "admit"

    def __init__(
        self,
        settings: Settings,
        kafka: dict[str, Any],
        metrics: Metrics,
        follower: ControlFollower,
        partitions: int,
        clock: Clock,
    ) -> None:
        """Takes what its lanes need; `partitions` of the journal."""
        self.names = Topics(settings.prefix, settings.sources)
        self.group = f"{settings.prefix}.admit"
        self.topics = (*self.names.sources, self.names.control)
        self.settings = settings
        self.kafka = kafka
        self.metrics = metrics
        self.follower = follower
        self.partitions = partitions
        self.clock = clock
        self.control: ControlLane | None = None

    def lane(self, tp: TP, running: StageContext) -> "AdmitLane | ControlLane":
        """The lane of a source partition, or of `control`."""
        if tp.topic == self.names.control:
            self.control = ControlLane(self.settings, self.kafka, self.follower, self.partitions, running)
            return self.control
        return AdmitLane(tp, self, running)

    def rejected(self, record: ConsumerRecord, verdict: Rejected) -> RejectedRecord:
        """The record for `rejected`: as it came, with the reason and where it came from."""
        headers = [
            *record.headers,
            ("goldstream-reason", verdict.reason.encode()),
            ("goldstream-detail", verdict.detail.encode("utf-8", "replace")),
            ("goldstream-source", f"{record.topic}:{record.partition}:{record.offset}".encode()),
        ]
        return self.names.rejected, record.partition % self.partitions, record.key, record.value, headers
