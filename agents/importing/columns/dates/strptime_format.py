"""Read moments by a format of `strptime`, such as `%d.%m.%Y %H:%M`, which a mapping file can state."""

import re
from datetime import datetime, timedelta
from typing import Final

from agents.importing.columns.column_value import CellError
from agents.importing.columns.dates.month_names import half_of_day, months_named
from agents.importing.columns.dates.shape import END_MS, ClockSpans, DateShape, DateSpans, LocalTime, MomentShape
from agents.importing.columns.zones import read_zone
from state.config.config_errors import format_value

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - a local time
_MILLISECOND: Final = timedelta(milliseconds=1)
_WORD: Final = r"[^\W\d_]+"
_PARTS: Final = {
    "Y": r"(?P<year>[0-9]{4})",
    "y": r"(?P<year>[0-9]{2})",
    "m": r"(?P<month>[0-9]{1,2})",
    "d": r"(?P<day> ?[0-9]{1,2})",
    "e": r"(?P<day> ?[0-9]{1,2})",
    "b": rf"(?P<name>{_WORD}\.?)",
    "B": rf"(?P<name>{_WORD}\.?)",
    "h": rf"(?P<name>{_WORD}\.?)",
    "a": rf"{_WORD}\.?",
    "A": rf"{_WORD}\.?",
    "H": r"(?P<hour>[0-9]{1,2})",
    "I": r"(?P<hour>[0-9]{1,2})",
    "M": r"(?P<minute>[0-9]{1,2})",
    "S": r"(?P<second>[0-9]{1,2})",
    "f": r"(?P<fraction>[0-9]{1,9})",
    "p": rf"(?P<half>{_WORD}(?:\. ?{_WORD})?\.?)",
    "z": r"(?P<zone>[Zz]|[+-][0-9]{2}:?[0-9]{2})",
    "Z": r"(?P<zone>[A-Za-z]{1,5})",
    "%": "%",
}
_TOKENS: Final = re.compile(r"%(.)|(\s+)|([^%\s]+)", re.DOTALL)
_SHORTHAND: Final = {"%T": "%H:%M:%S", "%F": "%Y-%m-%d", "%R": "%H:%M", "%D": "%m/%d/%y"}


class StrptimeFormat:
    """Finds the shapes of texts of one format.

    Most formats are read by places, which is quicker than `strptime`; the others by `strptime`.
    """

    def __init__(self, time_format: str) -> None:
        self._format = time_format
        self._pattern = _pattern(time_format)

    def find(self, text: str) -> MomentShape:
        """Return how a text is read, and every other text that differs in digits only.

        Raises:
            CellError: The text does not have this format.
        """
        if self._pattern is None:
            return _ByStrptime(self._format)
        match = self._pattern.fullmatch(text)
        shape = match and _shape(match)
        if shape is None:
            raise CellError(f"must be of the form {self._format}: got {format_value(text)}")
        return shape


class _ByStrptime:
    """Texts read by `strptime`; see `MomentShape`."""

    form = group = ""
    languages: frozenset[str] = frozenset()
    has_clock = True

    def __init__(self, time_format: str) -> None:
        self._format = time_format
        self.has_zone = "%z" in time_format or "%Z" in time_format

    def read(self, text: str) -> LocalTime:
        try:
            moment = datetime.strptime(text, self._format)  # noqa: DTZ007 - a local time, unless it has a zone
        except ValueError:
            raise CellError(f"must be of the form {self._format}: got {format_value(text)}") from None
        offset = moment.utcoffset()
        ms = (moment.replace(tzinfo=None) - (offset or timedelta()) - _EPOCH) // _MILLISECOND
        if not 0 <= ms < END_MS:
            raise CellError(f"must be in the years 1970 to 2199: got {format_value(text)}")
        return LocalTime(ms, None if offset is None else "UTC")

    def zone_text(self, text: str) -> str:  # noqa: ARG002 - as in `MomentShape`
        """Return nothing: the zone is not kept."""
        return ""


def _pattern(time_format: str) -> re.Pattern[str] | None:
    """Return the regular expression of a format; None if it needs `strptime`."""
    for short, long in _SHORTHAND.items():
        time_format = time_format.replace(short, long)
    parts: list[str] = []
    for directive, space, literal in _TOKENS.findall(time_format):
        part = _PARTS.get(directive) if directive else r"\s+" if space else _literal(literal)
        if part is None:
            return None
        parts.append(part)
    try:
        pattern = re.compile("".join(parts), re.IGNORECASE)
    except re.error:  # a directive occurs twice
        return None
    names = pattern.groupindex.keys()
    whole = (
        {"year", "day"} <= names and ("month" in names or "name" in names) and ("hour" in names) >= ("minute" in names)
    )
    return pattern if whole else None


def _literal(text: str) -> str:
    """Return the regular expression of a literal; `UTC` behind a time says its zone, also if it is not `%Z`."""
    return rf"(?P<zone>{text})" if text in ("UTC", "GMT", "Z") else re.escape(text)


def _shape(match: re.Match[str]) -> DateShape | None:
    parts = match.groupdict()
    month_number = 0
    if parts.get("name"):
        months = months_named(parts["name"])
        if len(months) != 1:
            return None
        month_number = months[0].number
    zone = match.span("zone") if parts.get("zone") else None
    if zone and read_zone(parts["zone"]) is None:
        return None
    half = half_of_day(parts["half"]) if parts.get("half") else None
    if parts.get("half") and half is None:
        return None
    year, day = match.span("year"), match.span("day")
    month = match.span("month") if parts.get("month") else year
    spans = (year, month, day)
    date_spans = DateSpans((min(spans)[0], max(stop for _, stop in spans)), *spans, month_number)
    if not parts.get("hour"):
        return DateShape(date_spans, None, zone)
    hour = match.span("hour")
    minute, second = (match.span(part) if parts.get(part) else None for part in ("minute", "second"))
    given = [span for span in (hour, minute, second) if span]
    fraction = match.span("fraction") if parts.get("fraction") else None
    whole = min(given)[0], max(stop for _, stop in given)
    return DateShape(date_spans, ClockSpans(whole, hour, minute, second, fraction, half), zone)
