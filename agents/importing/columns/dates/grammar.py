"""Which moments a text can be, whatever the rest of its column says.

A text is a date, with or without a time of day before or behind it, and a time zone. `12/05/2025` can be two dates, and
`12/05/25` three: there the column decides. Months have numbers or names, in the languages of `month_names`.
"""

import re
from typing import Final

from agents.importing.columns.column_value import CellError, is_missing, missing_cell
from agents.importing.columns.dates.forms import AMOUNT, BARE_NUMBER, HALF_OF_DAY, MOMENT_FORMS, OFFSET, TIME_OF_DAY
from agents.importing.columns.dates.month_names import half_of_day, is_weekday, months_named
from agents.importing.columns.dates.shape import ClockSpans, DateShape, DateSpans, MomentShape, Span
from agents.importing.columns.dates.unix_times import NumberOfTime, read_bare_number
from agents.importing.columns.zones import read_zone
from state.config.config_errors import format_value

MAX_LENGTH: Final = 100
DAY_FIRST: Final = "day_first"
MONTH_FIRST: Final = "month_first"
YEAR_FIRST: Final = "year_first"
COMPACT: Final = "compact"
DIGITS: Final = "digits"
MONTHS: Final = "months"

_NORMAL: Final = str.maketrans(dict.fromkeys("\t\u00a0\u202f\u2009\u3000", " ") | dict.fromkeys("−–‐‑", "-"))
_CLOCK_WORD: Final = re.compile(r" ?(?:uhr|h|hs|hrs|hod|ч)\b\.?", re.IGNORECASE)


def read_date(text: str) -> list[MomentShape]:
    """Return all ways to read a text as a moment, which also fit every other text that differs in digits only.

    Raises:
        MissingCell: The text stands for the absence of a value.
        CellError: It is no moment.
    """
    if is_missing(text):
        raise missing_cell(text)
    if len(text) > MAX_LENGTH:
        raise CellError(f"must be a date and time: got {format_value(text)}")
    shapes = read_bare_number(text) if BARE_NUMBER.fullmatch(text) else []
    normal = text.translate(_NORMAL)
    for form in MOMENT_FORMS:
        match = form.fullmatch(normal)
        if match and (read := _shapes(match, normal)):
            return _either(read, shapes) if shapes else [*read]
    if shapes:
        return [*shapes]
    if is_time_of_day(text):
        raise CellError(f"must have a date besides the time of day: got {format_value(text)}")
    raise CellError(f"must be a date and time: got {format_value(text)}")


def _either(dates: list[DateShape], numbers: list[NumberOfTime]) -> list[MomentShape]:
    """Return the shapes of 12 digits: year, month, day, hour and minute, or milliseconds since 1970."""
    for date in dates:
        date.form, date.group = COMPACT, DIGITS
    for number in numbers:
        number.group = DIGITS
    return [*dates, *numbers]


def is_time_of_day(text: str) -> bool:
    """Return whether a text is a time of day without a date, such as `13:59:39` or `1:59 PM`.

    `13.59` is none, because amounts look so; `13.59.39` is one.
    """
    if len(text) > MAX_LENGTH:
        return False
    normal = text.translate(_NORMAL)
    match = TIME_OF_DAY.fullmatch(normal)
    if match is None or AMOUNT.fullmatch(normal):
        return False
    hour, minute, second = (int(match[part] or 0) for part in ("hour", "minute", "second"))
    return hour < 24 and minute < 60 and second < 60 and _read_tail(match["tail"] or "", 0) is not None


def _shapes(match: re.Match[str], normal: str) -> list[DateShape]:
    parts = match.groupdict()
    if parts.get("weekday") and not is_weekday(parts["weekday"]):
        return []
    tail_start = match.start("tail") if parts["tail"] else len(normal)
    if parts.get("behind") and not is_weekday(parts["behind"]):
        tail_start = match.start("behind")  # then it is a time zone, or the text is no moment
    tail = _read_tail(normal[tail_start:], tail_start)
    if tail is None:
        return []
    half, zone = tail
    for given in (parts.get("before"), parts.get("half")):
        if given:
            half = half_of_day(given)
            if half is None:
                return []
    if parts.get("zone"):
        zone = match.span("zone")
        if read_zone(normal[slice(*zone)]) is None:
            return []
    if half is not None and not parts["clock"]:
        return []
    clock = _clock_spans(match, parts, half)
    return [
        DateShape(spans, clock, zone, form, group, languages)
        for spans, form, group, languages in _date_spans(match, parts)
    ]


def _clock_spans(match: re.Match[str], parts: dict[str, str], half: int | None) -> ClockSpans | None:
    if not parts["clock"]:
        return None
    second = match.span("second") if parts["second"] else None
    fraction = match.span("fraction") if parts.get("fraction") else None
    return ClockSpans(match.span("clock"), match.span("hour"), match.span("minute"), second, fraction, half)


def _date_spans(match: re.Match[str], parts: dict[str, str]) -> list[tuple[DateSpans, str, str, frozenset[str]]]:
    """Return where year, month and day are, with form, group and languages, for each way to read the date."""
    nobody: frozenset[str] = frozenset()
    if parts.get("first"):
        first, second, third = match.span("first"), match.span("middle"), match.span("last")
        whole, digits = (first[0], third[1]), [stop - start for start, stop in (first, second, third)]
        # "24. 1. 15." has the year first in Korea and the day first in Europe, unlike "24.1.15".
        group = parts["separator"] if digits[2] < 4 else parts["separator"].strip()
        ways = []
        if digits[2] > 1:
            ways.append((DateSpans(whole, third, second, first), DAY_FIRST, group, nobody))
            ways.append((DateSpans(whole, third, first, second), MONTH_FIRST, group, nobody))
        if digits == [2, 2, 2] or (group == ". " and digits[0] == 2):
            ways.append((DateSpans(whole, first, second, third), YEAR_FIRST, group, nobody))
        return ways
    year, day = match.span("year"), match.span("day")
    if not parts.get("name"):
        spans = year, match.span("month"), day
        whole = min(start for start, _ in spans), max(stop for _, stop in spans)
        return [(DateSpans(whole, *spans), "", "", nobody)]
    whole = min(year[0], day[0]), max(year[1], day[1])
    months = months_named(parts["name"])
    group = MONTHS if len(months) > 1 else ""
    return [
        (
            DateSpans(whole, year, year, day, month.number),
            f"{MONTHS}_{min(month.languages)}" if group else "",
            group,
            month.languages,
        )
        for month in months
    ]


def _read_tail(tail: str, start: int) -> tuple[int | None, Span | None] | None:
    """Return half of the day and place of the zone that are behind a time of day; None if something else is."""
    half = None
    position = _skip_clock_word(tail, 0)
    word = HALF_OF_DAY.match(tail, position)
    if word and (half := half_of_day(word[1])) is not None:
        position = _skip_clock_word(tail, word.end())
    rest = tail[position:]
    stripped = rest.strip()
    if not stripped:
        return half, None
    offset = OFFSET.match(stripped)
    end = offset.end() if offset else len(stripped)
    comment = stripped[end:].strip()
    if comment and not (comment[0] in "([" and comment[-1] in ")]") and read_zone(comment) is None:
        return None
    first = position + len(rest) - len(rest.lstrip())
    if not offset and stripped[0] in "([" and stripped[-1] in ")]":
        first, end = first + 1, end - 2
    if read_zone(tail[first : first + end]) is None:
        return None
    return half, (start + first, start + first + end)


def _skip_clock_word(tail: str, position: int) -> int:
    """Return the position behind a word such as `Uhr` that says nothing."""
    word = _CLOCK_WORD.match(tail, position)
    return word.end() if word else position
