"""Local time: zones of the tzdata package, clocks that are set forward and back, days that there are not."""

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

# Where clocks do odd things: half hours, a midnight that is left out, a whole day left out, a change at 00:01.
ODD = ("Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Pacific/Apia", "America/St_Johns", "Asia/Beirut")
AFTER_ALL_OF_THESE = datetime(2200, 1, 1)  # noqa: DTZ001 - local


def first(name: str, shown: str, doubled: str = "later") -> str:
    return format_ms(
        first_moment(load_zone(name), datetime.fromisoformat(shown), "earlier" if doubled != "later" else "later")
    )


def test_the_zones_are_those_of_the_pinned_package() -> None:
    assert version("tzdata")
    assert {"UTC", "Europe/Moscow", "America/Argentina/Buenos_Aires"} <= zone_names()
    assert "localtime" not in zone_names(), "a name that systems have of their own"
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
def test_a_zone_that_is_not_known_is_the_fallback(name: str | None, fallback: str, key: str) -> None:
    assert load_zone(name, fallback).key == key


@pytest.mark.parametrize(
    ("name", "shown", "doubled", "moment"),
    [
        ("Europe/Moscow", "2026-05-12T09:30", "later", "2026-05-12T06:30:00.000Z"),
        ("Europe/Berlin", "2026-03-29T02:30", "later", "2026-03-29T01:00:00.000Z"),  # left out
        ("Europe/Berlin", "2026-03-29T02:00", "later", "2026-03-29T01:00:00.000Z"),  # the first that is left out
        ("Europe/Berlin", "2026-03-29T03:00", "later", "2026-03-29T01:00:00.000Z"),  # the first after the gap
        ("Europe/Berlin", "2026-10-25T02:30", "later", "2026-10-25T01:30:00.000Z"),  # shown twice
        ("Europe/Berlin", "2026-10-25T02:30", "earlier", "2026-10-25T00:30:00.000Z"),
        ("Europe/Berlin", "2026-10-25T02:00", "later", "2026-10-25T01:00:00.000Z"),  # the first that is shown twice
        ("Europe/Berlin", "2026-10-25T03:00", "earlier", "2026-10-25T02:00:00.000Z"),  # shown once
        ("Australia/Lord_Howe", "2026-10-04T02:15", "later", "2026-10-03T15:30:00.000Z"),  # a gap of half an hour
        ("America/Sao_Paulo", "2018-11-04T00:00", "later", "2018-11-04T03:00:00.000Z"),  # no midnight
        ("Pacific/Apia", "2011-12-30T00:00", "later", "2011-12-30T10:00:00.000Z"),  # a whole day left out
        ("Pacific/Apia", "2011-12-30T17:00", "later", "2011-12-30T10:00:00.000Z"),
        ("Pacific/Apia", "2011-12-31T00:00", "later", "2011-12-30T10:00:00.000Z"),
        ("Pacific/Kwajalein", "1993-08-21T12:00", "later", "1993-08-21T12:00:00.000Z"),  # likewise
        ("Europe/Berlin", "2150-07-01T12:00", "later", "2150-07-01T10:00:00.000Z"),  # by the rule that is last
    ],
)
def test_a_local_time_comes_once_or_after_the_gap_or_as_asked(name: str, shown: str, doubled: str, moment: str) -> None:
    assert first(name, shown, doubled) == moment


@pytest.mark.parametrize(
    ("name", "day", "begins"),
    [
        ("UTC", "2026-05-12", "2026-05-12T00:00:00.000Z"),
        ("Europe/Moscow", "2026-05-12", "2026-05-11T21:00:00.000Z"),
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00.000Z"),
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00.000Z"),
        ("America/Havana", "2026-11-01", "2026-11-01T04:00:00.000Z"),  # midnight is shown twice: the day has begun
    ],
)
def test_a_local_day_begins_at_its_first_moment(name: str, day: str, begins: str) -> None:
    at, number = load_zone(name), day_number(date.fromisoformat(day))
    begin = day_start_ms(at, number)
    assert format_ms(begin) == begins
    assert local_day(at, begin - 1) < number <= local_day(at, begin)


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
        ("Europe/Berlin", "2026-03-29T00:30:00.000Z", (21, 2), "2026-03-29T01:00:00.000Z"),  # the end is left out
        ("Europe/Berlin", "2026-10-24T23:30:00.000Z", (21, 2), "2026-10-25T01:00:00.000Z"),  # the end comes twice
        ("Europe/Berlin", "2026-10-25T00:30:00.000Z", (21, 2), None),  # shown at the end's first coming: not quiet
        ("Europe/Berlin", "2026-10-25T00:30:00.000Z", (2, 3), "2026-10-25T02:00:00.000Z"),
        ("Pacific/Apia", "2011-12-30T09:30:00.000Z", (21, 9), "2011-12-30T10:00:00.000Z"),  # tomorrow is left out
    ],
)
def test_quiet_hours_end_by_the_clock_on_the_wall(
    name: str, moment: str, hours: tuple[int, int], end: str | None
) -> None:
    until = quiet_hours_end(load_zone(name), parse_rfc3339(moment), 60 * hours[0], 60 * hours[1])
    assert (None if until is None else format_ms(until)) == end


minutes = st.integers(0, (AFTER_ALL_OF_THESE - datetime(1970, 1, 2)) // timedelta(minutes=1))  # noqa: DTZ001 - local
names = st.sampled_from(ODD) | st.sampled_from(sorted(zone_names()))


@st.composite
def near_changes(draw: st.DrawFn) -> tuple[str, datetime]:
    """A local time near one at which the clock of a zone is set, if one is found."""
    name, minute = draw(names), draw(minutes)
    at, moment = load_zone(name), minute * MINUTE_MS
    year_ms = 365 * 86_400_000
    low, high = moment, moment + year_ms // 2
    if _offset(name, low) != _offset(name, high):
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if _offset(name, middle) == _offset(name, low) else (low, middle)
        moment = high + draw(st.integers(-180, 180)) * MINUTE_MS
    shown = local_time(at, max(moment, 0))
    return name, shown + timedelta(minutes=draw(st.integers(-90, 90)))


def _offset(name: str, moment_ms: int) -> timedelta:
    return local_time(load_zone(name), moment_ms) - datetime(1970, 1, 1) - timedelta(milliseconds=moment_ms)  # noqa: DTZ001


@given(near_changes())
def test_the_moment_found_is_the_one_that_watching_the_clock_finds(case: tuple[str, datetime]) -> None:
    """Every second of the 27 hours before and after, near the moment: the last to show it, or the first past it."""
    name, shown = case
    at = load_zone(name)
    middle = int((shown.replace(tzinfo=UTC)).timestamp()) * 1000
    step = 1000 if shown.microsecond == 0 else 1
    found_later, found_earlier = first_moment(at, shown), first_moment(at, shown, "earlier")
    half_hours = range(middle - 27 * 3_600_000, middle + 27 * 3_600_000, 1_800_000)
    shows = {
        moment
        for begin in half_hours
        if abs(local_time(at, begin) - shown) <= timedelta(hours=2)
        for moment in (begin + (shown - local_time(at, begin)) // timedelta(milliseconds=1),)
        if local_time(at, moment) == shown
    }
    if shows:
        assert (found_earlier, found_later) == (min(shows), max(shows))
    else:
        assert found_later == found_earlier
        assert local_time(at, found_later - step) < shown < local_time(at, found_later)


@given(names, minutes, st.integers(0, 1439), st.integers(0, 1439))
def test_no_moment_before_the_end_of_quiet_hours_is_missed(name: str, minute: int, begin: int, end: int) -> None:
    """The end is after the moment, within 26 hours, and at an end that the clock shows no quiet is left."""
    at, moment = load_zone(name), minute * MINUTE_MS
    if begin == end:
        return
    until = quiet_hours_end(at, moment, begin, end)
    if until is None:
        return
    assert moment < until <= moment + 26 * 3_600_000
    shown = local_time(at, until)
    if 60 * shown.hour + shown.minute == end:
        assert quiet_hours_end(at, until, begin, end) is None
