"""Days as look-ups take them: local dates in the policy's time zone, from and to inclusive."""

from datetime import date, timedelta
from typing import Final, NamedTuple

from agents.serve.lookups.refusals import LookupRefused

DEFAULT_DAYS: Final = 30
EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()


class DayRange(NamedTuple):
    """Days, both inclusive."""

    first: date
    last: date

    @property
    def names(self) -> list[str]:
        """All days of the range, as `2026-05-12`."""
        count = (self.last - self.first).days + 1
        return [(self.first + timedelta(days=number)).isoformat() for number in range(count)]


def parse_day(name: str, text: str) -> date:
    """Return a day.

    Raises:
        LookupRefused: it is none.
    """
    try:
        return date.fromisoformat(text) if len(text) == len("2026-05-12") else _refuse(name, text)
    except ValueError:
        return _refuse(name, text)


def day_range(first_text: str | None, last_text: str | None, latest: date, max_days: int) -> DayRange:
    """Return the days that are asked for, by default the 30 up to the latest one.

    Raises:
        LookupRefused: a text is not a day, or the days are in the wrong order or too many.
    """
    last = parse_day("to", last_text) if last_text else None
    first = parse_day("from", first_text) if first_text else None
    if last is None:
        last = latest if first is None or first <= latest else first
    if first is None:
        first = last - timedelta(days=DEFAULT_DAYS - 1) if last.toordinal() > DEFAULT_DAYS else date.min
    if first > last:
        raise LookupRefused(422, "days", f"from must not be after to: got {first} and {last}")
    if (last - first).days >= max_days:
        raise LookupRefused(422, "days", f"at most {max_days} days can be asked for: got {first} to {last}")
    return DayRange(first, last)


def _refuse(name: str, text: str) -> date:
    raise LookupRefused(422, "days", f"{name} must be a day such as 2026-05-12: got {text!r}")
