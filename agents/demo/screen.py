"""The demo's live screen: progress, customers by segment, changes with their causes, and messages."""

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.layout import Layout
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from agents.customer_view.change_text import cause_text, move_text
from agents.demo.summary import measure_text
from agents.demo.tally import DemoTally
from state.records.outputs import Message, SegmentChangeValue
from streams.clock import Clock

STYLES: Final[Mapping[str, str]] = {
    "golden": "bold yellow",
    "loyal": "green",
    "new": "cyan",
    "active": "blue",
    "at_risk": "magenta",
    "churned": "red",
    "potential": "bright_black",
}

_FRAME_S: Final = 0.25
"""A frame takes some 10 ms of processor time, which the worker and the broker need too."""
_HEAD_LINES: Final = 6
_LINES: Final = 100
_NEW_LINES_PER_FRAME: Final = 3
"""How many changes, and messages, a frame adds: as many as can be read."""
_MESSAGE_LINES: Final = 6
_COUNTS_WIDTH: Final = 22
_SHORT_BARS: Final = 8
_LONG_BARS: Final = 16
_WIDE_COLUMNS: Final = 100
"""The terminal width from which dates are shown."""
_RECENT_S: Final = 2.0
"""The worker reports its progress in steps of up to half a second; the present rate is taken over several."""


class Screen:
    """Renders the tally; a renderable that is refreshed a few times per second.

    Args:
        segments: names of the segments, in the order in which they are shown.
        event_count: number of events in the history.
        clock: measures the rates.

    Attributes:
        phase: what the demo is doing, in a few words.
        history_s: how long the whole history took; None until all of it is applied.
    """

    def __init__(self, segments: Sequence[str], event_count: int, clock: Clock) -> None:
        self.phase = "starting broker, Redis, worker"
        self.page: str | None = None
        self.history_s: float | None = None
        self._tally: DemoTally | None = None
        self._segments = segments
        self._event_count = event_count
        self._clock = clock
        self._measure = measure_text()
        self._candidates: list[SegmentChangeValue] = []
        self._changes: deque[SegmentChangeValue] = deque(maxlen=_LINES)
        self._messages: deque[Message] = deque(maxlen=_LINES)
        self._shown_moves: Counter[tuple[str | None, str]] = Counter()
        self._started_s = 0.0
        self._recent: deque[tuple[float, int]] = deque()

    def attach(self, tally: DemoTally) -> None:
        """Show this tally from now on; the rates count from this moment."""
        self._tally = tally
        self._started_s = self._clock.monotonic()
        self._recent.append((self._started_s, tally.applied))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Render the next frame."""
        is_wide = options.max_width >= _WIDE_COLUMNS
        layout = Layout()
        layout.split_column(Layout(self._head(), size=_HEAD_LINES), Layout(name="body"))
        tally = self._tally
        if tally is None:
            layout["body"].update(Text())
        else:
            self._collect(tally)
            bars = _LONG_BARS if is_wide else _SHORT_BARS
            changes = [_change_text(each, dated=is_wide) for each in reversed(self._changes)]
            messages = [_message_text(each, dated=is_wide) for each in reversed(self._messages)]
            layout["body"].split_row(Layout(self._counts(tally, bars), size=_COUNTS_WIDTH + bars), Layout(name="feed"))
            layout["feed"].split_column(
                Layout(_panel("changes", changes)), Layout(_panel("messages", messages), size=_MESSAGE_LINES + 2)
            )
        yield layout

    def _collect(self, tally: DemoTally) -> None:
        """Choose from the new changes and messages; of the changes, those between segments that were shown least."""
        if tally.new_changes:
            self._candidates = list(tally.new_changes)
            tally.new_changes.clear()
        for _ in range(min(_NEW_LINES_PER_FRAME, len(self._candidates))):
            rarest = min(self._candidates, key=lambda change: self._shown_moves[change.from_segment, change.to_segment])
            self._candidates.remove(rarest)
            self._shown_moves[rarest.from_segment, rarest.to_segment] += 1
            self._changes.append(rarest)
        messages = list(tally.new_messages)
        tally.new_messages.clear()
        self._messages.extend(messages[-_NEW_LINES_PER_FRAME:])

    def _head(self) -> RenderableType:
        tally = self._tally
        applied = tally.applied if tally else 0
        moment = f"{datetime.fromtimestamp(tally.time_ms / 1000, UTC):%-d %B %Y}" if tally and tally.time_ms else ""
        title = Text.assemble(
            ("goldstream demo", "bold"),
            f"  {self._event_count:,} events of a shop for CDs   ",
            (moment, "bold yellow"),
            no_wrap=True,
            overflow="ellipsis",
        )
        facts = Table.grid(padding=(0, 2))
        facts.add_row(
            ProgressBar(total=self._event_count, completed=applied, width=_COUNTS_WIDTH),
            f"{applied / self._event_count:4.0%}",
            Text(self.phase, style="italic", no_wrap=True, overflow="ellipsis"),
        )
        page = Text() if self.page is None else Text.assemble("its page: ", (self.page, "bold cyan underline"))
        return Group(title, page, facts, self._rates(applied), Text(self._measure, style="dim"))

    def _rates(self, applied: int) -> Text:
        """Return the events per second since `attach` and in the last seconds; of the whole history, the average."""
        if self._tally is None:
            return Text()
        if self.history_s is not None:
            return Text(f"{self._event_count / self.history_s:,.0f} events/s on average", style="bold")
        now_s = self._clock.monotonic()
        self._recent.append((now_s, applied))
        while now_s - self._recent[1][0] >= _RECENT_S:
            self._recent.popleft()
        since_s, before = self._recent[0]
        average = _rate(applied, now_s - self._started_s)
        recent = _rate(applied - before, now_s - since_s)
        return Text.assemble(
            (f"{average:,.0f} events/s on average", "bold"), f", {recent:,.0f} in the last {_RECENT_S:.0f} s"
        )

    def _counts(self, tally: DemoTally, bars: int) -> RenderableType:
        segments = Table.grid(padding=(0, 1))
        maximum = max(tally.customers_by_segment.values(), default=0) or 1
        for name in self._segments:
            count = tally.customers_by_segment[name]
            style = STYLES.get(name, "")
            bar = ProgressBar(total=maximum, completed=count, width=bars, complete_style=style or "white")
            segments.add_row(Text(name, style=style), f"{count:>7,}", bar)
        numbers = Table.grid(padding=(0, 1))
        numbers.add_column(justify="right", min_width=9)
        numbers.add_row(f"{tally.changes:,}", "segment changes")
        numbers.add_row(f"{tally.lapses:,}", "by time alone")
        numbers.add_row(f"{tally.sent_by_campaign.total():,}", "messages")
        for campaign, count in tally.sent_by_campaign.most_common():
            numbers.add_row(Text(f"{count:,}", style="dim"), Text(campaign, style="dim"))
        numbers.add_row(f"{tally.suppressed_by_reason.total():,}", "suppressed")
        return Panel(Group(segments, Text(), numbers), title="customers", title_align="left")


def _rate(count: int, duration_s: float) -> float:
    return count / duration_s if duration_s > 0 else 0.0


def _panel(title: str, lines: Sequence[Text]) -> RenderableType:
    """Return as many of the lines as fit, one row each."""
    text = Text("\n", no_wrap=True, overflow="ellipsis").join(lines)
    return Panel(text, title=title, title_align="left")


def _change_text(change: SegmentChangeValue, *, dated: bool) -> Text:
    return Text.assemble(
        (f"{change.effective_at[:10]} " if dated else "", "dim"),
        f"{change.customer_id} ",
        (f"{move_text(change)}: ", STYLES.get(change.to_segment, "")),
        cause_text(change),
    )


def _message_text(message: Message, *, dated: bool) -> Text:
    with_incentive = f" with {message.incentive}" if message.incentive else ""
    return Text.assemble(
        (f"{message.due_at[:10]} " if dated else "", "dim"),
        f"{message.customer_id} {message.template}{with_incentive}, by {message.channel}",
    )


@contextlib.asynccontextmanager
async def live_screen(screen: Screen) -> AsyncIterator[None]:
    """Show the screen on the whole terminal, refreshed five times per second; restore the terminal at the end."""

    async def refresh() -> None:
        while True:
            live.refresh()
            await asyncio.sleep(_FRAME_S)

    with Live(screen, screen=True, auto_refresh=False) as live:
        refreshing = asyncio.create_task(refresh())
        try:
            yield
        finally:
            refreshing.cancel()
            await asyncio.gather(refreshing, return_exceptions=True)
