"""The outputs of the batch that is being folded: encoded as soon as they exist, and counted."""

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
