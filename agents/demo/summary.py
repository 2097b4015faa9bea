"""The summary that the demo prints when it ends."""

import os
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from agents.demo.history import CUSTOMERS, PURCHASES
from agents.demo.tally import DemoTally
from state.fold import partition
from state.units.timestamps import format_ms

CountKey = TypeVar("CountKey")

MOVES_SHOWN: Final = 6
_LABEL_WIDTH: Final = 18
_TEXT_WIDTH: Final = 80 - _LABEL_WIDTH


@dataclass
class DemoResult:
    """The figures of a run, beside those of its tally.

    Attributes:
        purchases: of how many `customers`; `signups` were added to the data.
        segment_counts: moments in milliseconds with the number of customers in each segment.
        history_s: from publishing the first event until the last is applied and all its results are acknowledged.
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
        """The number of purchases and signups."""
        return self.purchases + self.signups


def summary_lines(result: DemoResult, tally: DemoTally, segments: Sequence[str]) -> Iterator[str]:
    """Yield the lines of the summary."""
    is_whole = result.purchases == PURCHASES and result.customers == CUSTOMERS
    part = "" if is_whole else f" (of {PURCHASES:,} of {CUSTOMERS:,})"
    purchases = f"{result.purchases:,} real purchases of {result.customers:,} customers{part}"
    yield f"CDNOW, a shop for CDs: {purchases}, January 1997"
    yield f"to June 1998, with {result.signups:,} signups added; then some weeks without purchases."
    yield ""
    yield _line("events", f"{result.events:,} in {result.history_s:.1f} s")
    yield _line("events/s", f"{result.events / result.history_s:,.0f} on average")
    for line in textwrap.wrap(measure_text(), _TEXT_WIDTH):
        yield _line("", line)
    yield _line("segment changes", f"{tally.changes:,}, {tally.lapses:,} of them by time alone")
    sent, suppressed = tally.sent_by_campaign.total(), tally.suppressed_by_reason.total()
    yield _line("messages", f"{sent:,} sent, {suppressed:,} suppressed")
    yield _line("duration", f"{result.total_s:.1f} s in total")
    yield ""
    yield from _segment_lines(result, segments)
    yield ""
    yield "most frequent changes"
    for (before, after), count in _most_common(tally.moves)[:MOVES_SHOWN]:
        yield f"  {count:>7,}  {before or 'unknown'} -> {after}"
    yield ""
    yield "messages by campaign"
    for campaign, count in _most_common(tally.sent_by_campaign):
        yield f"  {count:>7,}  {campaign}"


def measure_text() -> str:
    """Return what the demo's events per second measure, and on what."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    shared = "1 core" if cores == 1 else f"{cores} cores"
    fold = "" if _is_compiled() else "; make compiled is faster"
    return (
        "measured from publishing an event until its changes and messages are in Kafka; "
        f"broker, Redis, worker and this program share {shared} of this machine{fold}"
    )


def _is_compiled() -> bool:
    """Return whether this process, and so the worker, runs the compiled build."""
    return not str(partition.__file__).endswith(".py")


def _segment_lines(result: DemoResult, segments: Sequence[str]) -> Iterator[str]:
    """Yield the customers by segment, one column for each moment."""
    columns = [counts for _, counts in result.segment_counts]
    yield _line("customers on", "".join(f"{format_ms(at_ms)[:10]:>12}" for at_ms, _ in result.segment_counts))
    for name in segments:
        yield _line(f"  {name}", "".join(f"{counts.get(name, 0):>12,}" for counts in columns))


def _most_common(counts: Counter[CountKey]) -> list[tuple[CountKey, int]]:
    """Return the greatest counts first, equal ones by name."""
    return sorted(counts.items(), key=lambda each: (-each[1], str(each[0])))


def _line(label: str, text: str) -> str:
    return f"{label:<{_LABEL_WIDTH}}{text}"
