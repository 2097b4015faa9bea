"""A worker with the stage admit alone, on a broker in memory, with some source partitions and perhaps `control`."""

import json
from collections.abc import Collection, Iterable
from typing import Any, cast

from faust.types import TP
from prometheus_client import CollectorRegistry

from agents.admit.admit_lane import AdmitLane, AdmitStage
from agents.admit.timekeeper import Timekeeper
from agents.control.control_follower import ControlFollower
from state.records.events import JournalRecord, Tick, decode_record
from streams.engine.lane import Lane, StageContext
from streams.kafka.control import decode_control
from streams.settings.settings import Settings, load_settings
from streams.telemetry.metrics import Metrics
from tests.lanes.memory_broker import MemoryBroker, MemoryProducer
from tests.oracle import moments
from tests.property.folding import PREFIX, TOPICS

METRICS = Metrics(CollectorRegistry())
SOURCES = tuple(TP(topic, 0) for topic in TOPICS.sources)
"""One partition of each source topic."""

for source in TOPICS.sources:
    METRICS.add_source(source)


class Group:
    """A consumer group with what it has committed, which outlives its workers."""

    def __init__(
        self,
        broker: MemoryBroker,
        *,
        time: str = "wall",
        lateness: str = "5s",
        partitions: int = 1,
        sources: str = "",
    ) -> None:
        """Take the broker and settings; `partitions` are those of the journal, `sources` other prefixes."""
        self.broker = broker
        environ = {"PREFIX": PREFIX, "TIME": time, "LATENESS": lateness} | ({"SOURCES": sources} if sources else {})
        self.settings: Settings = load_settings(
            environ={f"GOLDSTREAM_{name}": value for name, value in environ.items()}
        )
        self.partitions = partitions
        self.committed: dict[TP, int] = {}

    def worker(self, owned: Collection[TP] = SOURCES, *, owns_control: bool = True) -> "AdmitWorker":
        """Return a new process that owns these source partitions."""
        return AdmitWorker(self, owned, owns_control=owns_control)

    def journal(self, partition: int = 0) -> list[JournalRecord]:
        """Return the records of a journal partition."""
        return [decode_record(record.value) for record in self.broker.records(TOPICS.journal, partition)]

    def ticks(self, partition: int = 0) -> list[int]:
        """Return the moments of the journaled ticks."""
        return [record.at for record in self.journal(partition) if isinstance(record, Tick)]


class AdmitWorker:
    """One process, which is also what its timekeeper needs of a running `Stage`.

    Attributes:
        failure: the error with which the timekeeper stopped the stage.
    """

    def __init__(self, group: Group, owned: Collection[TP], *, owns_control: bool) -> None:
        broker = group.broker
        self.group = group
        self.producer: MemoryProducer = broker.producer()
        self.follower = ControlFollower(group.settings)
        self.context = StageContext(lambda: cast("Any", self.producer), self._committed_start, broker.clock)
        self.waits = self.context.waits
        self.failure: BaseException | None = None
        self._stage = AdmitStage(group.settings, broker, METRICS, self.follower, group.partitions, broker.clock)
        self._owned = [*([TP(TOPICS.control, 0)] if owns_control else []), *owned]
        self._lanes: dict[TP, Lane] = {}
        self.timekeeper = Timekeeper(self._stage, cast("Any", self))

    async def open(self) -> None:
        """Open the lanes; that of `control` first, since the others wait for its rules."""
        for tp in self._owned:
            self._lanes[tp] = self.new_lane(tp)
            await self.follow()
            await self._lanes[tp].recover()
            if tp.topic == TOPICS.control:
                await self.process(tp)

    def new_lane(self, tp: TP) -> Lane:
        """Return a lane that has not recovered."""
        return self._stage.lane(tp, self.context)

    async def process(self, tp: TP, records: int | None = None) -> None:
        """Process the next records of a partition, and commit."""
        lane = self._lanes[tp]
        waiting = [each for each in self.group.broker.records(*tp) if each.offset >= lane.cursor][:records]
        if waiting:
            await lane.process(waiting)
        self.group.committed[tp] = lane.committable_offset

    async def process_all(self, *, batch_records: int = 2) -> None:
        """Process all unread records, in batches."""
        for tp, lane in self._lanes.items():
            while lane.cursor < self.group.broker.log(*tp).end:
                await self.process(tp, batch_records)

    async def follow(self) -> None:
        """Read the rules and the reports of other workers, as the follower of the process does."""
        for record in self.group.broker.records(TOPICS.control):
            rules = decode_control(record.value, record.offset)
            assert rules is not None
            self.follower.apply(rules)
        for record in self.group.broker.records(TOPICS.source_times):
            self.follower._note_watermark(record.key, record.value)

    async def keep_time(self) -> None:
        """Run two rounds of the timekeeper, the second with the reports of the first; heartbeats are answered."""
        self.context.note_heartbeat()
        async with self.group.broker.connect_for_ends() as offsets:
            await self.timekeeper.run_round(offsets)
            await self.follow()
            await self.timekeeper.run_round(offsets)

    def lane(self, tp: TP) -> AdmitLane:
        """Return the lane of a source partition."""
        lane = self._lanes[tp]
        assert isinstance(lane, AdmitLane)
        return lane

    # What the timekeeper needs of a `Stage`.

    def lanes(self) -> dict[TP, Lane]:
        """Return the open lanes."""
        return self._lanes

    def queued(self) -> dict[TP, int]:
        """Return how many records wait in each lane."""
        return dict.fromkeys(self._lanes, 0)

    def fail(self, error: BaseException) -> None:
        """Stop the stage."""
        self.failure = error

    async def _committed_start(self, tp: TP) -> int:
        return self.group.committed.get(tp, 0)


def publish(broker: MemoryBroker, topic: str, events: Iterable[dict[str, Any] | bytes]) -> None:
    """Publish events, or bytes that are none, to partition 0 of a source topic, each dated a minute ago."""
    occurred_at = moments.text(broker.clock.wall_ms() - 60_000)
    for event in events:
        value = event if isinstance(event, bytes) else json.dumps({"occurred_at": occurred_at} | event).encode()
        broker.append(topic, 0, None, value)


def purchase(number: int, customer_id: str | None = "a", **fields: object) -> dict[str, Any]:
    """Return a purchase; an anonymous one without a customer."""
    event = {"type": "purchase", "event_id": f"e{number}", "order_id": f"o{number}", "amount": "7.00"}
    customer = {} if customer_id is None else {"customer_id": customer_id}
    return event | customer | {"currency": "RUB"} | fields
