"""Keep the daily totals of a partition: encoded, except for the days that were counted into lately.

Their records are in the changelog of the customers table, under keys that no customer has. Of several records of a day
the one with the highest `counted_to` is valid, whichever worker wrote it.
"""

import struct
from bisect import bisect_right
from typing import Final

from state.daily.day_totals import decode_day, encode_day, new_day, peek_counted_to, segment_deltas
from state.daily.day_totals_schema import FoldPosition
from state.daily.native_day_totals import DayTotals

_MARK: Final = b"\xffday"
_DAY_KEY: Final = struct.Struct(">4sI")
_PUBLISHED_KEY: Final = _MARK
_PUBLISHED: Final = struct.Struct(">BQi")
_PUBLISHED_FORMAT: Final = 1
_FIRST_DAY: Final = -(1 << 31)
MAX_OBJECTS: Final = 1_000
"""Days that stay decoded after a flush: those of two to three years, about 3 KiB each."""

RECENT_DAYS: Final = 40
"""The customer base at the end of all earlier days is cached."""

Record = tuple[bytes, bytes | None]


class CustomerBase:
    """The customer base at the end of a day.

    Attributes:
        day: The last day that is added.
        segments: Customers, their orders and net revenue in the window, by segment.
        reachable: Number of reachable customers.
        silenced: Number of silenced customers.
    """

    def __init__(self, day: int) -> None:
        self.day = day
        self.segments: dict[str, list[int]] = {}
        self.reachable = self.silenced = 0

    def copy(self) -> "CustomerBase":
        """Return a copy that shares nothing with the original."""
        same = CustomerBase(self.day)
        same.segments = {name: row.copy() for name, row in self.segments.items()}
        same.reachable, same.silenced = self.reachable, self.silenced
        return same

    def add(self, number: int, day: DayTotals, sign: int) -> None:
        """Move to the end of a day by adding it, or with sign -1 back to its beginning."""
        self.day = number if sign > 0 else number - 1
        self.reachable += sign * day.reachable
        self.silenced += sign * day.silenced
        for name, row in segment_deltas(day.moves).items():
            totals = self.segments.setdefault(name, [0, 0, 0])
            for column, delta in enumerate(row):
                totals[column] += sign * delta


class DayStore:
    """The daily totals of a partition.

    Attributes:
        counted_to: The highest position up to which any day counts, as of the last `finish_restore`.
        changed_days: Days that were counted into since the last flush.
        unpublished: Days that differ from what was published.
        unpublished_from: All days from this one on must be published; None for none.
        published_to: The last day that was published.
    """

    def __init__(self) -> None:
        self.counted_to: FoldPosition = (0, -1, "")
        self.changed_days: set[int] = set()
        self.unpublished: set[int] = set()
        self.unpublished_from: int | None = None
        self.published_to = _FIRST_DAY
        self._encoded: dict[int, bytes] = {}
        self._decoded: dict[int, DayTotals] = {}
        self._published: tuple[int, int] = (0, _FIRST_DAY)
        self._early_base = CustomerBase(_FIRST_DAY)

    def get(self, number: int) -> DayTotals:
        """Return a day to count into. The caller adds it to `changed_days`."""
        day = self._decoded.get(number)
        if day is None:
            value = self._encoded.get(number)
            day = self._decoded[number] = new_day() if value is None else decode_day(value)
        return day

    def read_flushed(self, number: int) -> DayTotals | None:
        """Return a copy of a day as of the last flush; None if nothing is counted on it."""
        value = self._encoded.get(number)
        return None if value is None else decode_day(value)

    def current_base(self) -> CustomerBase:
        """Return the customer base at the end of all days; the caller may change it.

        Early days seldom change, so their sum is cached and only `RECENT_DAYS` are added.
        """
        numbers = self.numbers()
        base = self._early_base.copy()
        first_recent = len(numbers) - RECENT_DAYS
        for place in range(bisect_right(numbers, base.day), len(numbers)):
            number = numbers[place]
            if place == first_recent:
                self._early_base = base.copy()
            day = self._decoded.get(number)
            base.add(number, decode_day(self._encoded[number]) if day is None else day, 1)
        return base

    def numbers(self) -> list[int]:
        """Return the days on which something is counted, in ascending order."""
        return sorted(self._encoded)

    @property
    def is_flushed(self) -> bool:
        """Whether no day changed since the last flush."""
        return not self.changed_days

    # The changelog.

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Restore a record of the changelog for whose key `is_day_key` is true.

        Raises:
            UnknownFormatVersion: The record was written by a version that is not known here.
        """
        if key == _PUBLISHED_KEY:
            # A record of another format is not needed: without it everything is published again.
            if value is not None and value[0] == _PUBLISHED_FORMAT:
                _, offset, day = _PUBLISHED.unpack(value)
                self._published = max(self._published, (offset, day))
            return
        number = _DAY_KEY.unpack(key)[1] + _FIRST_DAY
        if value is None:
            self._encoded.pop(number, None)
            return
        counted_to, restored = peek_counted_to(value), self._encoded.get(number)
        if restored is None or counted_to >= peek_counted_to(restored):
            self._encoded[number] = value

    def finish_restore(self) -> None:
        """Finish restoring: every day that was counted into after the last publication is unpublished."""
        self._decoded = {}
        self.changed_days = set()
        self._early_base = CustomerBase(_FIRST_DAY)
        self.counted_to = (0, -1, "")
        published_offset, self.published_to = self._published
        self.unpublished, self.unpublished_from = set(), None
        for number in self.numbers():
            counted_to = peek_counted_to(self._encoded[number])
            self.counted_to = max(self.counted_to, counted_to)
            if counted_to > (published_offset, -1, ""):
                self.unpublished.add(number)
                self.unpublished_from = number if self.unpublished_from is None else self.unpublished_from

    def flush(self, counted_to: FoldPosition) -> list[Record]:
        """Return the changelog records of the days that changed.

        Args:
            counted_to: The position up to which everything is counted. It only moves forward: a record that a day
                counts already is not counted into it again.
        """
        records: list[Record] = []
        for number in sorted(self.changed_days):
            day = self._decoded[number]
            if day.base_changed or number not in self._encoded:  # a new day also changes which empty days are published
                self.unpublished_from = number if self.unpublished_from is None else min(number, self.unpublished_from)
                if number <= self._early_base.day:
                    self._early_base = CustomerBase(_FIRST_DAY)
            day.base_changed = False
            day.counted_to = counted_to
            value = self._encoded[number] = encode_day(day)
            records.append((_DAY_KEY.pack(_MARK, number - _FIRST_DAY), value))
        self.unpublished |= self.changed_days
        self.changed_days = set()
        if len(self._decoded) > MAX_OBJECTS:
            self._decoded = {}
        return records

    def mark_published(self, offset: int, last_day: int) -> Record:
        """Note that all days are published.

        Args:
            offset: The journal offset up to which they count.
            last_day: The last of them.

        Returns:
            The changelog record of that.
        """
        self.unpublished, self.unpublished_from = set(), None
        self.published_to = max(self.published_to, last_day)
        self._published = (offset, self.published_to)
        return _PUBLISHED_KEY, _PUBLISHED.pack(_PUBLISHED_FORMAT, *self._published)


def is_day_key(key: bytes) -> bool:
    """Whether a changelog record belongs to the days. Keys of chunks are longer, those of fences shorter."""
    return key[:4] == _MARK and len(key) in (len(_PUBLISHED_KEY), _DAY_KEY.size)
