"""What the open pages Now follow: changes and figures as HTML, written once per audience however many pages are open.

An audience is a language, and whether its readers may see customers.

Twice a second it writes the changes that were published, as rows; every two seconds the figures, if they moved. The
rows are in the reader's language, with the reason in words. While no page is open, nothing is read.

Rows are written one at a time: all of them at once would delay every other answer of the server.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from agents.customer_view.change_text import cause_text
from agents.languages.translations import Language
from agents.serve.lookups.changes.feed import ChangeFeed
from agents.serve.lookups.changes.listener import Listener
from agents.serve.lookups.lookups import Lookups
from agents.serve.lookups.refusals import LookupRefused, RedisAway
from agents.serve.pages.reader_view import ReaderView
from agents.serve.pages.views.now import read_figures
from state.records.outputs import SegmentChangeValue
from streams.clock import Clock

if TYPE_CHECKING:
    from agents.serve.lookups.answers import Status

EVERY_SECONDS: Final = 0.5
FIGURES_EVERY: Final = 4
"""The figures are written in every fourth round."""
MAX_ROWS: Final = 20
"""That a page shows when it is opened."""
MAX_NEW_ROWS: Final = 8
"""Of one round: more than anybody reads in half a second. The list on the page has the latest."""

LIVE_WITHIN_SECONDS: Final = 5.0
_DATA: Final = b"data: "

_decode: Final = msgspec.json.Decoder(SegmentChangeValue).decode


class Audience(NamedTuple):
    """Readers for whom the same is written."""

    language: Language
    sees_people: bool


class OpenPage:
    """A page Now that is open.

    Attributes:
        language: of its reader.
        sees_people: whether its reader may see who moved; `audience` is both.
        listener: receives what is sent to it.
    """

    def __init__(self, language: Language, clock: Clock, *, sees_people: bool) -> None:
        self.language = language
        self.sees_people = sees_people
        self.audience = Audience(language, sees_people)
        self.listener = Listener(None, clock)


class LivePages:
    """Writes changes and figures for all open pages."""

    def __init__(self, lookups: Lookups, feed: ChangeFeed, clock: Clock) -> None:
        self._lookups = lookups
        self._feed = feed
        self._clock = clock
        self._pages: set[OpenPage] = set()
        self._wanted = asyncio.Event()
        self._changes: deque[SegmentChangeValue] = deque(maxlen=MAX_NEW_ROWS)
        self._recent: deque[SegmentChangeValue] = deque(maxlen=MAX_ROWS)
        self._greetings: dict[Language, bytes] = {}
        self._is_live = False
        self._figures: dict[tuple[Audience, str], str] = {}
        self._status: Status | None = None

    @contextmanager
    def open(self, page: OpenPage) -> Iterator[None]:
        """Have changes and figures handed to a page."""
        self._pages.add(page)
        self._wanted.set()
        if self._is_live:
            self._greet(page)
        try:
            yield
        finally:
            self._pages.discard(page)
            if not self._pages:
                self._wanted.clear()

    def end_all(self) -> None:
        """End all streams: the server stops."""
        for page in self._pages.copy():
            page.listener.end()

    async def run(self) -> None:
        """Write for the open pages until cancelled; may be called again after an error."""
        while True:
            await self._wanted.wait()
            self._figures.clear()
            listener = Listener(None, self._clock)
            with self._feed.listen(listener):
                reading = asyncio.create_task(self._read(listener))
                try:
                    self._status = await self._lookups.status()
                    await self._read_recent()
                    self._is_live = True
                    for page in self._pages:
                        self._greet(page)
                    await self._follow()
                finally:
                    self._is_live = False
                    reading.cancel()

    async def _read_recent(self) -> None:
        """Read the last changes before now, which a page shows first."""
        self._recent.clear()
        self._greetings.clear()
        if not await self._feed.wait_until_live(LIVE_WITHIN_SECONDS) or self._feed.positions is None:
            return
        ends = self._feed.positions.copy()
        begins = [max(0, end - MAX_ROWS) for end in ends]
        found = [change async for chunk in self._feed.missed(begins, ends, None) for change in _changes_in(chunk)]
        self._recent.extend(sorted(found, key=lambda change: change.effective_at))

    def _greet(self, page: OpenPage) -> None:
        """Hand the last changes and the figures to a page that was just opened."""
        if page.sees_people:
            greeting = self._greetings.get(page.language)
            if greeting is None:
                view = ReaderView(page.language, self._lookups.policy, self._status)
                greeting = "".join(_row_event(view, change) for change in self._recent).encode()
                self._greetings[page.language] = greeting
            page.listener.push(greeting)

    async def _read(self, listener: Listener) -> None:
        """Take the changes of the feed, of which the latest ones are shown."""
        async for chunk in listener.chunks():
            self._changes.extend(_changes_in(chunk))

    async def _follow(self) -> None:
        rounds = 0
        while self._pages:
            await self._clock.sleep(EVERY_SECONDS)
            rows = list(self._changes)
            self._changes.clear()
            parts = await self._parts() if rounds % FIGURES_EVERY == 0 else {}
            await self._send(rows, parts)
            rounds += 1

    async def _rows(self, language: Language, changes: Iterable[SegmentChangeValue]) -> bytes:
        """Return changes as events with a row each."""
        view, events = ReaderView(language, self._lookups.policy, self._status), list[str]()
        for change in changes:
            events.append(_row_event(view, change))
            await asyncio.sleep(0)
        return "".join(events).encode()

    async def _send(self, rows: list[SegmentChangeValue], parts: dict[Audience, bytes]) -> None:
        """Hand what was written to the open pages."""
        pages = list(self._pages)
        self._recent.extend(rows)  # which pages get that are opened from now on
        if rows:
            self._greetings.clear()
        languages = {page.language for page in pages}
        of_changes = {language: await self._rows(language, rows) for language in languages}
        for page in pages:
            event = of_changes[page.language] if page.sees_people else b""
            event += parts.get(page.audience, b"")
            if event and page in self._pages:
                page.listener.push(event)

    async def _parts(self) -> dict[Audience, bytes]:
        """Return the parts of the page that are not as they were written last, and that time goes on, by audience."""
        self._status = status = await self._lookups.status()
        views = {
            each: ReaderView(each.language, self._lookups.policy, status, sees_people=each.sees_people)
            for each in {page.audience for page in self._pages}
        }
        try:
            figures = (
                await read_figures(self._lookups, next(iter(views.values())).today, is_live=True) if views else None
            )
        except (LookupRefused, RedisAway):
            figures = None
        events: dict[Audience, bytes] = {}
        for audience, view in views.items():
            parts = {"fresh": view.fragment("fresh.html")}
            if figures is not None and figures.base.customers:
                parts |= {name: view.fragment(f"{name}.html", **figures._asdict()) for name in ("totals", "tiles")}
            event = ""
            for name, html in parts.items():
                if self._figures.get((audience, name)) != html:
                    self._figures[audience, name] = html
                    event += _event("part", f"{name}\n{html}")
            events[audience] = (event or ": nothing moved\n\n").encode()
        return events


def _changes_in(chunk: bytes) -> Iterator[SegmentChangeValue]:
    """Yield the changes in events of the feed."""
    for line in chunk.split(b"\n"):
        if line.startswith(_DATA):
            yield _decode(line.removeprefix(_DATA))


def change_row(view: ReaderView, change: SegmentChangeValue) -> str:
    """Return a change as a row of the list."""
    return view.fragment("change.html", change=change, why=cause_text(change, view.formats))


def _row_event(view: ReaderView, change: SegmentChangeValue) -> str:
    return _event("change", change_row(view, change))


def _event(name: str, data: str) -> str:
    """Return a server-sent event; each line of its data is a line of its own."""
    lines = "".join(f"data: {line}\n" for line in data.splitlines() if line.strip())
    return f"event: {name}\n{lines}\n"
