"""Moments that are bare numbers: Unix time in four units, and the day numbers of spreadsheets."""

import re
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from agents.importing.columns.column_value import CellError
from agents.importing.columns.dates.shape import END_MS, FIRST_YEAR, LAST_YEAR, LocalTime
from state.config.config_errors import format_value
from state.units.timestamps import DAY_MS

UNIX_UNITS: Final = {"unix": 0, "unix_ms": 3, "unix_us": 6, "unix_ns": 9}
"""Form to the digits of its unit after the decimal point of seconds."""
SERIAL: Final = "serial"

_NUMBER: Final = re.compile(r"(-?)([0-9]{1,25})(?:[.,]([0-9]{0,25}))?", re.ASCII)
# Unix time since 1973 in seconds has 9 or 10 digits; three more in each finer unit. 18 digits are also the ticks of
# .NET and of Windows, so they are not recognized.
_UNIT_BY_DIGITS: Final = {
    9: "unix",
    10: "unix",
    12: "unix_ms",
    13: "unix_ms",
    15: "unix_us",
    16: "unix_us",
    19: "unix_ns",
}
_FIRST_SERIAL: Final = 25569
"""1970-01-01 in the 1900 date system of spreadsheets."""
_SERIAL_DIGITS: Final = 5
"""Of all days from 1970 to 2173."""
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - a local time
_SECOND_MS: Final = 1000


class NumberOfTime:
    """Texts that are a number of units since a moment; see `agents.importing.columns.dates.shape.MomentShape`."""

    languages: frozenset[str] = frozenset()
    has_clock = True

    def __init__(self, form: str) -> None:
        self.form = form
        self.group = ""
        self.has_zone = form != SERIAL
        self._power = UNIX_UNITS.get(form, 0)

    def read(self, text: str) -> LocalTime:
        """Return the moment that is so many units after the first.

        Raises:
            CellError: The text is no number, or the moment is outside the years 1970 to 2199.
        """
        match = _NUMBER.fullmatch(text)
        if match is None:
            raise CellError(f"must be a number of time units: got {format_value(text)}")
        sign, whole, fraction = match.groups(default="")
        ms = self._serial_ms(whole, fraction) if self.form == SERIAL else self._unix_ms(whole, fraction)
        if sign or not 0 <= ms < END_MS:
            years = f"must be in the years {FIRST_YEAR} to {LAST_YEAR} as {self.form}"
            raise CellError(f"{years}: got {format_value(text)}{self._remedy(text)}")
        return LocalTime(ms, "UTC" if self.has_zone else None)

    def zone_text(self, text: str) -> str:  # noqa: ARG002 - as in `MomentShape`
        """Return nothing: the zone is not in the text."""
        return ""

    def _remedy(self, text: str) -> str:
        unit = other_unit(text, self.form)
        if unit is None:
            return ""
        day = _EPOCH + timedelta(milliseconds=NumberOfTime(unit).read(text).ms)
        return f"; as {unit} it is in {day:%Y-%m}, so it may need --time-format {unit}"

    def _unix_ms(self, whole: str, fraction: str) -> int:
        digits = 3 - self._power
        if digits >= 0:
            return int(whole + fraction[:digits].ljust(digits, "0"))
        return int(whole[:digits] or "0")

    def _serial_ms(self, whole: str, fraction: str) -> int:
        exact = (Decimal(f"{whole}.{fraction or 0}") - _FIRST_SERIAL) * DAY_MS
        # A day number has as many digits as fit, so it is rarely a whole second: 0.7291666667 of a day is 17:30:00.
        resolution = Decimal(DAY_MS) / 2 / 10 ** len(fraction)
        second = (exact / _SECOND_MS).quantize(Decimal(1), ROUND_HALF_UP) * _SECOND_MS
        return int(second if abs(second - exact) <= resolution else exact.quantize(Decimal(1), ROUND_HALF_UP))


def read_bare_number(text: str) -> list[NumberOfTime]:
    """Return what a bare number can be; empty if its size tells nothing."""
    match = _NUMBER.fullmatch(text)
    if match is None or match[1]:
        return []
    whole = match[2]
    if unit := _UNIT_BY_DIGITS.get(len(whole)):
        return [NumberOfTime(unit)]
    return [NumberOfTime(SERIAL)] if len(whole) == _SERIAL_DIGITS else []


def other_unit(text: str, form: str) -> str | None:
    """Return the unit in which a number is a moment since 1973, if that is not `form`; None: there is none."""
    match = _NUMBER.fullmatch(text)
    if match is None or match[1] or form not in UNIX_UNITS:
        return None
    unit = _UNIT_BY_DIGITS.get(len(match[2]))
    return unit if unit != form else None
