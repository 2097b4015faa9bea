"""A worker with the stage segment alone, on one journal partition of a broker in memory."""

from collections.abc import Iterable
from typing import Any, cast

from aiokafka.errors import KafkaError
from faust.types import TP
from prometheus_client import CollectorRegistry

from agents.segment.segment_lane import SegmentLane, SegmentStage
from streams.engine.lane import OwnershipLost, StageContext
from streams.tables.warm_tables import WarmTables
from streams.telemetry.metrics import Metrics
from tests.lanes.memory_broker import Crash, MemoryBroker
from tests.property.folding import NUMBER, PREFIX, TOPICS, Entry, WrittenState
from tests.property.profile_comparison import state_of_written

METRICS = Metrics(CollectorRegistry())
OUTPUTS = (TOPICS.segment_changes, TOPICS.offers, TOPICS.reactivations, TOPICS.suppressions, TOPICS.outcomes)


class SegmentWorker:
    """One process, with the tables that it keeps between one lane and the next.

    Attributes:
        producer: of the stage, which starts with a new one when a lane opens.
    """

    def __init__(self, broker: MemoryBroker) -> None:
        self.broker = broker
        self.producer = broker.producer()
        self.context = StageContext(lambda: cast("Any", self.producer), _no_start, broker.clock)
        self.warm_tables = WarmTables(broker.clock, standby=True)
        self._stage = SegmentStage(TOPICS, broker, METRICS, PREFIX, self.warm_tables, broker.clock)

    async def open(self, *, slice_size: int = 2) -> SegmentLane:
        """Open a lane and let it recover."""
        self.producer = self.broker.producer()
        self.context.note_heartbeat()
        lane = self._stage.lane(TP(TOPICS.journal, NUMBER), self.context)
        await lane.recover()
        lane.partition.slice_size = slice_size
        return lane

    async def work(self, lane: SegmentLane, end: int | None = None, *, batch_records: int = 3) -> None:
        """Process the rest of the journal, with 0.3 s between batches; then close the lane."""
        journal = self.broker.records(TOPICS.journal, NUMBER)[:end]
        for begin in range(lane.cursor, len(journal), batch_records):
            await lane.process(journal[begin : begin + batch_records])
            self.pass_time(0.3)
        self.pass_time(5)  # the daily totals are due
        await lane.checkpoint()
        lane.stop()
        await lane.checkpoint()
        await lane.close()

    def pass_time(self, seconds: float) -> None:
        """Advance the clock; heartbeats are answered meanwhile."""
        self.broker.clock.advance(seconds)
        self.context.note_heartbeat()


async def _no_start(_tp: TP) -> int:
    raise AssertionError("a lane of the journal starts where its progress says")


def append_journal(broker: MemoryBroker, entries: Iterable[Entry]) -> None:
    """Append entries to the journal."""
    for entry in entries:
        broker.append(TOPICS.journal, NUMBER, entry.customer_id.encode(), entry.value)


async def work_until_done(broker: MemoryBroker) -> int:
    """Run workers until one reaches the end of the journal; return how many died or failed.

    A worker that dies is replaced by a new process; after a failed delivery, the stage starts again in the same one.
    """
    failures, worker = 0, SegmentWorker(broker)
    while True:
        lane = None
        try:
            lane = await worker.open()
            await worker.work(lane)
        except Crash:
            failures, worker = failures + 1, SegmentWorker(broker)
        except (KafkaError, OwnershipLost):
            failures += 1
            if lane is not None:
                await lane.close()
        else:
            return failures


def result_of(broker: MemoryBroker) -> dict[str, Any]:
    """Return everything written: outputs in order without repeats, daily totals, and state."""
    outputs = {
        topic: list(dict.fromkeys((each.key, each.value, tuple(each.headers)) for each in broker.records(topic)))
        for topic in OUTPUTS
    }
    written = WrittenState(broker)
    return {"outputs": outputs, "daily": written.daily(), **state_of_written(written)}
