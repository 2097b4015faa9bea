"""Fold the records of a batch; their outputs are encoded as soon as they exist, and counted."""

from collections.abc import Sequence

from aiokafka import ConsumerRecord

from state.fold.partition import Partition
from state.records.events import Tick, decode_record
from state.records.outputs import SENT, MessageSent, MessageSuppressed, Output, SegmentChanged, SegmentMove
from streams.kafka.batch_writer import Writer
from streams.telemetry.metrics import Metrics
from streams.wire.cloudevents import CloudEvents


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
        self._by_event: dict[int, int] = {}  # the number of outputs by the timestamp of the event that caused them
        self._by_tick: dict[int, int] = {}
        self._changes: dict[tuple[SegmentMove, str], int] = {}
        self._messages: dict[tuple[str, str], int] = {}

    def take(self, timestamp: int, *, by_tick: bool) -> None:
        """Encode the outputs in `out`, which the record with this timestamp caused, and add them to the writer."""
        out, events = self.out, self._events
        counts = self._by_tick if by_tick else self._by_event
        counts[timestamp] = counts.get(timestamp, 0) + len(out)
        for output in out:
            topic, key, value, headers = events.record(output)
            self._writer.to(topic, self._partition).add(key, value, headers)
            if isinstance(output, SegmentChanged):
                kind = output.move, output.kind
                self._changes[kind] = self._changes.get(kind, 0) + 1
            elif isinstance(output, MessageSent):
                self._count(output.value.campaign, SENT)
            elif isinstance(output, MessageSuppressed):
                self._count(output.value.campaign, output.value.reason)
        out.clear()

    def report(self, metrics: Metrics, now_ms: int) -> None:
        """Add to the metrics what was taken since the last report, and how long it took until now."""
        for published, histogram in (
            (self._by_event, metrics.event_latency_seconds),
            (self._by_tick, metrics.due_lag_seconds),
        ):
            for timestamp, count in published.items():
                histogram.observe(max(0.0, (now_ms - timestamp) / 1000), count)
            published.clear()
        for (move, kind), count in self._changes.items():
            metrics.segment_changes.labels(move.from_segment or "none", move.to_segment, kind).inc(count)
        for pair, count in self._messages.items():
            metrics.messages.labels(*pair).inc(count)
        self._changes.clear()
        self._messages.clear()

    def _count(self, campaign: str, outcome: str) -> None:
        self._messages[campaign, outcome] = self._messages.get((campaign, outcome), 0) + 1


def fold_records(records: Sequence[ConsumerRecord], start: int, partition: Partition, outputs: OutputBatch) -> int:
    """Fold records of the journal, from the index `start` on, and add what they publish to `outputs`.

    Returns:
        The number of records that are done. If it is not that of all, the next one touches many customers and is folded
        in slices: write what there is, and go on with it.

    Raises:
        UnknownFormatVersion: another version wrote a record.
    """
    apply, progress, out = partition.apply, partition.progress, outputs.out
    for place in range(start, len(records)):
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
            return place
    return len(records)
