"""The write plan: in which order a lane writes what a batch of the journal produced, and why.

A worker may die between any two steps and within any of them. Each step is sent only after Kafka has acknowledged the
one before, so a crash leaves a beginning of this list, and a part of one step:

     step               topic             why it has this place
     1  outputs         one for each kind Before every fence (6, 10): a fenced record is not folded again, so an output
                                          that was not sent before would be lost. Sent again, it has the same id.
     2  day totals      customers         Before every fence (3, 6, 10): a record is counted once, since a day knows
                                          the last record that it counts.
     3  erasure ledger  erasure-ledger    Before the tombstone (6): a customer who returns continues the `seq`.
                                          Recovery removes a profile that the ledger names.
     4  stale chunks    customers         Tombstones of chunks that a crash left: before a new chunk takes the number.
     5  chunks          customers         Of long histories: before the profile that refers to them.
     6  profiles        customers         A fence: a record at or below a profile's offset does not change it again.
                                          Tombstones of erased customers as well.
     7  old chunks      customers         Tombstones: after the profile that no longer refers to them.
        The batch is durable: `cursor` moves. The rest may be postponed (`agents.segment.commit_policy`).
     8  daily           daily             Only what is written is published, so that every publication can be repeated.
     9  daily mark      customers         After 8: without the mark, recovery publishes the days again.
    10  progress        progress          The rules that it refers to, then the progress, in one request. A fence: a
                                          record at or below its source's offset is not folded again. A lane that
                                          recovers with an older progress folds again what the table already has.
        `committable_offset` moves: Faust commits it.

A record that touches many customers (a tick, a policy) is written in slices, each with steps 1 to 7; `cursor` moves
after the last one.

Folding waits for none of this, and the outputs of a batch do not wait for the batches before it: while steps 1 to 7 of
up to two batches are under way, the next one is folded and its step 1 sent (`agents.segment.batch_pipeline`). Outputs
that are ahead of the table are sent again after a crash, with the same ids and contents. So a batch is captured as it
is folded: its records of steps 1 to 7 are encoded before anything further is folded. Those of steps 2 to 7 are sent
after the table of the batch before, and after the outputs of their own. Steps 8 to 10 refer to everything that was
folded, so they wait until no batch is under way.

Before each step the plan checks that the group still confirms this worker. A request that a replaced worker has
already sent is refused by the broker (decision 0008).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import IntEnum
from typing import NamedTuple

from agents.segment.commit_policy import CheckpointTimer, DailyPublisher
from state.customer.segment_forecast import SegmentForecast
from state.daily.day_store import Record
from state.fold.partition import Partition
from state.records.erasure import Erasure, encode_erasure
from streams.engine.lane import StageContext
from streams.kafka.topics import Topics
from streams.kafka.writing.batch_writer import Writer
from streams.tables.progress import PROGRESS_KEY, RULES_KEY, encode_progress
from streams.tables.warm_tables import WarmTable


class WriteStep(IntEnum):
    """The steps in the order in which they run; the table above says why."""

    OUTPUTS = 1
    DAY_TOTALS = 2
    ERASURE_LEDGER = 3
    STALE_CHUNKS = 4
    CHUNKS = 5
    PROFILES = 6
    OLD_CHUNKS = 7
    DAILY = 8
    DAILY_MARK = 9
    PROGRESS = 10


StepRecords = tuple[WriteStep, str, list[Record]]
"""A step, the topic that it writes to, and its records."""


class CapturedBatch(NamedTuple):
    """Steps 1 to 7 of what was folded.

    Attributes:
        outputs: has the records of step 1.
        steps: the records of steps 2 to 7.
        offset: the offset of the journal up to which everything is durable once they are written.
        whole: False in the middle of a record.
        erasures: those among them, by the key in the ledger.
    """

    outputs: Writer
    steps: list[StepRecords]
    offset: int
    whole: bool
    erasures: Mapping[bytes, Erasure]

    @property
    def changes_table(self) -> bool:
        """Whether steps 2 to 7 have any records."""
        return any(records for _, _, records in self.steps)


class Writers(NamedTuple):
    """Two that send at the same time: one for the outputs, one for everything else."""

    outputs: Writer
    table: Writer


class WritePlan:
    """Writes for one journal partition; the only object of a lane that does.

    Attributes:
        writer: where outputs are added while a batch is folded; all other records are added by the steps.
        step: the step that is under way, or that comes next.
        cursor: the offset of the journal up to which everything is durable.
        committable_offset: the offset up to which the progress is written too.
        is_whole: whether everything that was folded is written.
        on_erased: called with erasures once they are in the ledger and their customers' profiles are gone.
        is_closing: set when there may be no later checkpoint, so that the next one publishes the daily totals.
    """

    def __init__(
        self,
        topics: Topics,
        number: int,
        partition: Partition,
        warm: WarmTable,
        writers: Writers,
        context: StageContext,
        daily: DailyPublisher | None,
    ) -> None:
        """Plan the writes of `partition`, which was recovered with the table `warm`.

        Args:
            topics: the topics to write to.
            number: of the partition.
            partition: the fold, with everything recovered.
            warm: its table, whose `position` and `as_of` follow what is written.
            writers: send records.
            context: knows the time, and whether the partition is still this worker's.
            daily: what to publish of the days; None for nothing.
        """
        self.writer, self._table_writer = writers
        self.step = WriteStep.OUTPUTS
        self.cursor = self.committable_offset = partition.progress.offset
        self.is_whole = True
        self.is_closing = False
        self.on_erased: Callable[[Mapping[bytes, Erasure]], None] = lambda _: None
        self._last_captured: CapturedBatch | None = None
        self._topics = topics
        self._number = number
        self._partition = partition
        self._warm = warm
        self._context = context
        self._timer = CheckpointTimer(context.clock)
        self._daily = daily
        self._wrote = False
        self._advance_offset = partition.progress.advance_offset

    def begin_fold(self) -> None:
        """Note that something is folded from now on that is not captured yet."""
        self._last_captured, self.is_whole = None, False

    def capture(self, *, whole: bool) -> CapturedBatch:
        """Return what was folded since the last capture, encoded, for `publish` and then `write_table`.

        Args:
            whole: False in the middle of a record, which will be folded further: `cursor` stays before it.
        """
        erasures, self._partition.new_erasures = self._partition.new_erasures, {}
        steps = list(self._table_steps(erasures, whole=whole))
        captured = CapturedBatch(self.writer.take(), steps, self._partition.progress.offset, whole, erasures)
        self._last_captured = captured
        self._wrote = self._wrote or captured.changes_table
        if whole:
            self._timer.note_batch(wrote=self._wrote)
            self._wrote = False
        return captured

    async def publish(self, captured: CapturedBatch, on_queued: Callable[[], None] | None = None) -> None:
        """Send the outputs of a batch: step 1. Those of the batch before must be queued, but not yet acknowledged.

        Args:
            captured: the batch.
            on_queued: called when the outputs are queued.

        Raises:
            OwnershipLost: the partition may be another worker's.
            aiokafka.errors.KafkaError: a record was not delivered.
        """
        self._context.check_ownership()
        await captured.outputs.flush(on_queued)

    async def write_table(self, captured: CapturedBatch) -> None:
        """Write steps 2 to 7 of a batch; its outputs and the table of the batch before must be acknowledged.

        Raises:
            OwnershipLost: the partition may be another worker's.
            aiokafka.errors.KafkaError: a record was not delivered.
        """
        await self._run(captured.steps)
        if captured.erasures:
            self.on_erased(captured.erasures)
        if captured.whole:
            self.is_whole = captured is self._last_captured
            self.cursor = captured.offset
            self._note_position()

    @property
    def must_checkpoint(self) -> bool:
        """Whether steps 8 to 10 can wait no longer.

        The progress is overdue, a command waits for it, or recovery needs the rules with it.
        """
        return self._timer.is_overdue or self._is_awaited

    @property
    def _is_awaited(self) -> bool:
        return bool(self._partition.new_texts) or self._partition.progress.advance_offset != self._advance_offset

    def checkpoint_due_in(self) -> float | None:
        """Return how many seconds `checkpoint` may wait if nothing arrives; None if there is nothing to write."""
        waits = [wait for wait in (self._timer.due_in(), self._daily_due_in()) if wait is not None]
        return min(waits, default=None)

    async def checkpoint(self) -> None:
        """Write what was postponed: steps 8 and 9 if they are due, then step 10 if a batch is not covered.

        Everything that was folded must be written.

        Raises:
            OwnershipLost: the partition may be another worker's.
            aiokafka.errors.KafkaError: a record was not delivered.
        """
        await self._run(self._postponed_steps())

    def _table_steps(self, erasures: Mapping[bytes, Erasure], *, whole: bool) -> Iterator[StepRecords]:
        partition, topics = self._partition, self._topics
        rules = partition.rules
        yield WriteStep.DAY_TOTALS, topics.customers, partition.day_records(whole=whole)
        yield (
            WriteStep.ERASURE_LEDGER,
            topics.erasure_ledger,
            [(key, encode_erasure(each)) for key, each in erasures.items()],
        )
        changelog = self._warm.table.flush(None if rules is None else SegmentForecast(rules.policy).stored_forecast)
        yield WriteStep.STALE_CHUNKS, topics.customers, changelog.stale_chunks
        yield WriteStep.CHUNKS, topics.customers, changelog.chunks
        yield WriteStep.PROFILES, topics.customers, changelog.profiles
        yield WriteStep.OLD_CHUNKS, topics.customers, changelog.obsolete_chunks

    def _postponed_steps(self) -> Iterator[StepRecords]:
        partition, topics = self._partition, self._topics
        due_in, daily = self._daily_due_in(), self._daily
        if daily is not None and (due_in == 0 or (due_in is not None and (self.is_closing or self._is_awaited))):
            yield WriteStep.DAILY, topics.daily, list(daily.records(self._number))
            yield WriteStep.DAILY_MARK, topics.customers, [daily.mark()]
            self._note_position()
        if self._timer.due_in() is None:
            return
        as_of, offset = self._context.clock.boot_seconds(), self.cursor
        rules = [(RULES_KEY + str(place).encode(), text.encode()) for place, text in partition.new_texts.items()]
        yield WriteStep.PROGRESS, topics.progress, [*rules, (PROGRESS_KEY, encode_progress(partition.progress))]
        partition.new_texts = {}
        self._advance_offset = partition.progress.advance_offset
        self._timer.reset()
        self.committable_offset = offset
        self._warm.as_of = as_of  # nobody else has written since then: the broker would have refused the progress

    async def _run(self, steps: Iterable[StepRecords]) -> None:
        """Send the records of each step and wait for every acknowledgement before the next step.

        The day totals alone share the request of the next step if that writes to the same partition, where the broker
        keeps their order.
        """
        writer, waiting_in = self._table_writer, ""
        for step, topic, records in steps:
            if not records:
                continue
            if waiting_in not in ("", topic):
                await writer.flush()
            self.step = step
            self._context.check_ownership()
            add = writer.to(topic, self._number).add
            for key, value in records:
                add(key, value)
            waiting_in = topic
            if step is not WriteStep.DAY_TOTALS:
                await writer.flush()
                waiting_in = ""
        await writer.flush()
        self.step = WriteStep.OUTPUTS

    def _daily_due_in(self) -> float | None:
        return None if self._daily is None else self._daily.due_in()

    def _note_position(self) -> None:
        changelog = (self._topics.customers, self._number)
        self._warm.position = self._table_writer.ends.get(changelog, self._warm.position)
