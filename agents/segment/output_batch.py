"""What comes of a batch of the journal: made records of as soon as it is there, and counted."""

from state.records.outputs import SENT, MessageSent, MessageSuppressed, Output, SegmentChanged, SegmentMove
from streams.kafka.batch_writer import BatchWriter
from streams.wire.cloudevents import CloudEvents


class OutputBatch:
    """The outputs of a batch, on their way.

    Attributes:
        out: what the fold puts out, until it is taken.
        outbox: where the records are, until it is flushed.
        by_event: how many outputs came of the records with a timestamp; `by_tick` the same of ticks.
        changes: how many changes there were of a move and a kind of cause.
        messages: how many messages had a campaign and an outcome.
    """

    def __init__(self, events: CloudEvents, outbox: BatchWriter, partition: int) -> None:
        """Takes what makes records of outputs, and where they go."""
        self.out: list[Output] = []
        self.outbox = outbox
        self.by_event: dict[int, int] = {}
        self.by_tick: dict[int, int] = {}
        self.changes: dict[tuple[SegmentMove, str], int] = {}
        self.messages: dict[tuple[str, str], int] = {}
        self._events = events
        self._partition = partition

    def take(self, timestamp: int, *, by_tick: bool) -> None:
        """Takes what came of the record with this timestamp out of `out`."""
        out, events = self.out, self._events
        counts = self.by_tick if by_tick else self.by_event
        counts[timestamp] = counts.get(timestamp, 0) + len(out)
        for output in out:
            topic, key, value, headers = events.record(output)
            self.outbox.to(topic, self._partition).add(key, value, headers)
            if isinstance(output, SegmentChanged):
                kind = output.move, output.kind
                self.changes[kind] = self.changes.get(kind, 0) + 1
            elif isinstance(output, MessageSent):
                self._count(output.value.campaign, SENT)
            elif isinstance(output, MessageSuppressed):
                self._count(output.value.campaign, output.value.reason)
        out.clear()

    def _count(self, campaign: str, outcome: str) -> None:
        self.messages[campaign, outcome] = self.messages.get((campaign, outcome), 0) + 1
