"""Parse and format moments: milliseconds since 1970-01-01T00:00:00Z, RFC 3339 as text.

Parsing truncates to the millisecond. It accepts only the years 1970 to 2199 (in UTC), so every parsed moment is a
non-negative integer.
"""

import re
from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Final

DAY_MS: Final = 86_400_000
MINUTE_MS: Final = 60_000
NEVER: Final = 1 << 62
"""Later than every moment."""

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - UTC throughout; a zone would only be formatted and removed again
_EPOCH_ORDINAL: Final = _EPOCH.toordinal()
_END_MS: Final = (date(2200, 1, 1).toordinal() - _EPOCH_ORDINAL) * DAY_MS
_PATTERN: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
_ZONE_PATTERN: Final = re.compile(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+){0,3}", re.ASCII)
_DATE_PATTERN: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class _Days(dict[str, int]):
    """Milliseconds of recently parsed days, by `YYYY-MM-DDT`; parsing a date again costs ten times as much.

    This caches a pure function, so no result depends on its contents.
    """

    def __missing__(self, text: str) -> int:
        if _DATE_PATTERN.fullmatch(text[:10]) is None or text[10:] != "T":
            raise ValueError(text)
        day_ms = (date.fromisoformat(text[:10]).toordinal() - _EPOCH_ORDINAL) * DAY_MS
        if len(self) >= _CACHED_DAYS:
            self.clear()
        self[text] = day_ms
        return day_ms


_OUT_OF_YEARS: Final = "must be in the years 1970 to 2199"
_CACHED_DAYS: Final = 4096
_DAY, _MINUTE, _SECOND, _END = slice(11), slice(11, 16), slice(16, 19), slice(19, None)
_WITH_MILLIS_AND_OFFSET: Final = len("2026-05-12T09:30:00.000+03:00")
_FRACTION, _OFFSET = slice(19, 23), slice(23, None)
_DAYS: Final = _Days()
_MINUTES: Final = {f"{h:02}:{m:02}": (h * 60 + m) * MINUTE_MS for h in range(24) for m in range(60)}
_SECONDS: Final = {f":{s:02}": s * 1000 for s in range(60)}
_FRACTIONS: Final = {f".{ms:03}": ms for ms in range(1000)}
_ENDS: Final = (
    {"Z": 0}
    | {f".{ms:03}Z": ms for ms in range(1000)}
    | {f"-{minutes // 60:02}:{minutes % 60:02}": minutes * MINUTE_MS for minutes in range(24 * 60)}
    | {f"+{minutes // 60:02}:{minutes % 60:02}": -minutes * MINUTE_MS for minutes in range(24 * 60)}
)


def parse_rfc3339(text: str) -> int:
    """Return the moment of an RFC 3339 text with an offset, truncated to the millisecond.

    `T` and `Z` may be lowercase, a fraction may have any number of digits, `-00:00` is UTC. A leap second, `:60` at the
    end of a month in UTC, is the first second of the next month, as on POSIX clocks; its fraction is kept.

    Raises:
        ValueError: The text has another form, or is outside the years 1970 to 2199 in UTC.
    """
    try:
        moment_ms = _DAYS[text[_DAY]] + _MINUTES[text[_MINUTE]] + _SECONDS[text[_SECOND]]
        if len(text) == _WITH_MILLIS_AND_OFFSET:
            moment_ms += _FRACTIONS[text[_FRACTION]] + _ENDS[text[_OFFSET]]
        else:
            moment_ms += _ENDS[text[_END]]
    except (KeyError, ValueError):
        return _parse_any_timestamp(text)  # a leap second, more digits or an error: the full grammar decides
    if 0 <= moment_ms < _END_MS:
        return moment_ms
    raise ValueError(_OUT_OF_YEARS)


def _parse_any_timestamp(text: str) -> int:
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise ValueError("must be an RFC 3339 moment with an offset, such as 2026-05-12T09:30:00Z")
    day, hour, minute, second, fraction, sign, offset_hour, offset_minute = match.groups()
    try:
        day_ms = (date.fromisoformat(day).toordinal() - _EPOCH_ORDINAL) * DAY_MS
    except ValueError:
        raise ValueError("must have a date that exists") from None
    if hour > "23" or minute > "59" or second > "60" or (sign and (offset_hour > "23" or offset_minute > "59")):
        raise ValueError("must have a time of day and an offset that exist")
    moment_ms = day_ms + (int(hour) * 60 + int(minute)) * MINUTE_MS + int(second) * 1000
    if sign:
        offset_ms = (int(offset_hour) * 60 + int(offset_minute)) * MINUTE_MS
        moment_ms += offset_ms if sign == "-" else -offset_ms
    if not 0 <= moment_ms < _END_MS:
        raise ValueError(_OUT_OF_YEARS)
    if second == "60" and (moment_ms % DAY_MS or (_EPOCH + timedelta(milliseconds=moment_ms)).day != 1):
        raise ValueError("must have a leap second only at the end of a month in UTC")
    return moment_ms + int((fraction or "")[:3].ljust(3, "0"))


_FORMATTED_DAYS: Final[dict[int, str]] = {}
_FORMATTED_MINUTES: Final = tuple(f"T{minute // 60:02}:{minute % 60:02}:" for minute in range(24 * 60))
_FORMATTED_SECONDS: Final = tuple(f"{second:02}." for second in range(60))
_FORMATTED_MILLIS: Final = tuple(f"{milli:03}Z" for milli in range(1000))


def format_ms(ms: int) -> str:
    """Return a moment as RFC 3339 in UTC with milliseconds: `2026-05-12T09:30:00.000Z`.

    Raises:
        OverflowError: The moment is outside the years 1 to 9999.
    """
    # `//` and `%`, which are native in compiled code (`divmod` is not), and one text built of all parts
    day, of_day = ms // DAY_MS, ms % DAY_MS
    of_minute = of_day % MINUTE_MS
    date_text = _FORMATTED_DAYS.get(day)
    if date_text is None:
        date_text = _format_day(day)
    minute, second = _FORMATTED_MINUTES[of_day // MINUTE_MS], _FORMATTED_SECONDS[of_minute // 1000]
    return f"{date_text}{minute}{second}{_FORMATTED_MILLIS[of_minute % 1000]}"


def _format_day(day: int) -> str:
    """Return `2026-05-12`, and cache it: a history has few days, and a segment change has two moments."""
    if len(_FORMATTED_DAYS) >= _CACHED_DAYS:
        _FORMATTED_DAYS.clear()
    text = _FORMATTED_DAYS[day] = (_EPOCH + timedelta(days=day)).date().isoformat()
    return text


def is_birth_date(text: str) -> bool:
    """Whether the text is `YYYY-MM-DD` and an existing date in the years 1900 to 2199."""
    if _DATE_PATTERN.fullmatch(text) is None or not "1900" <= text[:4] <= "2199":
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def is_zone_name(text: str, zones: Collection[str] | None) -> bool:
    """Whether the text is one of `zones`, or without these, whether it looks like an IANA name."""
    return text in zones if zones is not None else _ZONE_PATTERN.fullmatch(text) is not None
