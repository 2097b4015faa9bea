"""Time zones: those of the tzdata package, clock changes in both directions, and skipped days."""

from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.units.time_zones import (
    day_number,
    day_start_ms,
    first_moment,
    load_zone,
    local_day,
    local_time,
    quiet_hours_end,
    zone_names,
)
from state.units.timestamps import MINUTE_MS, format_ms, parse_rfc3339

# Zones with unusual clock changes: by half an hour, a skipped midnight, a skipped day, a change at 00:01.
UNUSUAL_ZONES = (
    "Europe/Berlin",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/St_Johns",
    "Asia/Beirut",
)
LATEST_LOCAL = datetime(2200, 1, 1)  # noqa: DTZ001 - local


def first(name: str, local: str, prefer: str = "later") -> str:
    return format_ms(
        first_moment(load_zone(name), datetime.fromisoformat(local), "earlier" if prefer != "later" else "later")
    )


def test_the_zones_are_those_of_the_tzdata_package() -> None:
    assert version("tzdata")
    assert {"UTC", "Europe/Moscow", "America/Argentina/Buenos_Aires"} <= zone_names()
    assert "localtime" not in zone_names(), "a name that only operating systems have"
    assert all(load_zone(name).key == name for name in zone_names())


@pytest.mark.parametrize(
    ("name", "fallback", "key"),
    [
        ("Europe/Moscow", "UTC", "Europe/Moscow"),
        (None, "Europe/Moscow", "Europe/Moscow"),
        ("Mars/Phobos", "Europe/Moscow", "Europe/Moscow"),
        ("europe/moscow", "UTC", "UTC"),
        ("../../etc/passwd", "Mars/Phobos", "UTC"),
        ("", "", "UTC"),
    ],
)
def test_an_unknown_zone_is_replaced_by_the_fallback(name: str | None, fallback: str, key: str) -> None:
    assert load_zone(name, fallback).key == key


@pytest.mark.parametrize(
    ("name", "local", "prefer", "moment"),
    [
        ("Europe/Moscow", "2026-05-12T09:30", "later", "2026-05-12T06:30:00.000Z"),
        ("Europe/Berlin", "2026-03-29T02:30", "later", "2026-03-29T01:00:00.000Z"),  # skipped
        ("Europe/Berlin", "2026-03-29T02:00", "later", "2026-03-29T01:00:00.000Z"),  # the first that is skipped
        ("Europe/Berlin", "2026-03-29T03:00", "later", "2026-03-29T01:00:00.000Z"),  # the first after the gap
        ("Europe/Berlin", "2026-10-25T02:30", "later", "2026-10-25T01:30:00.000Z"),  # occurs twice
        ("Europe/Berlin", "2026-10-25T02:30", "earlier", "2026-10-25T00:30:00.000Z"),
        ("Europe/Berlin", "2026-10-25T02:00", "later", "2026-10-25T01:00:00.000Z"),  # the first that occurs twice
        ("Europe/Berlin", "2026-10-25T03:00", "earlier", "2026-10-25T02:00:00.000Z"),  # occurs once
        ("Australia/Lord_Howe", "2026-10-04T02:15", "later", "2026-10-03T15:30:00.000Z"),  # a gap of half an hour
        ("America/Sao_Paulo", "2018-11-04T00:00", "later", "2018-11-04T03:00:00.000Z"),  # no midnight
        ("Pacific/Apia", "2011-12-30T00:00", "later", "2011-12-30T10:00:00.000Z"),  # a skipped day
        ("Pacific/Apia", "2011-12-30T17:00", "later", "2011-12-30T10:00:00.000Z"),
        ("Pacific/Apia", "2011-12-31T00:00", "later", "2011-12-30T10:00:00.000Z"),
        ("Pacific/Kwajalein", "1993-08-21T12:00", "later", "1993-08-21T12:00:00.000Z"),  # a skipped day
        ("Europe/Berlin", "2150-07-01T12:00", "later", "2150-07-01T10:00:00.000Z"),  # by the last rule of the zone
    ],
)
def test_skipped_and_repeated_local_times_have_a_defined_moment(
    name: str, local: str, prefer: str, moment: str
) -> None:
    assert first(name, local, prefer) == moment


@pytest.mark.parametrize(
    ("name", "day", "expected"),
    [
        ("UTC", "2026-05-12", "2026-05-12T00:00:00.000Z"),
        ("Europe/Moscow", "2026-05-12", "2026-05-11T21:00:00.000Z"),
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00.000Z"),
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00.000Z"),
        ("America/Havana", "2026-11-01", "2026-11-01T04:00:00.000Z"),  # the first of two midnights
    ],
)
def test_a_local_day_starts_at_its_first_moment(name: str, day: str, expected: str) -> None:
    zone, number = load_zone(name), day_number(date.fromisoformat(day))
    begin = day_start_ms(zone, number)
    assert format_ms(begin) == expected
    assert local_day(zone, begin - 1) < number <= local_day(zone, begin)


def test_a_day_changes_at_local_midnight() -> None:
    moscow = load_zone("Europe/Moscow")
    assert local_day(moscow, parse_rfc3339("2026-05-12T20:59:59.999Z")) == day_number(date(2026, 5, 12))
    assert local_day(moscow, parse_rfc3339("2026-05-12T21:00:00.000Z")) == day_number(date(2026, 5, 13))
    assert local_day(load_zone("America/New_York"), 0) == -1


@pytest.mark.parametrize(
    ("name", "moment", "hours", "end"),
    [
        ("UTC", "2026-05-12T20:59:59.999Z", (21, 9), None),
        ("UTC", "2026-05-12T21:00:00.000Z", (21, 9), "2026-05-13T09:00:00.000Z"),
        ("UTC", "2026-05-13T08:59:59.999Z", (21, 9), "2026-05-13T09:00:00.000Z"),
        ("UTC", "2026-05-13T09:00:00.000Z", (21, 9), None),
        ("UTC", "2026-05-13T12:59:00.000Z", (12, 13), "2026-05-13T13:00:00.000Z"),
        ("UTC", "2026-05-13T11:59:00.000Z", (12, 13), None),
        ("UTC", "2026-05-13T22:00:00.000Z", (21, 0), "2026-05-14T00:00:00.000Z"),
        ("UTC", "2026-05-13T00:00:00.000Z", (0, 6), "2026-05-13T06:00:00.000Z"),
        ("Europe/Moscow", "2026-05-12T18:30:00.000Z", (21, 9), "2026-05-13T06:00:00.000Z"),
        ("Europe/Berlin", "2026-03-29T00:30:00.000Z", (21, 2), "2026-03-29T01:00:00.000Z"),  # the end is skipped
        ("Europe/Berlin", "2026-10-24T23:30:00.000Z", (21, 2), "2026-10-25T01:00:00.000Z"),  # the end occurs twice
        ("Europe/Berlin", "2026-10-25T00:30:00.000Z", (21, 2), None),  # the first occurrence of the end: not quiet
        ("Europe/Berlin", "2026-10-25T00:30:00.000Z", (2, 3), "2026-10-25T02:00:00.000Z"),
        ("Pacific/Apia", "2011-12-30T09:30:00.000Z", (21, 9), "2011-12-30T10:00:00.000Z"),  # the next day is skipped
    ],
)
def test_quiet_hours_end_by_local_time(name: str, moment: str, hours: tuple[int, int], end: str | None) -> None:
    until = quiet_hours_end(load_zone(name), parse_rfc3339(moment), 60 * hours[0], 60 * hours[1])
    assert (None if until is None else format_ms(until)) == end


minutes = st.integers(0, (LATEST_LOCAL - datetime(1970, 1, 2)) // timedelta(minutes=1))  # noqa: DTZ001 - local
names = st.sampled_from(UNUSUAL_ZONES) | st.sampled_from(sorted(zone_names()))


@st.composite
def near_changes(draw: st.DrawFn) -> tuple[str, datetime]:
    """Return a zone and a local time, near a clock change if the half year after a random moment has one."""
    name, minute = draw(names), draw(minutes)
    zone, moment = load_zone(name), minute * MINUTE_MS
    year_ms = 365 * 86_400_000
    low, high = moment, moment + year_ms // 2
    if _offset(name, low) != _offset(name, high):
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if _offset(name, middle) == _offset(name, low) else (low, middle)
        moment = high + draw(st.integers(-180, 180)) * MINUTE_MS
    local = local_time(zone, max(moment, 0))
    return name, local + timedelta(minutes=draw(st.integers(-90, 90)))


def _offset(name: str, moment_ms: int) -> timedelta:
    return local_time(load_zone(name), moment_ms) - datetime(1970, 1, 1) - timedelta(milliseconds=moment_ms)  # noqa: DTZ001


@given(near_changes())
def test_the_first_moment_equals_that_of_an_exhaustive_search(case: tuple[str, datetime]) -> None:
    """Of all moments within 27 hours: the first and last that show the local time, or the first one past it."""
    name, local = case
    zone = load_zone(name)
    middle = int((local.replace(tzinfo=UTC)).timestamp()) * 1000
    step = 1000 if local.microsecond == 0 else 1
    later, earlier = first_moment(zone, local), first_moment(zone, local, "earlier")
    half_hours = range(middle - 27 * 3_600_000, middle + 27 * 3_600_000, 1_800_000)
    showing = {
        moment
        for begin in half_hours
        if abs(local_time(zone, begin) - local) <= timedelta(hours=2)
        for moment in (begin + (local - local_time(zone, begin)) // timedelta(milliseconds=1),)
        if local_time(zone, moment) == local
    }
    if showing:
        assert (earlier, later) == (min(showing), max(showing))
    else:
        assert later == earlier
        assert local_time(zone, later - step) < local < local_time(zone, later)


@given(names, minutes, st.integers(0, 1439), st.integers(0, 1439))
def test_the_end_of_quiet_hours_is_near_and_not_quiet(name: str, minute: int, begin: int, end: int) -> None:
    """The end is within 26 hours of the moment, and is not quiet if the clock shows the configured end."""
    zone, moment = load_zone(name), minute * MINUTE_MS
    if begin == end:
        return
    until = quiet_hours_end(zone, moment, begin, end)
    if until is None:
        return
    assert moment < until <= moment + 26 * 3_600_000
    local = local_time(zone, until)
    if 60 * local.hour + local.minute == end:
        assert quiet_hours_end(zone, until, begin, end) is None
