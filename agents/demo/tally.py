"""What the worker has published, as figures and as news."""

from collections import Counter, deque
from collections.abc import Mapping
from typing import Final

from state.records.outputs import Message, SegmentChangeValue
from state.records.progress import Progress
from state.units.timestamps import parse_rfc3339

_NEWS: Final = 400


class DemoTally:
    """Counts changes, messages and progress of the demo's only partition; a repeat counts once.

    Attributes:
        applied: events whose changes and messages are all acknowledged.
        time_ms: the moment to which the worker has come.
        changes: segment changes; `lapses` those of them that time alone brought.
        population: customers by segment.
        steps: changes by segment before, None for the first one, and segment after.
        paths: the segments of each customer, in their order.
        sent_by_campaign: messages by campaign; `suppressed_by_reason` those that were not sent, by reason.
        new_changes: the latest changes not yet shown; `new_messages` likewise.
    """

    def __init__(self) -> None:
        """Nothing counted yet."""
        self.applied = 0
        self.time_ms = 0
        self.changes = 0
        self.lapses = 0
        self.customers_by_segment: Counter[str] = Counter()
        self.moves: Counter[tuple[str | None, str]] = Counter()
        self.segments_by_customer: dict[str, list[str]] = {}
        self.sent_by_campaign: Counter[str] = Counter()
        self.suppressed_by_reason: Counter[str] = Counter()
        self.new_changes: deque[SegmentChangeValue] = deque(maxlen=_NEWS)
        self.new_messages: deque[Message] = deque(maxlen=_NEWS)
        self._said: set[str] = set()

    def add_progress(self, progress: Progress) -> None:
        """The worker has come so far."""
        self.applied = progress.sources.get(("events", 0), -1) + 1
        self.time_ms = max(self.time_ms, progress.watermark)

    def add_change(self, change: SegmentChangeValue) -> None:
        """A segment change was published."""
        path = self.segments_by_customer.setdefault(change.customer_id, [])
        if change.seq <= len(path):
            return
        before, after = change.from_segment, change.to_segment
        path.append(after)
        self.time_ms = max(self.time_ms, parse_rfc3339(change.effective_at))
        self.changes += 1
        self.lapses += change.cause.kind == "time"
        self.moves[before, after] += 1
        self.customers_by_segment[after] += 1
        if before is not None:
            self.customers_by_segment[before] -= 1
        self.new_changes.append(change)

    def add_message(self, message: Message) -> None:
        """An offer or a reactivation was published."""
        if message.message_id not in self._said:
            self._said.add(message.message_id)
            self.sent_by_campaign[message.campaign] += 1
            self.new_messages.append(message)

    def add_suppression(self, suppression_id: str, reason: str) -> None:
        """A message, or a whole campaign, was kept back."""
        if suppression_id not in self._said:
            self._said.add(suppression_id)
            self.suppressed_by_reason[reason] += 1

    def customers(self) -> Mapping[str, int]:
        """Customers by segment as they are now."""
        return dict(self.customers_by_segment)
