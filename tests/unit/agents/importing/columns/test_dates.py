"""Dates and times of a column: which texts are moments, and how the column decides between two readings."""

from datetime import UTC, datetime, timedelta

import pytest

from agents.importing.columns.column_value import MAX_UNREADABLE, CellError, ColumnValue, MissingCell
from agents.importing.columns.dates.decision import (
    DateDecision,
    DateFormat,
    decide_dates,
    is_time_of_day,
    moment_ms,
    parse_moment,
)
from state.units.time_zones import load_zone

MOSCOW = load_zone("Europe/Moscow")
NEW_YORK = load_zone("America/New_York")


def decide(*texts: str, time_format: str | None = None) -> DateDecision:
    values = [ColumnValue(text, 1, line) for line, text in enumerate(texts, start=2)]
    return decide_dates(values, "occurred_at", time_format=time_format)


def shown(text: str, date_format: DateFormat | None = None) -> str:
    return parse_moment(text, date_format or DateFormat()).isoformat()


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-03-09", "2024-03-09T00:00:00"),
        ("2024/3/9 7:05", "2024-03-09T07:05:00"),
        ("2024.03.09", "2024-03-09T00:00:00"),
        ("2024. 03. 09.", "2024-03-09T00:00:00"),
        ("2024-03-09T17:45:10", "2024-03-09T17:45:10"),
        ("2024-03-09 17:45:10.123456789", "2024-03-09T17:45:10.123000"),
        ("2024-03-09 17:45:10,9", "2024-03-09T17:45:10.900000"),
        ("2024-03-09T17:45:10Z", "2024-03-09T17:45:10+00:00"),
        ("2024-03-09T17:45:10.5+05:30", "2024-03-09T17:45:10.500000+05:30"),
        ("2024-03-09 17:45:10 -0400", "2024-03-09T17:45:10-04:00"),
        ("2024-03-09 17:45:10+03", "2024-03-09T17:45:10+03:00"),
        ("2024-03-09 17:45:10 UTC", "2024-03-09T17:45:10+00:00"),
        ("2024-03-09 17:45:10 PST", "2024-03-09T17:45:10-08:00"),
        ("2024-03-09 17:45:10 Europe/Moscow", "2024-03-09T17:45:10+03:00"),
        ("2024-03-09T17:45:10+01:00[Europe/Berlin]", "2024-03-09T17:45:10+01:00"),
        ("2024-03-09 17:45:10 +0300 MSK", "2024-03-09T17:45:10+03:00"),
        ("2024-03-09 24:00", "2024-03-10T00:00:00"),
        ("20240309", "2024-03-09T00:00:00"),
        ("20240309T174510Z", "2024-03-09T17:45:10+00:00"),
        ("20240309174510", "2024-03-09T17:45:10"),
        ("23.03.2024", "2024-03-23T00:00:00"),
        ("23.3.2024 7:05", "2024-03-23T07:05:00"),
        ("23.03.2024 г. 17:45", "2024-03-23T17:45:00"),
        ("23.3.2024 klo 17.45", "2024-03-23T17:45:00"),
        ("23/03/99", "1999-03-23T00:00:00"),
        ("3/23/2024 5:45 PM", "2024-03-23T17:45:00"),
        ("03/23/2024, 12:05:00 a.m.", "2024-03-23T00:05:00"),
        ("23/03/2024 à 17h45", "2024-03-23T17:45:00"),
        ("5:45 PM 3/23/2024", "2024-03-23T17:45:00"),
        ("27. prosinec 2023 22:57:12", "2023-12-27T22:57:12"),
        ("9 марта 2024 г. в 17:45", "2024-03-09T17:45:00"),
        ("9 мар. 2024", "2024-03-09T00:00:00"),
        ("9 наурыз 2024", "2024-03-09T00:00:00"),
        ("9 березня 2024 р.", "2024-03-09T00:00:00"),
        ("9-Mar-24", "2024-03-09T00:00:00"),
        ("09MAR2024", "2024-03-09T00:00:00"),
        ("Mar-09-24", "2024-03-09T00:00:00"),
        ("March 9, 2024 at 5:45 PM", "2024-03-09T17:45:00"),
        ("Sept. 9th, 2024", "2024-09-09T00:00:00"),
        ("Sat, 09 Mar 2024 17:45:10 GMT", "2024-03-09T17:45:10+00:00"),
        ("Sat Mar  9 17:45:10 2024", "2024-03-09T17:45:10"),
        ("Sat Mar 09 17:45:10 MSK 2024", "2024-03-09T17:45:10+03:00"),
        ("Sat Mar 09 2024 17:45:10 GMT+0300 (Moscow Standard Time)", "2024-03-09T17:45:10+03:00"),
        ("Samstag, 9. März 2024, 17:45 Uhr", "2024-03-09T17:45:00"),
        ("sábado, 9 de março de 2024", "2024-03-09T00:00:00"),
        ("Segunda-feira, 11 de março de 2024", "2024-03-11T00:00:00"),
        ("п'ятниця, 8 березня 2024 р.", "2024-03-08T00:00:00"),
        ("9 Mart 2024 Cumartesi 17:45", "2024-03-09T17:45:00"),
        ("2024. március 9., szombat", "2024-03-09T00:00:00"),
        ("maanantaina 11. maaliskuuta 2024 klo 17.45", "2024-03-11T17:45:00"),
        ("9. ožujka 2024.", "2024-03-09T00:00:00"),
        ("9 de marzo de 2024", "2024-03-09T00:00:00"),
        ("9 mars 2024", "2024-03-09T00:00:00"),
        ("2024 m. kovo 9 d.", "2024-03-09T00:00:00"),
        ("2024. gada 9. marts", "2024-03-09T00:00:00"),
        ("2024. március 9.", "2024-03-09T00:00:00"),
        ("9 Μαρτίου 2024", "2024-03-09T00:00:00"),
        ("2024年3月9日", "2024-03-09T00:00:00"),
        ("2024年3月9日 17時45分10秒", "2024-03-09T17:45:10"),
        ("2024년 3월 9일 오후 5:45", "2024-03-09T17:45:00"),
        ("2024년 3월 9일 오후 5시 7분 9초 UTC", "2024-03-09T17:07:09+00:00"),
        ("9 март 2024 г., 17:45:10 ч. UTC", "2024-03-09T17:45:10+00:00"),
        ("9. Jänner 2024", "2024-01-09T00:00:00"),
        ("9 mars 2024 à 17 h 45", "2024-03-09T17:45:00"),
        ("2024/3/9 下午 5:45:10", "2024-03-09T17:45:10"),
        ("09/Mar/2024:17:45:10 +0300", "2024-03-09T17:45:10+03:00"),
        ("17:45:10 Mar 09, 2024 PDT", "2024-03-09T17:45:10-07:00"),
        ("09-MAR-24 05.45.10.123456 PM", "2024-03-09T17:45:10.123000"),
        ("1709999110", "2024-03-09T15:45:10+00:00"),
        ("1709999110.25", "2024-03-09T15:45:10.250000+00:00"),
        ("1709999110123", "2024-03-09T15:45:10.123000+00:00"),
        ("1709999110123456", "2024-03-09T15:45:10.123000+00:00"),
        ("1709999110123456789", "2024-03-09T15:45:10.123000+00:00"),
        ("45360", "2024-03-09T00:00:00"),
        ("45360,75", "2024-03-09T18:00:00"),
        ("45360.7291666667", "2024-03-09T17:30:00"),
    ],
)
def test_a_text_that_is_one_moment_is_read_as_it(text: str, moment: str) -> None:
    assert shown(text) == moment


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("9999-12-31", "years 1970 to 2199"),
        ("1969-12-31", "years 1970 to 2199"),
        ("2024-02-30", "date that exists"),
        ("31.04.2024", "date that exists"),
        ("2024-03-09 25:00", "time of day that exists"),
        ("2024-03-09 13:00 AM", "time of day that exists"),
        ("17:45:10", "a date besides the time"),
        ("5:45 PM", "a date besides the time"),
        ("2024-W10", "a date and time"),
        ("2024-03", "a date and time"),
        ("March 2024", "a date and time"),
        ("2024", "a date and time"),
        ("240309", "a date and time"),
        ("9 Foo 2024", "a date and time"),
        ("Foo, 9 Mar 2024", "a date and time"),
        ("2024-03-09 17:45 FOO", "a date and time"),
        ("2024-03-09 PM", "a date and time"),
        ("9 Mar 10:12:30", "a date and time"),
        ("638000000000000000", "a date and time"),
        ("-1709999110", "a date and time"),
        ("12345", "years 1970 to 2199 as serial"),
        ("abc", "a date and time"),
        ("", "a date and time"),
        ("9" * 5000, "a date and time"),
        ("05/06/2024", "can be two dates"),
        ("12 listopad 2024", "can be two dates"),
    ],
)
def test_a_text_that_is_no_moment_or_two_is_an_error(text: str, reason: str) -> None:
    with pytest.raises(CellError, match=reason):
        parse_moment(text, DateFormat())


@pytest.mark.parametrize("text", ["0000-00-00", "0000-00-00 00:00:00", "00.00.0000", "-", "N/A", "NaT"])
def test_a_text_for_nothing_is_missing(text: str) -> None:
    with pytest.raises(MissingCell):
        parse_moment(text, DateFormat())
    decision = decide("2024-03-09 10:00:00", "2024-03-09", "23.03.2024", text)
    assert (decision.missing_cells, decision.unreadable_cells) == (1, 0)


@pytest.mark.parametrize(
    ("texts", "form", "moment"),
    [
        (["05/06/2024", "10/19/2024"], "month_first", "2024-05-06"),
        (["05/06/2024", "19/10/2024"], "day_first", "2024-06-05"),
        (["5/6/24", "12/31/24"], "month_first", "2024-05-06"),
        (["05-06-2024", "31-12-2024"], "day_first", "2024-06-05"),
        (["05.06.2024"], "day_first", "2024-06-05"),
        (["05.06.24"], "day_first", "2024-06-05"),
        (["05.06.2024", "12.31.2024"], "month_first", "2024-05-06"),
        (["9/10/2024", "13/05/2024"], "day_first", "2024-10-09"),
        (["05/06/2024 5:45 PM", "5/6/2024", "10/19/2024"], "month_first", "2024-05-06"),
        ([f"{year}-05-{day:02}" for year in (23, 24) for day in range(1, 31)], "year_first", "2023-05-01"),
        ([f"{day:02}-05-{year}" for year in (23, 24) for day in range(1, 31)], "day_first", "2023-05-01"),
    ],
)
def test_one_date_proves_the_order_of_all(texts: list[str], form: str, moment: str) -> None:
    decision = decide(*texts)
    assert decision.question is None
    assert decision.format is not None
    assert shown(texts[0], decision.format)[:10] == moment
    (assumption,) = [each for each in decision.assumptions if each.subject == "occurred_at.order"]
    assert assumption.value == form
    assert f"-> {moment}" in assumption.evidence
    assert assumption.option == "--time-format"


@pytest.mark.parametrize(
    ("texts", "choices"),
    [
        (["05/06/2024"], {"day_first": "05/06/2024 -> 2024-06-05", "month_first": "05/06/2024 -> 2024-05-06"}),
        (["05-06-2024 17:45"], {"day_first": "-> 2024-06-05 17:45", "month_first": "-> 2024-05-06 17:45"}),
        (["24-05-06"], {"day_first": "-> 2006-05-24", "year_first": "-> 2024-05-06"}),
        (["04/05/06"], {"day_first": "2006-05-04", "month_first": "2006-04-05", "year_first": "2004-05-06"}),
        (["24. 3. 15."], {"day_first": "-> 2015-03-24", "year_first": "-> 2024-03-15"}),
        # Dates with slashes prove nothing about dates with dashes, and padded dates nothing about others.
        (["05/06/2024", "19-10-2024"], {"day_first": "-> 2024-06-05", "month_first": "-> 2024-05-06"}),
        (["1/4/2024", "13/01/2024"], {"day_first": "-> 2024-04-01", "month_first": "-> 2024-01-04"}),
        (["05/06/2024", "19/10/2024", "10/19/2024"], {"day_first": "2024-06-05", "month_first": "2024-05-06"}),
        (["12 lis 2024"], {"months_cs": "-> 2024-11-12", "months_hr": "-> 2024-10-12"}),
    ],
)
def test_what_nothing_proves_is_asked_with_the_results(texts: list[str], choices: dict[str, str]) -> None:
    decision = decide(*texts)
    assert decision.format is None
    assert decision.question is not None
    assert decision.question.key == "time_format"
    assert {choice.value for choice in decision.question.choices} == set(choices)
    for choice in decision.question.choices:
        assert choices[choice.value] in choice.meaning
        assert f"--time-format {choice.value}" in decision.question.option
        answered = decide(*texts, time_format=choice.value)
        assert answered.question is None
        assert answered.format is not None
        assert shown(texts[0], answered.format)[:10] in choice.meaning


def test_the_more_frequent_order_is_the_first_choice() -> None:
    decision = decide("05/06/2024", "19/10/2024", "10/19/2024", "10/20/2024")
    assert decision.question is not None
    assert [choice.value for choice in decision.question.choices] == ["month_first", "day_first"]
    assert 'line 3: "19/10/2024"' in decision.question.text


def test_a_date_that_has_one_reading_is_read_so_whatever_is_decided() -> None:
    decision = decide("19/10/2024", "10/19/2024")
    assert decision.question is None
    assert decision.format is not None
    assert shown("19/10/2024", decision.format) == shown("10/19/2024", decision.format) == "2024-10-19T00:00:00"
    assert shown("10/19/2024", DateFormat("day_first")) == "2024-10-19T00:00:00"
    assert decision.assumptions[0].value == "both"


def test_the_language_of_other_months_decides_what_a_name_means() -> None:
    czech = decide("12 listopad 2024", "27. prosinec 2023")
    croatian = decide("12 listopad 2024", "27. prosinac 2023")
    assert czech.format is not None
    assert croatian.format is not None
    assert shown("12 listopad 2024", czech.format) == "2024-11-12T00:00:00"
    assert shown("12 listopad 2024", croatian.format) == "2024-10-12T00:00:00"


def test_unix_time_and_day_numbers_are_reported_with_an_example() -> None:
    assumptions = decide("1709999110123", "45360.5").assumptions
    assert [(each.value, each.evidence) for each in assumptions] == [
        ("serial", "line 3: 45360.5 -> 2024-03-09 12:00:00"),
        ("unix_ms", "line 2: 1709999110123 -> 2024-03-09 15:45:10.123Z"),
    ]


def test_twelve_digits_are_a_date_unless_one_of_them_cannot_be() -> None:
    assert shown("202403091745", decide("202403091745").format) == "2024-03-09T17:45:00"
    milliseconds = decide("202403091745", "999913091745").format
    assert milliseconds is not None
    assert shown("202403091745", milliseconds) == "1976-05-31T15:04:51.745000+00:00"


def test_abbreviations_of_zones_are_reported() -> None:
    (assumption,) = decide("2024-03-09 10:00 EST", "2024-03-09 10:00 UTC", "2024-06-09 10:00 EDT").assumptions
    assert assumption.value == "EDT, EST"
    assert assumption.evidence.startswith("EDT is -04:00, EST is -05:00")


@pytest.mark.parametrize(
    ("texts", "offset", "time"),
    [
        (["2024-03-09 10:00", "2024-03-09"], "none", True),
        (["2024-03-09"], "none", False),
        (["2024-03-09 10:00Z", "2024-03-09"], "some", True),
        (["1709999110", "2024-03-09 10:00Z"], "all", True),
        (["45360"], "none", True),
    ],
)
def test_zones_and_times_of_the_column_are_reported(texts: list[str], offset: str, time: bool) -> None:  # noqa: FBT001
    decision = decide(*texts)
    assert (decision.has_offset, decision.has_time) == (offset, time)


@pytest.mark.parametrize(
    ("time_format", "text", "moment"),
    [
        ("%d.%m.%Y %H:%M", "05.06.2024 17:45", "2024-06-05T17:45:00"),
        ("%m/%d/%Y", "05/06/2024", "2024-05-06T00:00:00"),
        ("%m/%d/%y %I:%M %p", "05/06/24 05:45 PM", "2024-05-06T17:45:00"),
        ("%Y-%m-%d %H:%M:%S UTC", "2024-05-06 17:45:00 UTC", "2024-05-06T17:45:00+00:00"),
        ("%Y-%m-%dT%H:%M:%S.%f%z", "2024-05-06T17:45:00.25-0400", "2024-05-06T17:45:00.250000-04:00"),
        ("%d %b %Y", "06 May 2024", "2024-05-06T00:00:00"),
        ("%d. %B %Y", "27. prosinec 2023", "2023-12-27T00:00:00"),
        ("%y%m%d", "240506", "2024-05-06T00:00:00"),
        ("%Y%j", "2024127", "2024-05-06T00:00:00"),
        ("%F %T", "2024-05-06 17:45:00", "2024-05-06T17:45:00"),
        ("unix", "1709999110.5", "2024-03-09T15:45:10.500000+00:00"),
        ("unix_us", "999110123456", "1970-01-12T13:31:50.123000+00:00"),
        ("serial", "45360.5", "2024-03-09T12:00:00"),
        ("month_first", "05.06.2024", "2024-05-06T00:00:00"),
    ],
)
def test_a_stated_form_is_used(time_format: str, text: str, moment: str) -> None:
    decision = decide(text, time_format=time_format)
    assert decision.question is None
    assert decision.format == DateFormat(time_format)
    assert shown(text, decision.format) == moment


def test_a_text_of_another_form_than_the_stated_one_is_an_error() -> None:
    for time_format in ("%d.%m.%Y", "%Y%j"):
        with pytest.raises(CellError, match=f"must be of the form {time_format}"):
            parse_moment("2024-05-06", DateFormat(time_format))


def test_a_stated_unit_that_no_value_has_is_asked_about() -> None:
    decision = decide("1612069510766593", "1612069520000000", time_format="unix_ms")
    assert decision.question is not None
    assert [choice.value for choice in decision.question.choices] == ["unix_us"]
    assert "-> 2021-01-31 05:05:10.766Z" in decision.question.choices[0].meaning
    with pytest.raises(CellError, match="as unix_us it is in 2021-01"):
        parse_moment("1612069510766593", DateFormat("unix_ms"))


@pytest.mark.parametrize(
    "text", ["13:59:39", "13.59.39", "7:05", "1:59 PM", "1.59 PM", "13h59", "下午 1:59", "13:59:39.5", "13:59 UTC"]
)
def test_a_time_of_day_is_recognized(text: str) -> None:
    assert is_time_of_day(text)


@pytest.mark.parametrize(
    "text",
    [
        "2024-03-09",
        "25:00",
        "13:60",
        "13",
        "19.90",
        "19.50",
        "7.05",
        "13:59 2024",
        "13:59 2024-03-09",
        "abc",
        "13:59 x",
        ":" * 5000,
    ],
)
def test_other_texts_are_no_time_of_day(text: str) -> None:
    assert not is_time_of_day(text)


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> int:
    return (datetime(year, month, day, hour, minute, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(
        milliseconds=1
    )


def test_a_moment_without_a_zone_is_in_the_zone_of_the_column() -> None:
    form = DateFormat()
    assert moment_ms("2024-06-09 10:00", form, MOSCOW) == utc(2024, 6, 9, 7)
    assert moment_ms("2024-06-09 10:00", form, NEW_YORK) == utc(2024, 6, 9, 14)
    assert moment_ms("2024-01-09 10:00", form, NEW_YORK) == utc(2024, 1, 9, 15)
    assert moment_ms("2024-06-09 10:00+02:00", form, NEW_YORK) == utc(2024, 6, 9, 8)
    assert moment_ms("1709999110", form, NEW_YORK) == 1_709_999_110_000


def test_a_time_that_clocks_skip_is_the_first_moment_after_the_gap() -> None:
    assert moment_ms("2024-03-10 02:30", DateFormat(), NEW_YORK) == utc(2024, 3, 10, 7)
    assert moment_ms("2024-03-10 03:00", DateFormat(), NEW_YORK) == utc(2024, 3, 10, 7)


def test_a_time_that_clocks_show_twice_is_the_earlier_moment() -> None:
    assert moment_ms("2024-11-03 01:30", DateFormat(), NEW_YORK) == utc(2024, 11, 3, 5, 30)
    assert moment_ms("2024-11-03 02:00", DateFormat(), NEW_YORK) == utc(2024, 11, 3, 7)


def test_a_moment_before_1970_in_utc_is_an_error() -> None:
    with pytest.raises(CellError, match="years 1970 to 2199 in UTC"):
        moment_ms("1970-01-01 01:00", DateFormat(), MOSCOW)


def test_a_column_of_other_texts_is_given_up_early() -> None:
    values = (ColumnValue(f"text {line}", 1, line) for line in range(2, 100_000))
    assert decide_dates(values, "occurred_at").unreadable_cells == MAX_UNREADABLE
    assert next(values).first_line == MAX_UNREADABLE + 2


@pytest.mark.parametrize(
    ("texts", "elsewhere", "form"),
    [
        (["05/06/2024"], {"/": "month_first"}, "month_first"),
        (["05/06/2024"], {"-": "month_first"}, None),
        (["05/06/2024", "19/10/2024"], {"/": "month_first"}, "day_first"),
        (["1/4/2024", "13/01/2024"], {"/": "month_first"}, None),
        (["1/4/2024", "13/01/2024"], {"/": "day_first"}, "day_first"),
        (["05.06.2024"], {".": "month_first"}, "month_first"),
    ],
)
def test_other_columns_decide_what_this_one_leaves_open(
    texts: list[str], elsewhere: dict[str, str], form: str | None
) -> None:
    values = [ColumnValue(text, 1, line) for line, text in enumerate(texts, start=2)]
    decision = decide_dates(values, "occurred_at", elsewhere=elsewhere)
    assert (dict(decision.format.forms) if decision.format else None) == (form and {texts[0][-5]: form})
    if form in elsewhere.values() and "19/10/2024" not in texts:
        assert decision.assumptions[0].evidence.startswith("as in other columns; line 2: ")


@pytest.mark.parametrize(
    ("texts", "proved"),
    [
        (["10/19/2024"], {"/": "month_first"}),
        (["10/19/2024", "05/06/2024", "19-10-2024"], {"/": "month_first", "-": "day_first"}),
        (["05/06/2024"], {}),
        (["05.06.2024"], {}),
        (["10/19/2024", "19/10/2024"], {}),
        (["2024-10-19"], {}),
    ],
)
def test_what_a_column_proves_is_reported_for_other_columns(texts: list[str], proved: dict[str, str]) -> None:
    assert decide(*texts).proved == proved
