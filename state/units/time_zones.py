"""Convert between moments and local time.

The zones are those of the `tzdata` package, whose version the lock files pin, and never the system's. So the same
journal gives the same results on every machine. Moments are milliseconds since 1970-01-01T00:00:00Z; local days are
numbers of days since 1970-01-01.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from importlib.resources import files
from io import BytesIO
from typing import Final, Literal
from zoneinfo import ZoneInfo

from state.units.timestamps import MINUTE_MS

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL: Final = _EPOCH.toordinal()
_EPOCH_SHOWN: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - a local time
_MILLISECOND: Final = timedelta(milliseconds=1)
_HOUR: Final = timedelta(hours=1)
_HOUR_MS: Final = 60 * MINUTE_MS
_DAY_MINUTES: Final = 24 * 60
_DATA: Final = "tzdata"
_UTC: Final = "UTC"


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    """Return the names of all time zones."""
    return frozenset(files(_DATA).joinpath("zones").read_text().split())


@lru_cache(maxsize=1024)
def load_zone(name: str | None, fallback: str = _UTC) -> ZoneInfo:
    """Return a time zone; if the name is missing or unknown that of `fallback`, and if that is unknown UTC."""
    names = zone_names()
    return _read(next((each for each in (name, fallback) if each is not None and each in names), _UTC))


@lru_cache(maxsize=1024)
def _read(name: str) -> ZoneInfo:
    return ZoneInfo.from_file(BytesIO(files(_DATA).joinpath("zoneinfo", *name.split("/")).read_bytes()), key=name)


def local_time(at: ZoneInfo, moment_ms: int) -> datetime:
    """Return the local date and time of a moment, without a zone."""
    offset_ms = _offset_ms(at, moment_ms // _HOUR_MS)
    if offset_ms is None:
        return (_EPOCH + timedelta(milliseconds=moment_ms)).astimezone(at).replace(tzinfo=None, fold=0)
    return _EPOCH_SHOWN + timedelta(milliseconds=moment_ms + offset_ms)


@lru_cache(maxsize=1 << 14)
def _offset_ms(at: ZoneInfo, hour: int) -> int | None:
    """Return the offset from UTC throughout an hour of UTC; None if the offset changes within it."""
    begin = _EPOCH + timedelta(milliseconds=hour * _HOUR_MS)
    first, last = (moment.astimezone(at).utcoffset() for moment in (begin, begin + _HOUR - _MILLISECOND))
    return None if first is None or first != last else first // _MILLISECOND


def local_day(at: ZoneInfo, moment_ms: int) -> int:
    """Return the local day of a moment."""
    return (_EPOCH + timedelta(milliseconds=moment_ms)).astimezone(at).toordinal() - _EPOCH_ORDINAL


def day_start_ms(at: ZoneInfo, day: int) -> int:
    """Return the first moment of a local day; for a day that the zone skipped, the first moment after it."""
    midnight = datetime.fromordinal(_EPOCH_ORDINAL + day)
    return first_moment(at, midnight, doubled="earlier")


def day_number(day: date) -> int:
    """Return the number of a date."""
    return day.toordinal() - _EPOCH_ORDINAL


@lru_cache(maxsize=1 << 12)
def first_moment(at: ZoneInfo, shown: datetime, doubled: Literal["later", "earlier"] = "later") -> int:
    """Return the moment at which clocks show a local time.

    Args:
        at: The zone.
        shown: The local date and time, without a zone.
        doubled: Which moment to return if clocks are set back and show the time twice.

    Returns:
        The moment. For a time that is skipped because clocks are set forward, the first moment after the gap.
    """
    candidates = [_to_moment(shown.replace(tzinfo=at, fold=fold)) for fold in (0, 1)]
    moments = [moment for moment in candidates if local_time(at, moment) == shown]
    if moments:
        return max(moments) if doubled == "later" else min(moments)
    before, after = sorted(candidates)  # by the offsets before and after the gap: the change is between them
    while after - before > 1:
        middle = (before + after) // 2
        before, after = (before, middle) if local_time(at, middle) > shown else (middle, after)
    return after


def quiet_hours_end(at: ZoneInfo, moment_ms: int, from_minute: int, to_minute: int) -> int | None:
    """Return when the quiet hours end that contain a moment; None if none do.

    They are from `from_minute` (inclusive) to `to_minute` (exclusive), in minutes after local midnight, and span
    midnight if the first is greater. If clocks skip their end, they end at the first moment after the gap; if clocks
    show it twice, at the later moment.
    """
    offset_ms = _offset_ms(at, moment_ms // _HOUR_MS)
    if offset_ms is None:
        now = local_time(at, moment_ms)
        minute = 60 * now.hour + now.minute
    else:
        minute = (moment_ms + offset_ms) // MINUTE_MS % _DAY_MINUTES
    spans_midnight = from_minute > to_minute
    quiet = minute >= from_minute or minute < to_minute if spans_midnight else from_minute <= minute < to_minute
    if not quiet:
        return None
    now = local_time(at, moment_ms)
    day = datetime(now.year, now.month, now.day)  # noqa: DTZ001 - a local time: its zone is `at`
    if spans_midnight and minute >= from_minute:
        day += timedelta(days=1)
    return first_moment(at, day + to_minute * MINUTE_MS * _MILLISECOND)


def _to_moment(aware: datetime) -> int:
    return (aware - _EPOCH) // _MILLISECOND
