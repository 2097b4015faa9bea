"""Quiet hours: whether a moment lies in them by a customer's wall clock, and when they end.

The zones are those of the `tzdata` package, never the system's, which may be of another year.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_SECOND = timedelta(seconds=1)


@cache
def known_zones() -> frozenset[str]:
    """The names of all time zones."""
    return frozenset((files("tzdata") / "zones").read_text().split())


@cache
def zone(name: str) -> ZoneInfo:
    """A time zone that is known."""
    with (files("tzdata") / "zoneinfo" / name).open("rb") as data:
        return ZoneInfo.from_file(data, key=name)


@dataclass(frozen=True)
class QuietHours:
    """From ``begin``, inclusive, to ``end``, exclusive, by the wall clock; over midnight where ``end`` is earlier."""

    begin: time
    end: time

    def hold(self, wall_clock: time) -> bool:
        """Whether they hold when the clock on the wall shows this."""
        if self.begin <= self.end:
            return self.begin <= wall_clock < self.end
        return wall_clock >= self.begin or wall_clock < self.end

    def moved(self, at_ms: int, timezone: str) -> int:
        """The moment itself, or the end of the quiet hours in which it lies."""
        there = zone(timezone)
        local = wall_clock(at_ms, there)
        if not self.hold(local.time()):
            return at_ms
        ends_tomorrow = self.begin > self.end and local.time() >= self.begin
        day = local.date() + timedelta(days=1 if ends_tomorrow else 0)
        return (moment_of(datetime.combine(day, self.end), there) - _EPOCH) // _MILLISECOND


def wall_clock(at_ms: int, there: ZoneInfo) -> datetime:
    """What a clock there shows at a moment."""
    return (_EPOCH + at_ms * _MILLISECOND).astimezone(there)


def day_begins(midnight: datetime, there: ZoneInfo) -> int:
    """The first moment of a day there: its midnight, the first one of two, or the moment after a gap."""
    first = midnight.replace(tzinfo=there, fold=0).astimezone(UTC)
    shown = first.astimezone(there).replace(tzinfo=None) == midnight
    return ((first if shown else moment_of(midnight, there)) - _EPOCH) // _MILLISECOND


def moment_of(wall: datetime, there: ZoneInfo) -> datetime:
    """The moment at which a clock there shows this.

    One that is shown twice is the later one; for one that is never shown, the first moment after the gap.
    """
    readings = [wall.replace(tzinfo=there, fold=fold).astimezone(UTC) for fold in (0, 1)]
    shown = [reading for reading in readings if reading.astimezone(there).replace(tzinfo=None) == wall]
    return max(shown) if shown else _first_after_gap(min(readings), max(readings), there)


def _first_after_gap(before: datetime, after: datetime, there: ZoneInfo) -> datetime:
    """The first whole second that has the offset which holds after the gap: clocks are put on at whole seconds."""
    offset_after = after.astimezone(there).utcoffset()
    while after - before > _SECOND:
        middle = before + (after - before) // _SECOND // 2 * _SECOND
        if middle.astimezone(there).utcoffset() == offset_after:
            after = middle
        else:
            before = middle
    return after


def read_quiet_hours(texts: list[str] | None) -> QuietHours | None:
    """Quiet hours from ``["21:00", "09:00"]``."""
    if not texts:
        return None
    begin, end = texts
    return QuietHours(time.fromisoformat(begin), time.fromisoformat(end))
