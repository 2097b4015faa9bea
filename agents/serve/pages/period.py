"""The period that a page shows: days from an address, and the period of the same length just before."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final, NamedTuple

DEFAULT_DAYS: Final = 30
_EARLIEST: Final = date(1970, 1, 1)
CHOICES: Final = (7, 30, 90)
"""Lengths that pages offer, in days."""


class Period(NamedTuple):
    """Days, both inclusive."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """Return how many days there are."""
        return (self.last - self.first).days + 1

    @property
    def preceding(self) -> "Period":
        """Return the period of the same length that ends just before."""
        return Period(self.first - timedelta(self.days), self.first - timedelta(1))

    def each_day(self) -> list[str]:
        """Return the days as `2026-05-12`."""
        return [str(self.first + timedelta(number)) for number in range(self.days)]

    def query(self, **others: str | None) -> dict[str, str]:
        """Return the parameters of an address that shows this period; those that are None are left out."""
        return {"from": str(self.first), "to": str(self.last)} | {
            key: value for key, value in others.items() if value is not None
        }


def last_days(today: date, days: int) -> Period:
    """Return the period of so many days that ends today."""
    return Period(today - timedelta(days - 1), today)


def parse_period(query: Mapping[str, str], today: date, longest: int) -> tuple[Period, bool]:
    """Return the period of `from` and `to` in an address, and whether it could be read.

    Where one of them is missing, the period has the usual length. One that is too long, that is in the wrong order or
    that is no date is replaced by the last 30 days.

    Args:
        query: parameters of the address.
        today: the last day of the usual period.
        longest: the most days of a period.
    """
    usual = last_days(today, DEFAULT_DAYS)
    try:
        first = date.fromisoformat(query["from"]) if query.get("from") else None
        last = date.fromisoformat(query["to"]) if query.get("to") else None
        if last is None:
            last = today if first is None or first <= today else first
        period = Period(last - timedelta(DEFAULT_DAYS - 1) if first is None else first, last)
    except (ValueError, OverflowError):
        return usual, False
    return (period, True) if 1 <= period.days <= longest and period.first >= _EARLIEST else (usual, False)
