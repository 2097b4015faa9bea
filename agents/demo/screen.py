"""The demo's live screen: how far it is, customers by segment, changes with their reasons, and messages."""

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

_FRAME_S: Final = 0.2
"""A frame takes some 10 ms, which on two cores the worker and the broker can use."""
_LINES: Final = 100
_NEW_LINES: Final = 3
"""Changes, and messages, that a frame adds: more of them nobody could read."""
_MAIL_LINES: Final = 6
_TALLY_WIDTH: Final = 22
_SHORT_BARS: Final = 8
_LONG_BARS: Final = 16
_WIDE: Final = 100
"""Columns from which on there is room for dates."""


class Screen:
    """Draws what has been tallied; asked for a frame some times a second.

    Attributes:
        phase: what the demo is doing, in a few words.
    """

    def __init__(self, segments: Sequence[str], events: int, clock: Clock) -> None:
        """Take the segments in the order in which they are shown, and how many events there are."""
        self.phase = "starts broker, Redis, worker"
        self._tally: DemoTally | None = None
        self._segments = segments
        self._clock = clock
        self._events = events
        self._news: list[SegmentChangeValue] = []
        self._changes: deque[SegmentChangeValue] = deque(maxlen=_LINES)
        self._mail: deque[Message] = deque(maxlen=_LINES)
        self._shown: Counter[tuple[str | None, str]] = Counter()
        self._began_s = 0.0
        self._rated_s = 0.0

    def attach(self, tally: DemoTally) -> None:
        """Take what there is to be seen, once there is something."""
        self._tally = tally
        self._began_s = self._clock.monotonic()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The next frame."""
        is_wide = options.max_width >= _WIDE
        layout = Layout()
        layout.split_column(Layout(self._head(), size=4), Layout(name="body"))
        tally = self._tally
        if tally is None:
            layout["body"].update(Text())
        else:
            self._take(tally)
            bars = _LONG_BARS if is_wide else _SHORT_BARS
            changes = [_of_change(each, dated=is_wide) for each in reversed(self._changes)]
            mail = [_of_message(each, dated=is_wide) for each in reversed(self._mail)]
            layout["body"].split_row(Layout(self._figures(tally, bars), size=_TALLY_WIDTH + bars), Layout(name="news"))
            layout["news"].split_column(
                Layout(_panel("changes", changes)), Layout(_panel("messages", mail), size=_MAIL_LINES + 2)
            )
        yield layout

    def _take(self, tally: DemoTally) -> None:
        """Choose from what came last: of changes those of a kind that was shown least."""
        if tally.new_changes:
            self._news = list(tally.new_changes)
            tally.new_changes.clear()
        for _ in range(min(_NEW_LINES, len(self._news))):
            rarest = min(self._news, key=lambda change: self._shown[change.from_segment, change.to_segment])
            self._news.remove(rarest)
            self._shown[rarest.from_segment, rarest.to_segment] += 1
            self._changes.append(rarest)
        mail = list(tally.new_messages)
        tally.new_messages.clear()
        self._mail.extend(mail[-_NEW_LINES:])

    def _head(self) -> RenderableType:
        tally = self._tally
        applied = tally.applied if tally else 0
        moment = f"{datetime.fromtimestamp(tally.time_ms / 1000, UTC):%-d %B %Y}" if tally and tally.time_ms else ""
        title = Text.assemble(
            ("goldstream demo", "bold"), f"  {self._events:,} events of a shop for CDs   ", (moment, "bold yellow")
        )
        facts = Table.grid(padding=(0, 2))
        facts.add_row(
            ProgressBar(total=self._events, completed=applied, width=_TALLY_WIDTH),
            f"{applied / self._events:4.0%}",
            f"{self._rate(applied):>7,.0f} events/s",
            Text(self.phase, style="italic"),
        )
        return Group(title, Text(), facts)

    def _rate(self, applied: int) -> float:
        """Events a second, since the first frame with something to be seen; it stands still when all are applied."""
        if self._tally is not None and applied < self._events:
            self._rated_s = self._clock.monotonic() - self._began_s
        return applied / self._rated_s if self._rated_s else 0.0

    def _figures(self, tally: DemoTally, bars: int) -> RenderableType:
        segments = Table.grid(padding=(0, 1))
        greatest = max(tally.customers_by_segment.values(), default=0) or 1
        for name in self._segments:
            count = tally.customers_by_segment[name]
            style = STYLES.get(name, "")
            bar = ProgressBar(total=greatest, completed=count, width=bars, complete_style=style or "white")
            segments.add_row(Text(name, style=style), f"{count:>7,}", bar)
        numbers = Table.grid(padding=(0, 1))
        numbers.add_column(justify="right", min_width=9)
        numbers.add_row(f"{tally.changes:,}", "changes")
        numbers.add_row(f"{tally.lapses:,}", "by time alone")
        numbers.add_row(f"{tally.sent_by_campaign.total():,}", "messages")
        for campaign, count in tally.sent_by_campaign.most_common():
            numbers.add_row(Text(f"{count:,}", style="dim"), Text(campaign, style="dim"))
        numbers.add_row(f"{tally.suppressed_by_reason.total():,}", "kept back")
        return Panel(Group(segments, Text(), numbers), title="customers", title_align="left")


def _panel(title: str, lines: Sequence[Text]) -> RenderableType:
    """As many of the lines as there is room for, each in one row."""
    text = Text("\n", no_wrap=True, overflow="ellipsis").join(lines)
    return Panel(text, title=title, title_align="left")


def _of_change(change: SegmentChangeValue, *, dated: bool) -> Text:
    return Text.assemble(
        (f"{change.effective_at[:10]} " if dated else "", "dim"),
        f"{change.customer_id} ",
        (f"{move_text(change)}: ", STYLES.get(change.to_segment, "")),
        cause_text(change),
    )


def _of_message(message: Message, *, dated: bool) -> Text:
    with_incentive = f" with {message.incentive}" if message.incentive else ""
    return Text.assemble(
        (f"{message.due_at[:10]} " if dated else "", "dim"),
        f"{message.customer_id} {message.template}{with_incentive}, by {message.channel}",
    )


@contextlib.asynccontextmanager
async def live_screen(screen: Screen) -> AsyncIterator[None]:
    """Draw the screen over the whole terminal, five times a second; afterwards the terminal is as it was before."""

    async def draw() -> None:
        while True:
            live.refresh()
            await asyncio.sleep(_FRAME_S)

    with Live(screen, screen=True, auto_refresh=False) as live:
        drawing = asyncio.create_task(draw())
        try:
            yield
        finally:
            drawing.cancel()
            await asyncio.gather(drawing, return_exceptions=True)
