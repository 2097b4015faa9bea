"""The product's path from published events to outputs, without Kafka: admit, journal, fold, write.

A lane writes to a broker in memory, so that a fold can be stopped anywhere and continued by another that has only
these bytes. Writing in order, and recovering, is the product's own code: `agents.segment.write_plan` and
`agents.segment.recovery`.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, TypeVar, cast

import msgspec

from agents.segment.commit_policy import PUBLISH_SECONDS, DailyPublisher
from agents.segment.recovery import recover_partition, remove_erased
from agents.segment.write_plan import CapturedBatch, WritePlan, Writers, WriteStep
from state.config.campaigns import parse_campaigns
from state.config.policy_reader import parse_policy
from state.customer.profile import Profile
from state.customer.referrals import referral_of
from state.fold.partition import Partition
from state.intake.admission import AdmissionRules, Admitted, admit
from state.records.erasure import Erasure, decode_erasure
from state.records.events import (
    FORMAT_VERSION,
    Arrival,
    CampaignsApplied,
    JournalRecord,
    PolicyApplied,
    Tick,
    decode_record,
    encode_record,
)
from state.records.outputs import Output
from streams.engine.lane import StageContext
from streams.kafka.topics import Topics
from streams.kafka.writing.batch_writer import Headers
from streams.tables.customers_table import CustomersTable
from streams.tables.progress import PROGRESS_KEY
from streams.tables.warm_tables import WarmTable, recover_table
from streams.wire.cloudevents import CloudEvents, PublishedRecord
from streams.wire.output_batch import OutputBatch
from tests.lanes.memory_broker import MemoryBroker, by_key
from tests.oracle import moments

PREFIX: Final = "shop"

_SOURCES: Final = {
    "purchase": "purchases",
    "refund": "refunds",
    "signup": "signups",
    "consent": "consents",
    "contact": "contacts",
    "erasure": "erasures",
}
TOPICS: Final = Topics(PREFIX)
NUMBER: Final = 0
"""The partition number of every `Lane`."""
_EVENTS: Final = CloudEvents(TOPICS, PREFIX)

Result = TypeVar("Result")


_policy_of = lru_cache(maxsize=256)(parse_policy)
_campaigns_of = lru_cache(maxsize=256)(parse_campaigns)


@dataclass(frozen=True)
class Entry:
    """A record of the journal: its key and its value; its offset is its index."""

    customer_id: str
    value: bytes


def journal_of(
    steps: Iterable[Mapping[str, Any]], *, one_topic: bool = True, repeats: Mapping[int, int] = MappingProxyType({})
) -> list[Entry]:
    """Return what the stage admit journals for the steps.

    Args:
        steps: as the oracle takes them, the first one a policy.
        one_topic: whether all events are published to `events`; else each to the topic of its type.
        repeats: how many of the last records of its source are journaled a second time after a step, as by a worker
            that died before it committed them.

    Raises:
        AssertionError: An event was rejected.
    """
    journal: list[Entry] = []
    written: dict[str, list[list[Entry]]] = defaultdict(list)
    rules: AdmissionRules | None = None
    for number, step in enumerate(steps):
        kind, customer_id = step["type"], ""
        source = "control" if kind in ("tick", "policy", "campaigns") else "events" if one_topic else _SOURCES[kind]
        offset = len(written[source])
        record: JournalRecord
        referral = None
        if kind == "tick":
            journal.append(Entry("", encode_record(Tick(moments.parse(step["at"]), None))))
            continue
        if kind == "policy":
            policy = _policy_of(step["text"])
            rules = AdmissionRules(policy.currency, policy.digits, policy.rates)
            record = PolicyApplied(source, 0, offset, step["text"])
        elif kind == "campaigns":
            begins_at = moments.parse(step["begins_at"]) if "begins_at" in step else None
            record = CampaignsApplied(source, 0, offset, _campaigns_of(step["text"]).text, begins_at)
        else:
            assert rules is not None
            result = admit(source, 0, offset, json.dumps(step).encode(), rules, None)
            assert isinstance(result, Admitted), (result, step)
            record, customer_id = result.event, result.customer_id
            if record.backfill:
                record = msgspec.structs.replace(
                    record, horizon=moments.parse(step.get("admitted_at") or step["occurred_at"])
                )
            referral = referral_of(customer_id, record)
        version = step.get("format", FORMAT_VERSION)
        written[source].append([Entry(customer_id, encode_in_format(record, version))])
        if referral is not None:
            written[source][-1].append(Entry(referral[0], encode_in_format(referral[1], version)))
        journal += written[source][-1]
        for entries in written[source][-repeats[number] :] if number in repeats else []:
            journal += entries
    return journal


def encode_in_format(record: JournalRecord, version: int) -> bytes:
    """Return the value of a record in the current format of the journal, or of an event in format 2."""
    value = encode_record(record)
    if version == FORMAT_VERSION:
        return value
    fields = msgspec.msgpack.decode(value[1:])
    return bytes([version]) + msgspec.msgpack.encode(fields[: -len(Arrival.__struct_fields__)])


@dataclass(frozen=True)
class Crash:
    """A lane is killed while it writes the output of a batch.

    Attributes:
        first_offset: the offset of the batch's first record; everything before it is written.
        last_offset: the offset of the batch's last record.
        slices: how many writes in the middle of the last record succeed, if it is a tick, a policy or campaigns and has
            so many.
        step: the step of the write plan in which the lane is killed; all steps before it are written.
        written: the indexes of the records of that step that are written.
        write_every: after how many records a write without progress follows; 0 for never.
        ahead: of how many batches before the last one the outputs are sent, but not the table.
    """

    first_offset: int
    last_offset: int
    slices: int = 0
    step: WriteStep = WriteStep.OUTPUTS
    written: Collection[int] = frozenset()
    write_every: int = 0
    ahead: int = 0


class Killed(Exception):
    """The lane is dead."""


class CrashingWriter:
    """Writes to a broker in memory at once, without an event loop, and raises `Killed` in the step of a crash.

    Attributes:
        plan: names the current step.
        published: every output that was written, in order.
        crash_at: the step in which it dies, and the indexes of its records that are written; None for never.
    """

    def __init__(self, broker: MemoryBroker) -> None:
        self.ends: dict[tuple[str, int], int] = {}
        self.plan: WritePlan | None = None
        self.crash_at: tuple[WriteStep, Collection[int]] | None = None
        self._added: list[tuple[WriteStep, str, tuple[Any, ...]]] = []
        self._broker = broker
        self._topic = ""
        self.published: list[PublishedRecord] = []

    def to(self, topic: str, partition: int) -> "CrashingWriter":
        """Return where records of a topic are added."""
        assert partition == NUMBER
        self._topic = topic
        return self

    def add(
        self, key: bytes | None, value: bytes | None, headers: Headers | None = None, timestamp: int | None = None
    ) -> None:
        """Add a record."""
        assert self.plan is not None
        assert timestamp is None
        self._added.append((self.plan.step, self._topic, (key, value, headers)))

    def take(self) -> "CrashingWriter":
        """Return the writer itself, which is flushed before anything is added to it again."""
        return self

    async def flush(self, _on_queued: Callable[[], None] | None = None) -> None:
        """Write all added records, or some of them before dying."""
        assert self.plan is not None
        added, self._added = self._added, []
        if self.crash_at is None or self.plan.step < self.crash_at[0]:
            self._write(added)
            return
        step, written = self.crash_at
        self._write([each for each in added if each[0] < step])
        self._write([each for index, each in enumerate(each for each in added if each[0] is step) if index in written])
        raise Killed

    def _write(self, records: Iterable[tuple[WriteStep, str, tuple[Any, ...]]]) -> None:
        for step, topic, record in records:
            self._broker.append(topic, NUMBER, *record)
            self.ends[topic, NUMBER] = self._broker.log(topic, NUMBER).end
            if step is WriteStep.OUTPUTS:
                self.published.append((topic, *record))


class WrittenState:
    """What a lane has written, which is what another one recovers."""

    def __init__(self, broker: MemoryBroker) -> None:
        self.broker = broker

    @property
    def changelog(self) -> dict[bytes, bytes]:
        """Return the changelog, compacted."""
        return self._compacted(TOPICS.customers)

    @property
    def progress(self) -> bytes | None:
        """Return the progress record."""
        return self._compacted(TOPICS.progress).get(PROGRESS_KEY)

    @property
    def texts(self) -> dict[bytes, bytes]:
        """Return the policies and campaigns stored with the progress."""
        return {key: value for key, value in self._compacted(TOPICS.progress).items() if key != PROGRESS_KEY}

    def daily(self) -> dict[str, bytes]:
        """Return the last published totals of each day."""
        return {key.decode().partition(":")[0]: value for key, value in self._compacted(TOPICS.daily).items()}

    def erasures(self) -> dict[bytes, Erasure]:
        """Return the erasure ledger."""
        return {key: decode_erasure(value) for key, value in self._compacted(TOPICS.erasure_ledger).items()}

    def table(self) -> CustomersTable:
        """Compact the topics, and return the table as a lane recovers it."""
        self.compact()
        broker = self.broker
        warm = drive(recover_table(broker, TOPICS.customers, NUMBER, None, broker.clock, _nothing, _nothing))
        remove_erased(warm.table, self.erasures())
        return warm.table

    def profiles(self) -> dict[str, Profile]:
        """Return the profiles of all known customers."""
        table = self.table()
        profiles = {customer_id: table.get(customer_id) for customer_id in table.ids()}
        return {customer_id: profile for customer_id, profile in profiles.items() if profile is not None}

    def recover(self, warm: WarmTable | None = None) -> tuple[Partition, WarmTable]:
        """Recover as a lane does."""
        clock = self.broker.clock
        recovered = drive(recover_partition(self.broker, TOPICS, NUMBER, warm, clock, _nothing, _nothing))
        return recovered.partition, recovered.warm

    def compact(self) -> None:
        """Compact all topics that a lane recovers from."""
        for topic in (TOPICS.customers, TOPICS.erasure_ledger, TOPICS.progress):
            self.broker.log(topic, NUMBER).compact()

    def _compacted(self, topic: str) -> dict[bytes, bytes]:
        return by_key(self.broker.records(topic, NUMBER))


class Lane:
    """Folds a journal, and writes the outputs and the state by the product's write plan.

    Attributes:
        published: every output that was sent, in order.
        duplicates: the fold's counts by type of event.
        dropped: the fold's counts by reason.
    """

    def __init__(self, journal: Sequence[Entry], slice_size: int = 10_000, *, publishes_days: bool = False) -> None:
        """Start with nothing written.

        Args:
            journal: the records to fold.
            slice_size: how many customers a record may touch between two writes.
            publishes_days: whether daily totals are published, at every write.
        """
        self.journal = journal
        self.slice_size = slice_size
        self.publishes_days = publishes_days
        self.written = WrittenState(MemoryBroker())
        self.duplicates: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.writer = CrashingWriter(self.written.broker)
        self.published = self.writer.published
        self.recover()

    @property
    def pending_outputs(self) -> list[Output]:
        """Return the outputs that no batch has taken yet."""
        return self.outputs.out

    def recover(self, warm: WarmTable | None = None) -> None:
        """Discard everything except what was written, or what is in a warm table."""
        clock = self.written.broker.clock
        self._unwritten: list[CapturedBatch] = []
        self.partition, self.warm = self.written.recover(warm)
        self.partition.slice_size = self.slice_size
        self.table = self.warm.table
        self.outputs = OutputBatch(_EVENTS, self.writer, NUMBER)
        self.context = StageContext(_nothing, _nothing, clock)
        daily = DailyPublisher(self.partition, self.table.days, clock) if self.publishes_days else None
        self.plan = self.writer.plan = WritePlan(
            TOPICS, NUMBER, self.partition, self.warm, Writers(self.writer, self.writer), self.context, daily
        )

    def run(self, writes: Collection[int] = (), recoveries: Collection[int] = (), end: int | None = None) -> "Lane":
        """Fold to the end; write after each offset in `writes`, and write and recover after each in `recoveries`."""
        for offset in range(self.partition.progress.offset, len(self.journal) if end is None else end):
            self.fold(offset)
            if offset in writes or offset in recoveries:
                self.write()
            if offset in recoveries:
                self.written.compact()
                self.recover()
        self.write()
        return self

    def fold(self, offset: int) -> None:
        """Fold one record, with writes in the middle of it if it touches many customers."""
        while not self.apply(offset):
            self.write(whole=False)

    def apply(self, offset: int) -> bool:
        """Fold one record, or a slice of it; return whether it is done."""
        entry = self.journal[offset]
        if not self.partition.apply(offset, entry.customer_id, decode_record(entry.value), self.pending_outputs):
            return False
        self.partition.progress.offset = offset + 1
        return True

    def write(self, *, whole: bool = True) -> None:
        """Write everything that was folded, and the progress unless that is in the middle of a record."""
        self.written.broker.clock.advance(PUBLISH_SECONDS)
        self.context.note_heartbeat()
        self._write_batch(whole=whole)
        if whole:
            drive(self.plan.checkpoint())
        counters = self.partition.counters
        self.duplicates += counters.duplicates
        self.dropped += counters.dropped
        counters.duplicates.clear()
        counters.dropped.clear()

    def _write_batch(self, ahead: int = 0, *, whole: bool = True) -> None:
        """Run the first part of the write plan; the rest is not due if no time has passed.

        The outputs are sent; the tables of the last `ahead` batches wait for the next call, or for the end in a crash.
        """
        self._unwritten.append(self._publish(whole=whole))
        while len(self._unwritten) > ahead:
            drive(self.plan.write_table(self._unwritten.pop(0)))

    def _publish(self, *, whole: bool = True) -> CapturedBatch:
        """Send outputs, ahead of the table."""
        self.outputs.take(0, by_tick=False)
        captured = self.plan.capture(whole=whole)
        drive(self.plan.publish(captured))
        return captured

    def crash(self, crash: Crash) -> None:
        """Continue from the progress, die as the crash says, and recover what was written."""
        self.run(end=crash.first_offset)
        at = min(max(crash.last_offset, self.partition.progress.offset), len(self.journal) - 1)
        for count, offset in enumerate(range(self.partition.progress.offset, at), 1):
            self.fold(offset)
            if crash.write_every and count % crash.write_every == 0:
                self._write_batch(max(0, crash.ahead - 1))
        if crash.ahead:
            self._write_batch(crash.ahead)
        slices, whole = 0, False
        while not (whole := self.apply(at)) and slices < crash.slices:
            self._write_batch(crash.ahead, whole=False)
            slices += 1
        self.writer.crash_at = crash.step, crash.written
        with suppress(Killed):
            self.write(whole=whole)
        self.writer.crash_at = None
        self.written.compact()
        self.recover()


def drive(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine that never waits, without an event loop: there are hundreds of thousands of writes.

    Raises:
        AssertionError: The coroutine waited.
    """
    try:
        work.send(None)
    except StopIteration as done:
        return cast("Result", done.value)
    raise AssertionError("the coroutine waited for something")


def _nothing(*_: Any) -> Any:
    """Stand in for callbacks that these tests do not need."""
