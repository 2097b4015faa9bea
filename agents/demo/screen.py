"""The demo's live screen: how far it is, customers by segment, changes with their reasons, and messages."""

import asyncio
import contextlib
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from rich.console import Group, RenderableType
from rich.layout import Layout
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from agents.demo.watch import Watch
from agents.in_words import step_in_words, why_in_words
from state.changes import Message, SegmentChange

STYLES: Final[Mapping[str, str]] = {
    "golden": "bold yellow",
    "loyal": "green",
    "new": "cyan",
    "active": "blue",
    "at_risk": "magenta",
    "churned": "red",
    "potential": "bright_black",
}

_FRAME_S: Final = 0.1
_LINES: Final = 100
_NEW_LINES: Final = 2
"""Changes, and messages, that a frame adds: more of them nobody could read."""
_MAIL_LINES: Final = 6
_TALLY_WIDTH: Final = 38


class Screen:
    """Draws what the watch has seen; asked for a frame some times a second.

    Attributes:
        phase: what the demo is doing, in a few words.
    """

    def __init__(self, segments: Sequence[str], events: int) -> None:
        """Take the segments in the order in which they are shown, and how many events there are."""
        self.phase = "starts a broker, Redis and a worker"
        self._watch: Watch | None = None
        self._segments = segments
        self._events = events
        self._changes: deque[SegmentChange] = deque(maxlen=_LINES)
        self._mail: deque[Message] = deque(maxlen=_LINES)
        self._shown: Counter[tuple[str | None, str]] = Counter()
        self._began_s = 0.0
        self._rated_s = 0.0

    def show(self, watch: Watch) -> None:
        """Take what there is to be seen, once there is something."""
        self._watch = watch
        self._began_s = time.monotonic()

    def __rich__(self) -> RenderableType:
        """The next frame."""
        layout = Layout()
        layout.split_column(Layout(self._head(), size=4), Layout(name="body"))
        watch = self._watch
        if watch is None:
            layout["body"].update(Text())
            return layout
        self._take(watch)
        layout["body"].split_row(Layout(self._tally(watch), size=_TALLY_WIDTH), Layout(name="news"))
        layout["news"].split_column(
            Layout(_Tail("changes", [_of_change(each) for each in reversed(self._changes)])),
            Layout(_Tail("messages", [_of_message(each) for each in reversed(self._mail)]), size=_MAIL_LINES + 2),
        )
        return layout

    def _take(self, watch: Watch) -> None:
        """Choose from what is new: of changes those of a kind that was shown least."""
        fresh = list(watch.news)
        watch.news.clear()
        for _ in range(_NEW_LINES):
            if fresh:
                rarest = min(fresh, key=lambda change: self._shown[change.from_segment, change.to_segment])
                fresh.remove(rarest)
                self._shown[rarest.from_segment, rarest.to_segment] += 1
                self._changes.append(rarest)
        mail = list(watch.mail)
        watch.mail.clear()
        self._mail.extend(mail[-_NEW_LINES:])

    def _head(self) -> RenderableType:
        watch = self._watch
        applied = watch.applied if watch else 0
        moment = f"{datetime.fromtimestamp(watch.time_ms / 1000, UTC):%-d %B %Y}" if watch and watch.time_ms else ""
        title = Text.assemble(
            ("goldstream demo", "bold"), f"  {self._events:,} events of a shop for CDs   ", (moment, "bold yellow")
        )
        facts = Table.grid(padding=(0, 2))
        facts.add_row(
            ProgressBar(total=self._events, completed=applied, width=_TALLY_WIDTH - 2),
            f"{applied / self._events:4.0%}",
            f"{self._rate(applied):>7,.0f} events/s",
            Text(self.phase, style="italic"),
        )
        return Group(title, Text(), facts)

    def _rate(self, applied: int) -> float:
        """Events a second, since the first frame with something to be seen; it stands still when all are applied."""
        if self._watch is not None and applied < self._events:
            self._rated_s = time.monotonic() - self._began_s
        return applied / self._rated_s if self._rated_s else 0.0

    def _tally(self, watch: Watch) -> RenderableType:
        segments = Table.grid(padding=(0, 1))
        greatest = max(watch.population.values(), default=0) or 1
        for name in self._segments:
            count = watch.population[name]
            bar = ProgressBar(total=greatest, completed=count, width=12, complete_style=STYLES.get(name, "white"))
            segments.add_row(Text(name, style=STYLES.get(name, "")), f"{count:>7,}", bar)
        numbers = Table.grid(padding=(0, 1))
        numbers.add_column(justify="right", min_width=9)
        numbers.add_row(f"{watch.changes:,}", "changes")
        numbers.add_row(f"{watch.lapses:,}", "of them by time alone")
        numbers.add_row(f"{watch.sent.total():,}", "messages")
        for campaign, count in watch.sent.most_common():
            numbers.add_row(Text(f"{count:,}", style="dim"), Text(campaign, style="dim"))
        numbers.add_row(f"{watch.kept_back:,}", "kept back")
        return Panel(Group(segments, Text(), numbers), title="customers", title_align="left")


class _Tail:
    """A panel with as many of the latest lines as there is room for, the newest first."""

    def __init__(self, title: str, lines: Sequence[Text]) -> None:
        self._title = title
        self._lines = lines

    def __rich__(self) -> RenderableType:
        text = Text("\n", no_wrap=True, overflow="ellipsis").join(self._lines)
        return Panel(text, title=self._title, title_align="left")


def _of_change(change: SegmentChange) -> Text:
    return Text.assemble(
        (f"{change.effective_at[:10]} ", "dim"),
        f"{change.customer_id} ",
        (f"{step_in_words(change)}: ", STYLES.get(change.to_segment, "")),
        why_in_words(change),
    )


def _of_message(message: Message) -> Text:
    with_incentive = f" with {message.incentive}" if message.incentive else ""
    return Text.assemble(
        (f"{message.due_at[:10]} ", "dim"),
        f"{message.customer_id} {message.template}{with_incentive}, by {message.channel}",
    )


@contextlib.asynccontextmanager
async def drawn(screen: Screen) -> AsyncIterator[None]:
    """Draw the screen over the whole terminal, ten times a second; afterwards the terminal is as it was before."""

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
