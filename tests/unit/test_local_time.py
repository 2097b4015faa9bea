"""Local time is found by the offset of the hour; it must be what `datetime` says at every change of a clock."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from state.units.time_zones import load_zone, local_time
from state.units.timestamps import DAY_MS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR_MS = 3_600_000
_STEP_MS = 20 * DAY_MS
_ENDS_MS = 75 * 365 * DAY_MS


def _at(moment_ms: int, at: ZoneInfo) -> datetime:
    return (_EPOCH + timedelta(milliseconds=moment_ms)).astimezone(at)


def _changes(at: ZoneInfo) -> Iterator[int]:
    """The moments at which the zone's clock is put on or back, up to 2044."""
    for begin in range(0, _ENDS_MS, _STEP_MS):
        before = _at(begin, at).utcoffset()
        if before == _at(begin + _STEP_MS, at).utcoffset():
            continue
        low, high = begin, begin + _STEP_MS
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if _at(middle, at).utcoffset() == before else (low, middle)
        yield high


@pytest.mark.parametrize(
    "name",
    [
        "Europe/Berlin",
        "Europe/Moscow",
        "America/New_York",
        "America/St_Johns",  # for years one minute after midnight
        "Australia/Lord_Howe",  # by half an hour
        "Asia/Kathmandu",  # by a quarter of an hour, once
        "Pacific/Apia",  # by a day, once
        "Africa/Monrovia",  # by 44 minutes and 30 seconds, once
        "Antarctica/Troll",  # by two hours
    ],
)
def test_the_clock_shows_what_datetime_says_around_every_change(name: str) -> None:
    at = load_zone(name)
    changes = list(_changes(at))
    assert changes
    for change in changes:
        for away in (-_HOUR_MS, -_HOUR_MS // 2, -1, 0, 1, _HOUR_MS // 2, _HOUR_MS):
            shown = _at(change + away, at).replace(tzinfo=None, fold=0)
            assert local_time(at, change + away) == shown, (name, change, away)
