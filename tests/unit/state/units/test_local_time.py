"""Local time is computed from the offset of the hour; it equals that of `datetime` around every clock change."""

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


def _at(moment_ms: int, zone: ZoneInfo) -> datetime:
    return (_EPOCH + timedelta(milliseconds=moment_ms)).astimezone(zone)


def _changes(zone: ZoneInfo) -> Iterator[int]:
    """Yield the moments up to 2044 at which the UTC offset of the zone changes."""
    for begin in range(0, _ENDS_MS, _STEP_MS):
        before = _at(begin, zone).utcoffset()
        if before == _at(begin + _STEP_MS, zone).utcoffset():
            continue
        low, high = begin, begin + _STEP_MS
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if _at(middle, zone).utcoffset() == before else (low, middle)
        yield high


@pytest.mark.parametrize(
    "name",
    [
        "Europe/Berlin",
        "Europe/Moscow",
        "America/New_York",
        "America/St_Johns",  # changed one minute after midnight for years
        "Australia/Lord_Howe",  # changes by half an hour
        "Asia/Kathmandu",  # changed by a quarter of an hour once
        "Pacific/Apia",  # changed by a day once
        "Africa/Monrovia",  # changed by 44 minutes and 30 seconds once
        "Antarctica/Troll",  # changes by two hours
    ],
)
def test_local_time_equals_that_of_datetime_around_every_clock_change(name: str) -> None:
    zone = load_zone(name)
    changes = list(_changes(zone))
    assert changes
    for change in changes:
        for distance_ms in (-_HOUR_MS, -_HOUR_MS // 2, -1, 0, 1, _HOUR_MS // 2, _HOUR_MS):
            expected = _at(change + distance_ms, zone).replace(tzinfo=None, fold=0)
            assert local_time(zone, change + distance_ms) == expected, (name, change, distance_ms)
