"""Timestamps: parsed strictly, truncated to the millisecond, and written in one format."""

from datetime import UTC, datetime

import pytest

from state.units.timestamps import DAY_MS, format_ms, is_birth_date, is_zone_name, parse_rfc3339

HALF_PAST_NINE = int(datetime(2026, 5, 12, 9, 30, tzinfo=UTC).timestamp()) * 1000
LAST = int(datetime(2200, 1, 1, tzinfo=UTC).timestamp()) * 1000 - 1


@pytest.mark.parametrize(
    ("text", "moment_ms"),
    [
        ("2026-05-12T09:30:00Z", HALF_PAST_NINE),
        ("2026-05-12t09:30:00z", HALF_PAST_NINE),
        ("2026-05-12T09:30:00.000Z", HALF_PAST_NINE),
        ("2026-05-12T12:30:00+03:00", HALF_PAST_NINE),
        ("2026-05-12T12:30:00.123+03:00", HALF_PAST_NINE + 123),
        ("2026-05-11T21:45:00-11:45", HALF_PAST_NINE),
        ("2026-05-13T09:29:00+23:59", HALF_PAST_NINE),
        ("2026-05-12T09:30:00-00:00", HALF_PAST_NINE),
        ("2026-05-12T09:30:00.5Z", HALF_PAST_NINE + 500),
        ("2026-05-12T09:30:00.05Z", HALF_PAST_NINE + 50),
        ("2026-05-12T09:30:00.123456Z", HALF_PAST_NINE + 123),
        ("2026-05-12T09:30:00.9999999999999999999Z", HALF_PAST_NINE + 999),
        ("2026-05-12T09:30:59.999Z", HALF_PAST_NINE + 59_999),
        ("2024-02-29T00:00:00Z", 19_782 * DAY_MS),
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:30:00-00:30", 0),
        ("2199-12-31T23:59:59.999Z", LAST),
        ("2200-01-01T00:59:59.999+01:00", LAST),
        ("2016-12-31T23:59:60Z", 17_167 * DAY_MS),
        ("2016-12-31T23:59:60.250Z", 17_167 * DAY_MS + 250),
        ("2017-01-01T02:59:60+03:00", 17_167 * DAY_MS),
    ],
)
def test_a_moment_with_an_offset_is_truncated_to_the_millisecond(text: str, moment_ms: int) -> None:
    """The expected moments come from the standard library's datetime."""
    assert parse_rfc3339(text) == moment_ms


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-05-12",
        "2026-05-12T09:30:00",
        "2026-05-12T09:30Z",
        "2026-05-12 09:30:00Z",
        "2026-05-12T09:30:00.Z",
        "2026-05-12T09:30:00,5Z",
        "2026-05-12T09:30:00 Z",
        "2026-05-12T09:30:00+0300",
        "2026-05-12T09:30:00+03",
        "2026-05-12T09:30:00+3:00",
        "2026-05-12T09:30:00Z\n",
        " 2026-05-12T09:30:00Z",
        "2026-05-12T09:30:00ZZ",
        "2026-5-12T09:30:00Z",
        "20260512T093000Z",
        "2026-W20-2T09:30:00Z",
        "+2026-05-12T09:30:00Z",
        "2026-05-12T9:30:00Z",
        "２０２６-05-12T09:30:00Z",
        "2026-05-12T09:30:0٣Z",
        "2026-05-12T09:30:00.12٣Z",
        "1778578200000",
        "12 May 2026 09:30:00 GMT",
    ],
)
def test_a_text_that_is_not_rfc_3339_with_an_offset_is_refused(text: str) -> None:
    """Missing offsets, other notations and digits of other scripts are not interpreted."""
    with pytest.raises(ValueError, match="must be an RFC 3339 moment with an offset"):
        parse_rfc3339(text)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("2026-02-29T00:00:00Z", "a date that exists"),
        ("2026-13-01T00:00:00Z", "a date that exists"),
        ("2026-00-10T00:00:00Z", "a date that exists"),
        ("2026-04-31T00:00:00Z", "a date that exists"),
        ("0000-01-01T00:00:00Z", "a date that exists"),
        ("2026-05-12T24:00:00Z", "a time of day"),
        ("2026-05-12T09:60:00Z", "a time of day"),
        ("2026-05-12T09:30:61Z", "a time of day"),
        ("2026-05-12T09:30:00+24:00", "an offset"),
        ("2026-05-12T09:30:00+03:60", "an offset"),
        ("2026-05-12T09:30:60Z", "a leap second only at the end of a month"),
        ("2026-05-12T23:59:60Z", "a leap second only at the end of a month"),
        ("2016-12-31T23:59:60+03:00", "a leap second only at the end of a month"),
        ("1969-12-31T23:59:59.999Z", "the years 1970 to 2199"),
        ("1970-01-01T00:00:00+00:01", "the years 1970 to 2199"),
        ("2200-01-01T00:00:00Z", "the years 1970 to 2199"),
        ("2199-12-31T23:59:59-00:01", "the years 1970 to 2199"),
        ("2199-12-31T23:59:60Z", "the years 1970 to 2199"),
        ("0001-01-01T00:00:00+23:59", "the years 1970 to 2199"),
        ("9999-12-31T23:59:59-23:59", "the years 1970 to 2199"),
    ],
)
def test_a_nonexistent_or_too_distant_moment_is_refused_with_its_cause(text: str, cause: str) -> None:
    """Leap seconds exist only at the end of a month; years are in UTC."""
    with pytest.raises(ValueError, match=cause):
        parse_rfc3339(text)


def test_more_days_than_the_cache_holds_are_parsed_correctly() -> None:
    """The cache of parsed days is bounded, and evictions do not change results."""
    for day in [*range(0, 84_000, 7), *range(0, 84_000, 7001)]:
        assert parse_rfc3339(format_ms(day * DAY_MS)) == day * DAY_MS


@pytest.mark.parametrize(
    ("moment_ms", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (HALF_PAST_NINE + 7, "2026-05-12T09:30:00.007Z"),
        (LAST, "2199-12-31T23:59:59.999Z"),
        (LAST + 1, "2200-01-01T00:00:00.000Z"),
    ],
)
def test_a_moment_is_written_in_utc_with_milliseconds(moment_ms: int, text: str) -> None:
    """Moments computed from events, such as due times, may be after 2199."""
    assert format_ms(moment_ms) == text


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("1990-12-31", True),
        ("1900-01-01", True),
        ("2199-12-31", True),
        ("2024-02-29", True),
        ("2023-02-29", False),
        ("1899-12-31", False),
        ("2200-01-01", False),
        ("19901231", False),
        ("1990-W01-1", False),
        ("1990-12-31T00:00:00Z", False),
        ("31.12.1990", False),
        ("199٠-12-31", False),
    ],
)
def test_a_birth_date_is_an_existing_date(text: str, *, valid: bool) -> None:
    """Other notations are not interpreted."""
    assert is_birth_date(text) is valid


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("Europe/Moscow", True),
        ("America/Argentina/Buenos_Aires", True),
        ("Etc/GMT+3", True),
        ("UTC", True),
        ("", False),
        ("Europe/", False),
        ("/etc/passwd", False),
        ("../secret", False),
        ("Europe/Москва", False),
        ("GMT +3", False),
    ],
)
def test_without_a_list_a_time_zone_has_the_syntax_of_an_iana_name(text: str, *, valid: bool) -> None:
    """Without a list its existence cannot be checked."""
    assert is_zone_name(text, None) is valid


def test_with_a_list_a_time_zone_is_one_of_its_names() -> None:
    """Its syntax is then irrelevant."""
    assert is_zone_name("Europe/Moscow", {"Europe/Moscow"})
    assert not is_zone_name("Mars/Phobos", {"Europe/Moscow"})
