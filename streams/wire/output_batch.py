"""Fold the records of a batch; their outputs are encoded as soon as they exist, and counted."""

from collections.abc import Sequence

from aiokafka import ConsumerRecord

from state.fold.partition import Partition
from state.records.events import Tick, decode_record
from state.records.outputs import SENT, MessageSent, MessageSuppressed, Output, SegmentChanged, SegmentMove
from streams.kafka.writing.batch_writer import Writer
from streams.telemetry.metrics import Metrics
from streams.wire.cloudevents import CloudEvents


class OutputCounts:
    """How many outputs of which kind a batch has, and what they were published for."""

    def __init__(self) -> None:
        self.by_event: dict[int, int] = {}  # the number of outputs by the timestamp of the event that caused them
        self.by_tick: dict[int, int] = {}
        self.changes: dict[tuple[SegmentMove, str], int] = {}
        self.messages: dict[tuple[str, str], int] = {}

    def count_message(self, campaign: str, outcome: str) -> None:
        """Count a message that was sent or suppressed."""
        self.messages[campaign, outcome] = self.messages.get((campaign, outcome), 0) + 1

    def report(self, metrics: Metrics, now_ms: int) -> None:
        """Add everything to the metrics, and how long it took until now."""
        for published, histogram in (
            (self.by_event, metrics.event_latency_seconds),
            (self.by_tick, metrics.due_lag_seconds),
        ):
            for timestamp, count in published.items():
                histogram.observe(max(0.0, (now_ms - timestamp) / 1000), count)
        for (move, kind), count in self.changes.items():
            metrics.segment_changes.labels(move.from_segment or "none", move.to_segment, kind).inc(count)
        for pair, count in self.messages.items():
            metrics.messages.labels(*pair).inc(count)


class OutputBatch:
    """The outputs of a batch on their way to Kafka.

    Attributes:
        out: where the fold appends its outputs; `take` empties it.
    """

    def __init__(self, events: CloudEvents, writer: Writer, partition: int) -> None:
        self.out: list[Output] = []
        self._events = events
        self._writer = writer
        self._partition = partition
        self._counts = OutputCounts()

    def take(self, timestamp: int, *, by_tick: bool) -> None:
        """Encode the outputs in `out`, which the record with this timestamp caused, and add them to the writer."""
        out, events, counts = self.out, self._events, self._counts
        published = counts.by_tick if by_tick else counts.by_event
        published[timestamp] = published.get(timestamp, 0) + len(out)
        for output in out:
            topic, key, value, headers = events.record(output)
            self._writer.to(topic, self._partition).add(key, value, headers)
            if isinstance(output, SegmentChanged):
                kind = output.move, output.kind
                counts.changes[kind] = counts.changes.get(kind, 0) + 1
            elif isinstance(output, MessageSent):
                counts.count_message(output.value.campaign, SENT)
            elif isinstance(output, MessageSuppressed):
                counts.count_message(output.value.campaign, output.value.reason)
        out.clear()

    def cut(self) -> OutputCounts:
        """Return what was counted since the last cut."""
        counts, self._counts = self._counts, OutputCounts()
        return counts


def fold_records(
    records: Sequence[ConsumerRecord], start: int, end: int, partition: Partition, outputs: OutputBatch
) -> tuple[int, bool]:
    """Fold records of the journal, from the index `start` to `end`, and add what they publish to `outputs`.

    Returns:
        The number of records that are done, and whether the next one is untouched. If not, that touches many customers
        and is folded in slices: write what there is, and go on with it.

    Raises:
        UnknownFormatVersion: another version wrote a record.
    """
    apply, progress, out = partition.apply, partition.progress, outputs.out
    for place in range(start, end):
        message = records[place]
        offset: int = message.offset
        record = decode_record(message.value)
        customer_id = message.key.decode() if message.key else ""
        is_done = apply(offset, customer_id, record, out)
        if is_done:
            progress.offset = offset + 1
        if out or not is_done:
            outputs.take(message.timestamp, by_tick=isinstance(record, Tick))
        if not is_done:
            return place, False
    return end, True
