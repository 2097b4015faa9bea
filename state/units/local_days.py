"""Which local day a moment lies in: days of a time zone, found at the price of a comparison.

A day is a date that the clock on the wall shows, counted from 1970-01-01. Nearly always it is the time between two
midnights, so whoever has asked for one moment of it need not ask for the others.
"""

from datetime import date, datetime
from typing import Final

from state.units.time_zones import first_moment, load_zone, local_day
from state.units.timestamps import DAY_MS

_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
_REMEMBERED: Final = 4096


class LocalDays:
    """The days of one time zone."""

    def __init__(self, name: str) -> None:
        """Takes the zone's IANA name; one that is not known is taken for UTC."""
        self.name = name
        self._zone = load_zone(name)
        self._is_utc = self._zone.key == "UTC"
        self._midnights: dict[int, tuple[int, int]] = {}

    def bounds_and_day(self, moment: int) -> tuple[int, int, int]:
        """A stretch of time about a moment that lies in one day: from (inclusive), to (exclusive), and that day.

        Where the clock is set back over midnight a day comes in two pieces: there the stretch is the moment alone.
        """
        guess = moment // DAY_MS
        if self._is_utc:
            return guess * DAY_MS, (guess + 1) * DAY_MS, guess
        for day in (guess, guess + 1, guess - 1):
            begins, ends = self._midnight(day)[1], self._midnight(day + 1)[0]
            if begins <= moment < ends:
                return begins, ends, day
        return moment, moment + 1, local_day(self._zone, moment)

    def bounds(self, day: int) -> tuple[int, int]:
        """All of the day's moments lie from the one (inclusive) to the other (exclusive); some others may."""
        if self._is_utc:
            return day * DAY_MS, (day + 1) * DAY_MS
        return self._midnight(day)[0], self._midnight(day + 1)[1]

    def _midnight(self, day: int) -> tuple[int, int]:
        """The first and the last moment at which the clock shows that the day begins."""
        shown = self._midnights.get(day)
        if shown is None:
            midnight = datetime.fromordinal(_EPOCH_ORDINAL + day)
            shown = first_moment(self._zone, midnight, doubled="earlier"), first_moment(self._zone, midnight)
            if len(self._midnights) >= _REMEMBERED:
                self._midnights.clear()
            self._midnights[day] = shown
        return shown


def format_day(day: int) -> str:
    """The day as a date: `2026-05-12`."""
    return date.fromordinal(_EPOCH_ORDINAL + day).isoformat()
