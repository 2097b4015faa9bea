"""Moments: from RFC 3339 text to milliseconds since 1970 in UTC, and back."""

import math
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

DAY_MS = 86_400_000
BEFORE_ALL_MS = -(2**62)
"""The watermark of a partition without a tick: before any event."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))",
    re.ASCII,
)


def parse(text: str) -> int:
    """Return the milliseconds of an RFC 3339 text; digits below a millisecond are cut, not rounded.

    Raises:
        ValueError: The text is no RFC 3339 moment with an offset.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        message = f"not RFC 3339 with an offset: {text!r}"
        raise ValueError(message)
    day, hours, minutes, seconds, fraction, sign, offset_hours, offset_minutes = match.groups()
    days = date.fromisoformat(day).toordinal() - _EPOCH.toordinal()
    whole = ((days * 24 + int(hours)) * 60 + int(minutes)) * 60 + int(seconds)
    if sign is not None:
        offset = (int(offset_hours) * 60 + int(offset_minutes)) * 60
        whole += offset if sign == "-" else -offset
    return whole * 1000 + int((fraction or "")[:3].ljust(3, "0"))


def text(moment_ms: int) -> str:
    """Return the moment as outputs have it: UTC, milliseconds, ``Z``."""
    moment = _EPOCH + timedelta(milliseconds=moment_ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_datetime(moment: datetime) -> int:
    """Return the milliseconds of a TOML date-time; one without an offset is UTC."""
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(milliseconds=1)


def days(count: int | Decimal) -> int:
    """Return days of 86,400 seconds in milliseconds, rounded up to a whole millisecond."""
    return math.ceil(Fraction(count) * DAY_MS)
