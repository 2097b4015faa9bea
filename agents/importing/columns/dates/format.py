"""How the moments of a column are written, and how to read them with that knowledge."""

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final

import msgspec

from agents.importing.columns.column_value import CellError
from agents.importing.columns.dates.grammar import DAY_FIRST, MONTH_FIRST, MONTHS, YEAR_FIRST, read_date
from agents.importing.columns.dates.local_moments import moment_finder
from agents.importing.columns.dates.shape import END_MS, FIRST_YEAR, LAST_YEAR, LocalTime, MomentShape
from agents.importing.columns.dates.strptime_format import StrptimeFormat
from agents.importing.columns.dates.unix_times import SERIAL, UNIX_UNITS, NumberOfTime
from agents.importing.columns.zones import zone_of
from state.config.config_errors import format_value

NAMED_FORMATS: Final = (DAY_FIRST, MONTH_FIRST, YEAR_FIRST, *UNIX_UNITS, SERIAL)
"""Values of `time_format` besides formats of `strptime`, and `months_` with a language, such as `months_hr`."""

NINES: Final = str.maketrans("012345678", "999999999")
_EPOCH_SHOWN: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - a local time
_MAX_SHAPES: Final = 1 << 14


class DateFormat(msgspec.Struct, frozen=True):
    """How the moments of a column are written.

    Attributes:
        time_format: one of `NAMED_FORMATS` or a format of `strptime`, if the user has stated it.
        forms: group of texts, such as `/` for dates with slashes, and the form that the column decided for it.
        zones: abbreviations of zones with several meanings, in capitals, and their offsets.
    """

    time_format: str = ""
    forms: tuple[tuple[str, str], ...] = ()
    zones: tuple[tuple[str, str], ...] = ()

    def form_of(self, group: str) -> str | None:
        """Return the form decided for a group of texts; None: none is."""
        if self.time_format:
            return self.time_format
        return dict(self.forms).get(group)


class DateParser:
    """Reads the moments of a column, at about a microsecond each, because it caches the shapes of the texts."""

    def __init__(self, date_format: DateFormat) -> None:
        self._format = date_format
        self._shapes: dict[str, tuple[Sequence[MomentShape], bool]] = {}
        self._zones = dict(date_format.zones)
        given = date_format.time_format
        self._strptime = StrptimeFormat(given) if "%" in given else None
        self._number = NumberOfTime(given) if given in UNIX_UNITS or given == SERIAL else None

    def local_time(self, text: str) -> LocalTime:
        """Return the local date and time that a text says, and its zone if the text has one.

        Raises:
            MissingCell: The text stands for the absence of a value.
            CellError: It is no moment, or the column does not tell which one.
        """
        shapes, decided = self._known(text)
        if self._zones and (zone := self._zones.get(shapes[0].zone_text(text).upper())):
            return self._local_time(shapes, text, decided=decided)._replace(zone=zone)
        return self._local_time(shapes, text, decided=decided)

    def _local_time(self, shapes: Sequence[MomentShape], text: str, *, decided: bool) -> LocalTime:
        if decided:
            try:
                return shapes[0].read(text)
            except CellError:
                if len(shapes) == 1:
                    raise
        return self._choose(shapes, text)

    def moment_ms(self, text: str, zone: tzinfo) -> int:
        """Return a moment in milliseconds since 1970-01-01T00:00:00Z; a text without a zone is in `zone`.

        A time that clocks skip is the first moment after the gap; one that they show twice is the earlier moment.

        Raises:
            MissingCell: The text stands for the absence of a value.
            CellError: It is no moment, or the column does not tell which one.
        """
        ms, own_zone = self.local_time(text)
        if own_zone == "UTC":
            return ms
        moment = moment_finder(zone if own_zone is None else zone_of(own_zone))(ms)
        if not 0 <= moment < END_MS:
            raise CellError(f"must be in the years {FIRST_YEAR} to {LAST_YEAR} in UTC: got {format_value(text)}")
        return moment

    def find(self, text: str) -> Sequence[MomentShape]:
        """Return the ways to read a text, and every other text that differs in digits only.

        Raises:
            MissingCell: The text stands for the absence of a value.
            CellError: It is no moment.
        """
        return self._known(text)[0]

    def _known(self, text: str) -> tuple[Sequence[MomentShape], bool]:
        """Return the shapes of a text, and whether the first of them is the one to read it with."""
        nines = text.translate(NINES)
        known = self._shapes.get(nines)
        if known is not None:
            return known
        if self._strptime:
            shapes: Sequence[MomentShape] = (self._strptime.find(text),)
        elif self._number:
            shapes = (self._number,)
        else:
            shapes = sorted(read_date(text), key=self._is_decided, reverse=True)
        if len(self._shapes) >= _MAX_SHAPES:
            self._shapes.clear()
        known = self._shapes[nines] = shapes, len(shapes) == 1 or self._is_decided(shapes[0])
        return known

    def _choose(self, shapes: Sequence[MomentShape], text: str) -> LocalTime:
        """Return the only reading that a text has, if the column does not decide or the text contradicts it."""
        readings: dict[LocalTime, None] = {}
        error: CellError | None = None
        for shape in shapes:
            try:
                readings[shape.read(text)] = None
            except CellError as refused:
                error = error or refused
        if len(readings) == 1:
            return next(iter(readings))
        if error and not readings:
            raise error
        raise CellError(f"can be two dates: got {format_value(text)}; state which, with --time-format")

    def _is_decided(self, shape: MomentShape) -> bool:
        form = self._format.form_of(shape.group)
        if shape.group == MONTHS and form:
            return form.removeprefix(f"{MONTHS}_") in shape.languages
        return form == shape.form


@lru_cache(maxsize=64)
def date_parser(date_format: DateFormat) -> DateParser:
    """Return the parser of a format, with its cache."""
    return DateParser(date_format)


def parse_moment(text: str, date_format: DateFormat) -> datetime:
    """Return a moment: aware if the text has a time zone, otherwise naive.

    Raises:
        MissingCell: The text stands for the absence of a value.
        CellError: It is no moment, or the column does not tell which one.
    """
    ms, zone = date_parser(date_format).local_time(text)
    shown = _EPOCH_SHOWN + timedelta(milliseconds=ms)
    return shown if zone is None else shown.replace(tzinfo=zone_of(zone))


def moment_ms(text: str, date_format: DateFormat, zone: tzinfo) -> int:
    """Return a moment in milliseconds since 1970-01-01T00:00:00Z; see `DateParser.moment_ms`.

    Raises:
        MissingCell: The text stands for the absence of a value.
        CellError: It is no moment, or the column does not tell which one.
    """
    return date_parser(date_format).moment_ms(text, zone)
