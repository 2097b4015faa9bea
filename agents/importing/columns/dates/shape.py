"""Where the parts of a moment are in a text, and how to read every text with the same shape quickly."""

from datetime import date
from functools import lru_cache
from typing import Final, NamedTuple, Protocol

from agents.importing.columns.column_value import CellError, missing_cell
from agents.importing.columns.zones import read_zone
from state.config.config_errors import format_value
from state.units.timestamps import DAY_MS, MINUTE_MS

Span = tuple[int, int]
"""Start (inclusive) and end (exclusive) of a part of the text."""

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2199
END_MS: Final = (date(LAST_YEAR + 1, 1, 1).toordinal() - date(FIRST_YEAR, 1, 1).toordinal()) * DAY_MS
_EPOCH_ORDINAL: Final = date(FIRST_YEAR, 1, 1).toordinal()
_PIVOT: Final = 68
"""The last two-digit year that is in the 21st century, as in POSIX."""
_CACHED_DAYS: Final = 1 << 14
_CACHED_CLOCKS: Final = 1 << 17


class LocalTime(NamedTuple):
    """What a text says.

    Attributes:
        ms: local date and time, in milliseconds since 1970-01-01T00:00 on the same clocks.
        zone: their time zone, as `read_zone` returns it; None: the text has none.
    """

    ms: int
    zone: str | None


class MomentShape(Protocol):
    """A way to read texts of one shape as moments.

    Attributes:
        form: what it takes them for, such as `day_first`, `unix_ms` or `serial`; empty: there is no other way.
        group: texts of which others decide the form, such as dates with slashes; empty: there is no other way.
        languages: of the name of the month; empty: it has none.
        has_clock: whether the texts have a time of day.
        has_zone: whether they have a time zone.
    """

    form: str
    group: str
    languages: frozenset[str]
    has_clock: bool
    has_zone: bool

    def read(self, text: str) -> LocalTime:
        """Return what a text of this shape says.

        Raises:
            CellError: There is no such date or time.
        """
        ...

    def zone_text(self, text: str) -> str:
        """Return the zone as the text has it; empty: it has none."""
        ...


class DateSpans(NamedTuple):
    """Where a date is; the month is a number in the text unless `month_number` says which it is."""

    whole: Span
    year: Span
    month: Span
    day: Span
    month_number: int = 0


class ClockSpans(NamedTuple):
    """Where a time of day is; `half` is 12 for PM, 0 for AM, None for 24 hours."""

    whole: Span
    hour: Span
    minute: Span | None
    second: Span | None
    fraction: Span | None
    half: int | None


class DateShape:
    """Texts with a date, and perhaps a time and a zone, in the same places; see `MomentShape`."""

    def __init__(
        self,
        date_spans: DateSpans,
        clock: ClockSpans | None,
        zone: Span | None,
        form: str = "",
        group: str = "",
        languages: frozenset[str] = frozenset(),
    ) -> None:
        self.form = form
        self.group = group
        self.languages = languages
        self.has_clock = clock is not None
        self.has_zone = zone is not None
        self._date = date_spans
        self._clock = clock
        self._zone = zone
        self._days = _shared_cache((*_layout(date_spans.whole[0], *date_spans[:4]), date_spans.month_number))
        self._clocks = _shared_cache((*_layout(clock.whole[0], *clock[:4]), clock.half)) if clock else {}

    def read(self, text: str) -> LocalTime:
        """Return what a text of this shape says.

        Raises:
            CellError: There is no such date or time.
        """
        start, stop = self._date.whole
        ms = self._days.get(text[start:stop])
        if ms is None:
            ms = _remember(self._days, text[start:stop], self._day_ms(text), _CACHED_DAYS)
        clock = self._clock
        if clock is not None:
            start, stop = clock.whole
            of_day = self._clocks.get(text[start:stop])
            if of_day is None:
                of_day = _remember(self._clocks, text[start:stop], self._clock_ms(text, clock), _CACHED_CLOCKS)
            ms += of_day
            if clock.fraction:
                start, stop = clock.fraction
                ms += int(text[start : min(stop, start + 3)].ljust(3, "0"))
        if self._zone is None:
            return LocalTime(ms, None)
        start, stop = self._zone
        zone = read_zone(text[start:stop])
        if zone is None:
            raise CellError(f"must have a time zone that exists: got {format_value(text)}")
        return LocalTime(ms, zone)

    def zone_text(self, text: str) -> str:
        """Return the zone as the text has it; empty: it has none."""
        return text[slice(*self._zone)] if self._zone else ""

    def _day_ms(self, text: str) -> int:
        spans = self._date
        year, day = int(text[slice(*spans.year)]), int(text[slice(*spans.day)])
        month = spans.month_number or int(text[slice(*spans.month)])
        if spans.year[1] - spans.year[0] == 2:
            year += 2000 if year <= _PIVOT else 1900
        return day_ms(year, month, day, text)

    def _clock_ms(self, text: str, clock: ClockSpans) -> int:
        hour = int(text[slice(*clock.hour)])
        minute = int(text[slice(*clock.minute)]) if clock.minute else 0
        second = int(text[slice(*clock.second)]) if clock.second else 0
        if clock.half is not None and hour <= 12:
            hour = hour % 12 + clock.half
        if (hour, minute, second) == (24, 0, 0):
            return DAY_MS
        if hour > 23 or minute > 59 or second > 60 or (clock.half == 0 and hour > 12):
            raise CellError(f"must be a time of day that exists: got {format_value(text)}")
        return (hour * 60 + minute) * MINUTE_MS + second * 1000


def day_ms(year: int, month: int, day: int, text: str) -> int:
    """Return the beginning of a day in milliseconds since 1970-01-01; `text` is quoted in errors.

    Raises:
        MissingCell: The date is all zeros.
        CellError: The date does not exist, or is outside the years 1970 to 2199.
    """
    if not (year or month or day):
        raise missing_cell(text)
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise CellError(f"must be in the years {FIRST_YEAR} to {LAST_YEAR}: got {format_value(text)}")
    try:
        return (date(year, month, day).toordinal() - _EPOCH_ORDINAL) * DAY_MS
    except ValueError:
        raise CellError(f"must be a date that exists: got {format_value(text)}") from None


@lru_cache(maxsize=256)
def _shared_cache(_layout: object) -> dict[str, int]:
    """Return the cache that all shapes with one layout share: there are many shapes where months have names."""
    return {}


def _remember(values: dict[str, int], key: str, value: int, limit: int) -> int:
    if len(values) >= limit:
        values.clear()
    values[key] = value
    return value


def _layout(start: int, *spans: Span | None) -> tuple[Span | None, ...]:
    """Return spans relative to an index."""
    return tuple(span and (span[0] - start, span[1] - start) for span in spans)
