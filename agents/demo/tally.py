"""Count what the worker publishes, and collect what is new for the screen."""

from collections import Counter, deque
from collections.abc import Mapping
from typing import Final

from state.records.outputs import Message, SegmentChangeValue
from state.records.progress import Progress
from state.units.timestamps import parse_rfc3339

_MAX_NEW: Final = 400


class DemoTally:
    """Counts changes, messages and progress of the demo's only partition; a repeat counts once.

    Attributes:
        applied: events whose changes and messages are all acknowledged.
        time_ms: the worker's watermark, or the latest change if that is later.
        changes: segment changes; `lapses` counts those that time alone caused.
        customers_by_segment: present number of customers.
        moves: changes by the segments before (None for a first change) and after.
        segments_by_customer: the segments of each customer, in order.
        sent_by_campaign: messages.
        suppressed_by_reason: suppressed messages and suppressed whole campaigns.
        new_changes: the latest changes that the screen has not taken yet; `new_messages` likewise.
    """

    def __init__(self) -> None:
        self.applied = 0
        self.time_ms = 0
        self.changes = 0
        self.lapses = 0
        self.customers_by_segment: Counter[str] = Counter()
        self.moves: Counter[tuple[str | None, str]] = Counter()
        self.segments_by_customer: dict[str, list[str]] = {}
        self.sent_by_campaign: Counter[str] = Counter()
        self.suppressed_by_reason: Counter[str] = Counter()
        self.new_changes: deque[SegmentChangeValue] = deque(maxlen=_MAX_NEW)
        self.new_messages: deque[Message] = deque(maxlen=_MAX_NEW)
        self._seen_ids: set[str] = set()

    def add_progress(self, progress: Progress) -> None:
        """Take over the worker's progress."""
        self.applied = progress.sources.get(("events", 0), -1) + 1
        self.time_ms = max(self.time_ms, progress.watermark)

    def add_change(self, change: SegmentChangeValue) -> None:
        """Count a segment change, unless it is a repeat."""
        segments = self.segments_by_customer.setdefault(change.customer_id, [])
        if change.seq <= len(segments):
            return
        before, after = change.from_segment, change.to_segment
        segments.append(after)
        self.time_ms = max(self.time_ms, parse_rfc3339(change.effective_at))
        self.changes += 1
        self.lapses += change.cause.kind == "time"
        self.moves[before, after] += 1
        self.customers_by_segment[after] += 1
        if before is not None:
            self.customers_by_segment[before] -= 1
        self.new_changes.append(change)

    def add_message(self, message: Message) -> None:
        """Count an offer or a reactivation, unless it is a repeat."""
        if message.message_id not in self._seen_ids:
            self._seen_ids.add(message.message_id)
            self.sent_by_campaign[message.campaign] += 1
            self.new_messages.append(message)

    def add_suppression(self, suppression_id: str, reason: str) -> None:
        """Count a suppressed message or a suppressed whole campaign, unless it is a repeat."""
        if suppression_id not in self._seen_ids:
            self._seen_ids.add(suppression_id)
            self.suppressed_by_reason[reason] += 1

    def customers(self) -> Mapping[str, int]:
        """Return a copy of the present number of customers by segment."""
        return dict(self.customers_by_segment)
