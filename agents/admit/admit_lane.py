"""The lane of a source partition: it validates every record and appends the admitted ones to the journal."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from aiokafka import ConsumerRecord
from faust.types import TP

from agents.admit.control_lane import ControlLane
from agents.admit.dead_letters import LARGE_BYTES, RejectedRecord, publish_large_rejects
from agents.admit.journal_backlog import BACKLOG_RECORDS, CHUNK_RECORDS, JournalBacklog
from agents.control.control_follower import ControlFollower
from state.intake.admission import AdmissionRules, Admitted, Rejected, admit
from streams.clock import Clock
from streams.engine.fetch_pace import FetchPace
from streams.engine.lane import StageContext, StatelessLane
from streams.kafka.broker import Broker
from streams.kafka.topics import Topics
from streams.kafka.watched_broker import WatchedBroker
from streams.kafka.writing.batch_writer import BatchWriter
from streams.kafka.writing.write_round import WriteRounds
from streams.settings.settings import Settings
from streams.telemetry.metrics import Metrics
from streams.telemetry.waits import Wait
from streams.wire.journal_batch import JournalBatch

FETCH_PACE: Final = FetchPace(0.010, burst=10)
"""At a high rate this also sets the pace of `segment`, whose fetch returns with each write to the journal."""


class AdmitLane(StatelessLane):
    """Validates the records of one source partition and journals them in their order.

    Attributes:
        position: everything below this offset is in the journal; -1 until it is known.
        max_occurred_at: the greatest `occurred_at` in the journal, in milliseconds; None before the first.
    """

    def __init__(self, tp: TP, stage: "AdmitStage", context: StageContext) -> None:
        self.cursor = -1
        self.position = -1
        self.max_occurred_at: int | None = None
        self._tp = tp
        self._source = stage.names.short(tp.topic)
        self._kind = self._source.rpartition(".")[2]  # the short name of another prefix's topic has that prefix in it
        self._stage = stage
        self._context = context
        self.waiter = context.waits.waiter()
        self._broker = WatchedBroker(stage.broker, self.waiter)
        self._rules: AdmissionRules | None = None
        self._is_closing = False

    async def recover(self) -> None:
        """Wait until the journal has a policy, then start at the committed offset."""
        with self.waiter.on(Wait.POLICY, "the first policy"):
            self._rules = await self._stage.follower.wait_for_policy()
        start = await self._context.committed_start(self._tp)
        if self._stage.settings.time == "event":
            await self._recover_max_occurred_at(start)
        self.position = self.cursor = start

    async def _recover_max_occurred_at(self, start: int) -> None:
        """Find the greatest moment below `start`: that of the last report, and of what was journaled after it."""
        rules, tp = self._rules, self._tp
        assert rules is not None
        report = self._stage.follower.source_watermarks.get(f"{self._source}:{tp.partition}")
        self.max_occurred_at = None if report is None else report.time
        begin = None if report is None else report.position
        if begin is not None and begin >= start:
            return
        async for batch in self._broker.read(tp.topic, tp.partition, begin, start):
            for record in batch:
                result = admit(self._kind, tp.partition, record.offset, record.value, rules, None)
                if isinstance(result, Admitted):
                    self.max_occurred_at = max(self.max_occurred_at or 0, result.event.occurred_at)

    async def process(self, records: Sequence[ConsumerRecord]) -> None:
        """Journal or reject each record, and return when all of that is acknowledged."""
        backlog = self._stage.backlog
        if backlog is None or len(records) < BACKLOG_RECORDS:
            await self._journal(records)
            return
        for begin in range(0, len(records), CHUNK_RECORDS):
            with self.waiter.on(Wait.LANES, "the lanes to fold what is in the journal"):
                await backlog.wait_for_room(lambda: self._is_closing)
            await self._journal(records[begin : begin + CHUNK_RECORDS])

    async def _journal(self, records: Sequence[ConsumerRecord]) -> None:
        stage, tp, source, kind = self._stage, self._tp, self._source, self._kind
        rules = stage.follower.admission_rules or self._rules
        assert rules is not None
        now_ms = None if stage.settings.time == "event" else stage.clock.wall_ms()
        self._context.check_ownership()
        written = stage.rounds.current(self._context.producer)
        journal = [written.to(stage.names.journal, number) for number in range(stage.partitions)]
        highest = -1 if self.max_occurred_at is None else self.max_occurred_at
        batch = JournalBatch(source, kind, tp.partition, highest, journal)
        batch.admit_all(records, rules, now_ms)
        await self._publish_rejects(batch.rejects)
        with self.waiter.on(Wait.ACKNOWLEDGEMENT, f"acknowledgements of {stage.names.journal}"):
            await written.written()
        if stage.backlog is not None:
            stage.backlog.note_ends(written.ends)
        self.max_occurred_at = None if batch.max_occurred_at < 0 else batch.max_occurred_at
        self.position = self.cursor = records[-1].offset + 1
        outcomes = {"rejected": len(batch.rejects), "anonymous": batch.anonymous_count}
        outcomes["admitted"] = len(records) - sum(outcomes.values())
        for outcome, count in outcomes.items():
            stage.metrics.records.labels(tp.topic, outcome).inc(count)
        for reason, count in Counter(result.reason for _, result in batch.rejects).items():
            stage.metrics.rejected.labels(reason).inc(count)

    async def _publish_rejects(self, rejects: Sequence[tuple[ConsumerRecord, Rejected]]) -> None:
        """Send rejected records to the dead-letter topic, and return when all are acknowledged."""
        writer = BatchWriter(self._context.producer, self.waiter)
        large = []
        for record, result in rejects:
            if record.value is not None and len(record.value) > LARGE_BYTES:
                large.append((record, result))
            else:
                writer.add(*self._stage.dead_letter(self._tp, record, result))
        await writer.flush()
        if large:
            await publish_large_rejects(self._broker, [self._stage.dead_letter(self._tp, *each) for each in large])

    def stop(self) -> None:
        """End the wait for the lanes."""
        self._is_closing = True

    async def close(self) -> None:
        """Remove the gauges of the partition."""
        self._stage.metrics.forget_source(self._tp.topic, self._tp.partition)


class AdmitStage:
    """The stage over all source topics and `control`.

    Attributes:
        control: the lane of `control`, once this worker had it.
        rounds: in which the lanes write to the journal.
        backlog: what a backlog of source records waits for; None in event mode, where nothing is live.
    """

    name = "admit"
    fetch_pace = FETCH_PACE

    def __init__(
        self,
        settings: Settings,
        broker: Broker,
        metrics: Metrics,
        follower: ControlFollower,
        partitions: int,
        clock: Clock,
    ) -> None:
        """Take what the lanes need; `partitions` are those of the journal."""
        self.names = Topics(settings.prefix, settings.sources)
        self.group = f"{settings.prefix}.admit"
        self.topics = (*self.names.sources, self.names.control)
        self.settings = settings
        self.broker = broker
        self.metrics = metrics
        self.follower = follower
        self.partitions = partitions
        self.clock = clock
        self.control: ControlLane | None = None
        self.rounds = WriteRounds()
        self.backlog = JournalBacklog(follower.source_watermarks, clock) if settings.time == "wall" else None

    def lane(self, tp: TP, context: StageContext) -> "AdmitLane | ControlLane":
        """Return a new lane of a source partition, or of `control`."""
        if tp.topic == self.names.control:
            self.control = ControlLane(self.settings, self.broker, self.follower, self.partitions, context, self.clock)
            return self.control
        return AdmitLane(tp, self, context)

    def dead_letter(self, tp: TP, record: ConsumerRecord, result: Rejected) -> RejectedRecord:
        """Return the record for the topic `rejected`: unchanged, with headers for the reason and the origin."""
        headers = [
            *record.headers,
            ("goldstream-reason", result.reason.encode()),
            ("goldstream-detail", result.detail.encode("utf-8", "replace")),
            ("goldstream-source", f"{tp.topic}:{tp.partition}:{record.offset}".encode()),
        ]
        return self.names.rejected, tp.partition % self.partitions, record.key, record.value, headers
