"""Find the local day of a moment at the cost of a comparison.

A day is a local date, as its number of days since 1970-01-01. It nearly always is the time between two midnights, so
callers can cache the bounds that come with the answer.
"""

from datetime import date, datetime
from typing import Final

from state.units.time_zones import first_moment, load_zone, local_day
from state.units.timestamps import DAY_MS

_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
_CACHED_DAYS: Final = 4096


class LocalDays:
    """The days of one time zone.

    Attributes:
        name: IANA name of the zone; an unknown one is treated as UTC.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._zone = load_zone(name)
        self._is_utc = self._zone.key == "UTC"
        self._midnights: dict[int, tuple[int, int]] = {}

    def bounds_and_day(self, moment: int) -> tuple[int, int, int]:
        """Return a period around a moment that is within one day: start (inclusive), end (exclusive), and that day.

        Where clocks are set back across midnight, a day is in two pieces; then the period is the moment alone.
        """
        guess = moment // DAY_MS
        if self._is_utc:
            return guess * DAY_MS, (guess + 1) * DAY_MS, guess
        for day in (guess, guess + 1, guess - 1):
            start, end = self._midnight(day)[1], self._midnight(day + 1)[0]
            if start <= moment < end:
                return start, end, day
        return moment, moment + 1, local_day(self._zone, moment)

    def bounds(self, day: int) -> tuple[int, int]:
        """Return a start (inclusive) and an end (exclusive) that contain the whole day, and possibly more."""
        if self._is_utc:
            return day * DAY_MS, (day + 1) * DAY_MS
        return self._midnight(day)[0], self._midnight(day + 1)[1]

    def _midnight(self, day: int) -> tuple[int, int]:
        """Return the first and the last moment at which clocks show the beginning of the day."""
        moments = self._midnights.get(day)
        if moments is None:
            midnight = datetime.fromordinal(_EPOCH_ORDINAL + day)
            moments = first_moment(self._zone, midnight, doubled="earlier"), first_moment(self._zone, midnight)
            if len(self._midnights) >= _CACHED_DAYS:
                self._midnights.clear()
            self._midnights[day] = moments
        return moments


def format_day(day: int) -> str:
    """Return a day as a date: `2026-05-12`."""
    return date.fromordinal(_EPOCH_ORDINAL + day).isoformat()
