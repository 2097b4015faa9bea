"""Quiet hours: whether a moment is in them by a customer's wall clock, and when they end.

Time zones are those of the `tzdata` package, never the system's, which may be of another version.
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
    """Return the names of all time zones."""
    return frozenset((files("tzdata") / "zones").read_text().split())


@cache
def zone(name: str) -> ZoneInfo:
    """Return a known time zone."""
    with (files("tzdata") / "zoneinfo" / name).open("rb") as data:
        return ZoneInfo.from_file(data, key=name)


@dataclass(frozen=True)
class QuietHours:
    """From ``begin``, inclusive, to ``end``, exclusive, by the wall clock; over midnight if ``end`` is earlier."""

    begin: time
    end: time

    def contains(self, wall_clock: time) -> bool:
        """Return whether a wall clock time is in the quiet hours."""
        if self.begin <= self.end:
            return self.begin <= wall_clock < self.end
        return wall_clock >= self.begin or wall_clock < self.end

    def deferred(self, at_ms: int, timezone: str) -> int:
        """Return the moment itself, or the end of the quiet hours that contain it."""
        zone_info = zone(timezone)
        local = wall_clock(at_ms, zone_info)
        if not self.contains(local.time()):
            return at_ms
        ends_tomorrow = self.begin > self.end and local.time() >= self.begin
        day = local.date() + timedelta(days=1 if ends_tomorrow else 0)
        return (moment_shown(datetime.combine(day, self.end), zone_info) - _EPOCH) // _MILLISECOND


def wall_clock(at_ms: int, zone_info: ZoneInfo) -> datetime:
    """Return the local wall clock time of a moment."""
    return (_EPOCH + at_ms * _MILLISECOND).astimezone(zone_info)


def start_of_day(midnight: datetime, zone_info: ZoneInfo) -> int:
    """Return the first moment of a local day: its midnight, the first one of two, or the first moment after a gap."""
    first = midnight.replace(tzinfo=zone_info, fold=0).astimezone(UTC)
    shown = first.astimezone(zone_info).replace(tzinfo=None) == midnight
    return ((first if shown else moment_shown(midnight, zone_info)) - _EPOCH) // _MILLISECOND


def moment_shown(wall: datetime, zone_info: ZoneInfo) -> datetime:
    """Return the moment at which the local wall clock shows `wall`.

    If it is shown twice, the later one; if never, the first moment after the gap.
    """
    readings = [wall.replace(tzinfo=zone_info, fold=fold).astimezone(UTC) for fold in (0, 1)]
    shown = [reading for reading in readings if reading.astimezone(zone_info).replace(tzinfo=None) == wall]
    return max(shown) if shown else _first_after_gap(min(readings), max(readings), zone_info)


def _first_after_gap(before: datetime, after: datetime, zone_info: ZoneInfo) -> datetime:
    """Return the first whole second with the offset that follows the gap: clocks change at whole seconds."""
    offset_after = after.astimezone(zone_info).utcoffset()
    while after - before > _SECOND:
        middle = before + (after - before) // _SECOND // 2 * _SECOND
        if middle.astimezone(zone_info).utcoffset() == offset_after:
            after = middle
        else:
            before = middle
    return after


def read_quiet_hours(texts: list[str] | None) -> QuietHours | None:
    """Return quiet hours from ``["21:00", "09:00"]``."""
    if not texts:
        return None
    begin, end = texts
    return QuietHours(time.fromisoformat(begin), time.fromisoformat(end))
