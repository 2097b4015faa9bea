"""Read the limits of all campaigns: quiet hours, the frequency cap, the time at which campaigns start."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct

from state.config.toml_reader import MAX_DAYS, Table
from state.units.timestamps import DAY_MS, parse_rfc3339

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


class FrequencyCap(Struct, frozen=True):
    """The maximum number of messages that a customer gets within a period, all campaigns together."""

    messages: int
    within_ms: int


class QuietHours(Struct, frozen=True):
    """The part of the local day in which no messages are sent, in minutes after midnight. It may span midnight.

    Attributes:
        from_minute: The first minute (inclusive).
        to_minute: The end (exclusive); never equal to `from_minute`.
    """

    from_minute: int
    to_minute: int


def read_cap(file: Table) -> FrequencyCap | None:
    """Return the frequency cap; None if the file has none."""
    table = file.table("cap")
    if table is None:
        return None
    messages = table.integer("messages", required=True)
    days = table.number("days", MAX_DAYS, required=True)
    table.reject_unknown_keys()
    return FrequencyCap(messages, days.to_units(DAY_MS)) if messages and days else None


def read_quiet_hours(file: Table) -> QuietHours | None:
    """Return the quiet hours; None if the file has none."""
    value = file.get("quiet_hours")
    if value is None:
        return None
    clocks = [_CLOCK.fullmatch(clock) for clock in value if isinstance(clock, str)] if isinstance(value, list) else []
    minutes = [60 * int(clock[1]) + int(clock[2]) for clock in clocks if clock]
    if not isinstance(value, list) or len(value) != 2 or len(minutes) != 2:
        file.expect("quiet_hours", 'two times of day, such as ["21:00", "09:00"]', value)
        return None
    if minutes[0] == minutes[1]:
        file.expect("quiet_hours", "two different times; remove it for no quiet hours", value)
        return None
    return QuietHours(minutes[0], minutes[1])


def read_start(file: Table, key: str) -> int | None:
    """Return a TOML date-time with an offset, or the same as a string, truncated to the millisecond; None if absent."""
    value = file.get(key)
    if isinstance(value, datetime) and value.tzinfo is not None and _EPOCH <= value < _LATEST:
        return (value - _EPOCH) // _MILLISECOND
    if isinstance(value, str):
        try:
            return parse_rfc3339(value)
        except ValueError:
            pass
    if value is not None:
        expected = 'a time with an offset in the years 1970 to 2199, such as 2026-01-01T00:00:00Z, or "always"'
        file.expect(key, expected, value)
    return None
