"""Local time: what the clock on a customer's wall shows at a moment, and when it comes to show something.

The zones are those of the `tzdata` package, whose version the lock pins, never the system's: the same journal gives the
same moments on every machine. They are read once, as facts. Moments are milliseconds since 1970-01-01T00:00:00Z, local
days are counted from 1970-01-01.
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
    """The names of all time zones."""
    return frozenset(files(_DATA).joinpath("zones").read_text().split())


@lru_cache(maxsize=1024)
def load_zone(name: str | None, fallback: str = _UTC) -> ZoneInfo:
    """The time zone of that name; for none, or one that is not known, that of `fallback`, and if need be UTC."""
    names = zone_names()
    return _read(next((each for each in (name, fallback) if each is not None and each in names), _UTC))


@lru_cache(maxsize=1024)
def _read(name: str) -> ZoneInfo:
    return ZoneInfo.from_file(BytesIO(files(_DATA).joinpath("zoneinfo", *name.split("/")).read_bytes()), key=name)


def local_time(at: ZoneInfo, moment_ms: int) -> datetime:
    """What the clock shows at a moment: date and time of day, without a zone."""
    ahead_ms = _ahead_ms(at, moment_ms // _HOUR_MS)
    if ahead_ms is None:
        return (_EPOCH + timedelta(milliseconds=moment_ms)).astimezone(at).replace(tzinfo=None, fold=0)
    return _EPOCH_SHOWN + timedelta(milliseconds=moment_ms + ahead_ms)


@lru_cache(maxsize=1 << 14)
def _ahead_ms(at: ZoneInfo, hour: int) -> int | None:
    """How far the clock is ahead of UTC throughout an hour of UTC; None where it is put on or back within it."""
    begin = _EPOCH + timedelta(milliseconds=hour * _HOUR_MS)
    first, last = (moment.astimezone(at).utcoffset() for moment in (begin, begin + _HOUR - _MILLISECOND))
    return None if first is None or first != last else first // _MILLISECOND


def local_day(at: ZoneInfo, moment_ms: int) -> int:
    """The local day in which a moment lies."""
    return (_EPOCH + timedelta(milliseconds=moment_ms)).astimezone(at).toordinal() - _EPOCH_ORDINAL


def day_start_ms(at: ZoneInfo, day: int) -> int:
    """The first moment of a local day; of a day that there is not, the first moment after it."""
    midnight = datetime.fromordinal(_EPOCH_ORDINAL + day)
    return first_moment(at, midnight, doubled="earlier")


def day_number(day: date) -> int:
    """The number of a date."""
    return day.toordinal() - _EPOCH_ORDINAL


@lru_cache(maxsize=1 << 12)
def first_moment(at: ZoneInfo, shown: datetime, doubled: Literal["later", "earlier"] = "later") -> int:
    """When the clock comes to show a date and time of day.

    Args:
        at: the zone.
        shown: the local date and time, without a zone.
        doubled: which of the two it is where a clock that is set back shows it twice.

    Returns:
        The moment; of a time that is left out, where a clock is set forward, the first moment after the gap.
    """
    one, other = (_moment(shown.replace(tzinfo=at, fold=fold)) for fold in (0, 1))
    shows = [moment for moment in (one, other) if local_time(at, moment) == shown]
    if shows:
        return max(shows) if doubled == "later" else min(shows)
    before, after = sorted((one, other))  # the offsets of both sides of the gap: the change lies between
    while after - before > 1:
        middle = (before + after) // 2
        before, after = (before, middle) if local_time(at, middle) > shown else (middle, after)
    return after


def quiet_hours_end(at: ZoneInfo, moment_ms: int, from_minute: int, to_minute: int) -> int | None:
    """When the quiet hours end in which a moment lies; None if it lies in none.

    They are from `from_minute` (inclusive) to `to_minute` (exclusive), in minutes after local midnight, and span it
    where the first is the greater. An end that the clock leaves out is the first moment after the gap, one that it
    shows twice the later.
    """
    ahead_ms = _ahead_ms(at, moment_ms // _HOUR_MS)
    if ahead_ms is None:
        now = local_time(at, moment_ms)
        minute = 60 * now.hour + now.minute
    else:
        minute = (moment_ms + ahead_ms) // MINUTE_MS % _DAY_MINUTES
    spans_midnight = from_minute > to_minute
    quiet = minute >= from_minute or minute < to_minute if spans_midnight else from_minute <= minute < to_minute
    if not quiet:
        return None
    now = local_time(at, moment_ms)
    day = datetime(now.year, now.month, now.day)  # noqa: DTZ001 - a local time: its zone is `at`
    if spans_midnight and minute >= from_minute:
        day += timedelta(days=1)
    return first_moment(at, day + to_minute * MINUTE_MS * _MILLISECOND)


def _moment(aware: datetime) -> int:
    return (aware - _EPOCH) // _MILLISECOND
