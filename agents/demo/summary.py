"""What the demo says at its end."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from agents.demo.history import CUSTOMERS, PURCHASES
from agents.demo.tally import DemoTally
from state.units.timestamps import format_ms

Kind = TypeVar("Kind")

COMMON_STEPS: Final = 6
_WIDTH: Final = 18


@dataclass
class DemoResult:
    """What happened in a run, beside what is tallied.

    Attributes:
        purchases: of how many `customers`; `signups` were made up.
        moments: when customers were counted, with their number in each segment.
        history_s: from the first event published to the last change acknowledged.
        total_s: the whole run.
    """

    purchases: int
    customers: int
    signups: int
    segment_counts: list[tuple[int, Mapping[str, int]]] = field(default_factory=list)
    history_s: float = 0.0
    total_s: float = 0.0

    @property
    def events(self) -> int:
        """Purchases and signups."""
        return self.purchases + self.signups


def summary_lines(outcome: DemoResult, tally: DemoTally, segments: Sequence[str]) -> Iterator[str]:
    """The figures of a run."""
    whole = outcome.purchases == PURCHASES and outcome.customers == CUSTOMERS
    part = "" if whole else f" (of {PURCHASES:,} of {CUSTOMERS:,})"
    bought = f"{outcome.purchases:,} real purchases of {outcome.customers:,} customers{part}"
    yield f"CDNOW, a shop for CDs: {bought}, January 1997"
    yield f"to June 1998, with {outcome.signups:,} signups made up; then some weeks in which nobody buys."
    yield ""
    yield _line("events", f"{outcome.events:,} in {outcome.history_s:.1f} s, to the last change acknowledged")
    yield _line("events/s", f"{outcome.events / outcome.history_s:,.0f}")
    yield _line("segment changes", f"{tally.changes:,}, {tally.lapses:,} of them by time alone")
    yield _line(
        "messages", f"{tally.sent_by_campaign.total():,} sent, {tally.suppressed_by_reason.total():,} kept back"
    )
    yield _line("duration", f"{outcome.total_s:.1f} s in all")
    yield ""
    yield from _customers(outcome, segments)
    yield ""
    yield "most changes were"
    for (before, after), count in _most(tally.moves)[:COMMON_STEPS]:
        yield f"  {count:>7,}  {before or 'unknown'} -> {after}"
    yield ""
    yield "messages by campaign"
    for campaign, count in _most(tally.sent_by_campaign):
        yield f"  {count:>7,}  {campaign}"


def _customers(outcome: DemoResult, segments: Sequence[str]) -> Iterator[str]:
    """Customers by segment, a column for each moment."""
    columns = [counts for _, counts in outcome.segment_counts]
    yield _line("customers on", "".join(f"{format_ms(at_ms)[:10]:>12}" for at_ms, _ in outcome.segment_counts))
    for name in segments:
        yield _line(f"  {name}", "".join(f"{counts.get(name, 0):>12,}" for counts in columns))


def _most(counts: Counter[Kind]) -> list[tuple[Kind, int]]:
    """The greatest counts first, equal ones by name."""
    return sorted(counts.items(), key=lambda each: (-each[1], str(each[0])))


def _line(name: str, text: str) -> str:
    return f"{name:<{_WIDTH}}{text}"
