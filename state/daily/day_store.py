"""The days of a partition as they are kept: as bytes, of which those that are counted into are objects.

They lie in the changelog of the customers, under keys that no customer has. Of each the record with the highest
`counted` is the one that holds, whoever wrote it.
"""

import struct
from bisect import bisect_right
from typing import Final

from state.daily.day_totals import decode_day, encode_day, new_day, peek_counted_to, segment_deltas
from state.daily.day_totals_schema import FoldPosition
from state.daily.native_day_totals import DayTotals

_MARK: Final = b"\xffday"
_DAY_KEY: Final = struct.Struct(">4sI")
_TOLD_KEY: Final = _MARK
_TOLD: Final = struct.Struct(">BQi")
_TOLD_FORMAT: Final = 1
_FIRST_DAY: Final = -(1 << 31)
MAX_OBJECTS: Final = 1_000
"""Days that stay objects after a flush: the days of two or three years, some 3 KiB each."""

LATE_DAYS: Final = 40
"""The sum of all but so many days is remembered."""

Record = tuple[bytes, bytes | None]


class CustomerBase:
    """How the base stands at the end of a day.

    Attributes:
        day: the last one that is added up.
        levels: customers, orders and net in the window by segment.
        reachable: customers who can be reached; `silenced` those who are silenced.
    """

    def __init__(self, day: int) -> None:
        """Nobody is known yet."""
        self.day = day
        self.segments: dict[str, list[int]] = {}
        self.reachable = self.silenced = 0

    def copy(self) -> "CustomerBase":
        """The same, to go on from."""
        same = CustomerBase(self.day)
        same.segments = {name: row.copy() for name, row in self.segments.items()}
        same.reachable, same.silenced = self.reachable, self.silenced
        return same

    def add(self, number: int, day: DayTotals, sign: int) -> None:
        """Goes on to the end of a day, or with -1 back to its beginning."""
        self.day = number if sign > 0 else number - 1
        self.reachable += sign * day.reachable
        self.silenced += sign * day.silenced
        for name, row in segment_deltas(day.moves).items():
            level = self.segments.setdefault(name, [0, 0, 0])
            for place, more in enumerate(row):
                level[place] += sign * more


class DayStore:
    """Everything kept of a partition's days.

    Attributes:
        counted_to: the furthest that any of them counts, as of the last `finish_restore`.
        open: the days into which something was counted since the last flush.
        unpublished: the days that are other than they were told; `unpublished_from` the first day from which all are to
        be told.
        told_to: the last day that was told.
    """

    def __init__(self) -> None:
        """None yet."""
        self.counted_to: FoldPosition = (0, -1, "")
        self.changed_days: set[int] = set()
        self.unpublished: set[int] = set()
        self.unpublished_from: int | None = None
        self.published_to = _FIRST_DAY
        self._kept: dict[int, bytes] = {}
        self._objects: dict[int, DayTotals] = {}
        self._told: tuple[int, int] = (0, _FIRST_DAY)
        self._early = CustomerBase(_FIRST_DAY)

    def get(self, number: int) -> DayTotals:
        """A day, to be counted into: say so in `changed_days`."""
        day = self._objects.get(number)
        if day is None:
            value = self._kept.get(number)
            day = self._objects[number] = new_day() if value is None else decode_day(value)
        return day

    def read_flushed(self, number: int) -> DayTotals | None:
        """A day as it was flushed; None if nothing is kept of it."""
        value = self._kept.get(number)
        return None if value is None else decode_day(value)

    def current_base(self) -> "CustomerBase":
        """How the base stands after all days; the caller's own.

        Early days seldom change: the sum of them is remembered, and only the others are added up.
        """
        numbers = self.numbers()
        standing = self._early.copy()
        late = len(numbers) - LATE_DAYS
        for place in range(bisect_right(numbers, standing.day), len(numbers)):
            number = numbers[place]
            if place == late:
                self._early = standing.copy()
            day = self._objects.get(number)
            standing.add(number, decode_day(self._kept[number]) if day is None else day, 1)
        return standing

    def numbers(self) -> list[int]:
        """The days of which something is kept, in their order."""
        return sorted(self._kept)

    @property
    def is_flushed(self) -> bool:
        """Whether everything is as written."""
        return not self.changed_days

    # The changelog.

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Takes a record of the changelog whose key is one of `is_day_key`.

        Raises:
            UnknownFormat: it was written by a version that this one does not know.
        """
        if key == _TOLD_KEY:
            if value is not None and value[0] == _TOLD_FORMAT:  # another one is not needed: everything is told again
                _, offset, day = _TOLD.unpack(value)
                self._told = max(self._told, (offset, day))
            return
        number = _DAY_KEY.unpack(key)[1] + _FIRST_DAY
        if value is None:
            self._kept.pop(number, None)
            return
        counted, before = peek_counted_to(value), self._kept.get(number)
        if before is None or counted >= peek_counted_to(before):
            self._kept[number] = value

    def finish_restore(self) -> None:
        """All of the changelog has been read: what is untold is everything that was counted since it was told last."""
        self._objects = {}
        self.changed_days = set()
        self._early = CustomerBase(_FIRST_DAY)
        self.counted_to = (0, -1, "")
        told, self.published_to = self._told
        self.unpublished, self.unpublished_from = set(), None
        for number in self.numbers():
            counted = peek_counted_to(self._kept[number])
            self.counted_to = max(self.counted_to, counted)
            if counted > (told, -1, ""):
                self.unpublished.add(number)
                self.unpublished_from = number if self.unpublished_from is None else self.unpublished_from

    def flush(self, counted: FoldPosition) -> list[Record]:
        """What the changelog is to be told of everything that was counted so far."""
        records: list[Record] = []
        for number in sorted(self.changed_days):
            day = self._objects[number]
            if day.base_changed or number not in self._kept:  # about a new day others may be told of that were not
                self.unpublished_from = number if self.unpublished_from is None else min(number, self.unpublished_from)
                if number <= self._early.day:
                    self._early = CustomerBase(_FIRST_DAY)
            day.base_changed = False
            day.counted_to = counted  # always further: what it has already is not counted into it again
            value = self._kept[number] = encode_day(day)
            records.append((_DAY_KEY.pack(_MARK, number - _FIRST_DAY), value))
        self.unpublished |= self.changed_days
        self.changed_days = set()
        if len(self._objects) > MAX_OBJECTS:
            self._objects = {}
        return records

    def mark_published(self, offset: int, last: int) -> Record:
        """Everything before the offset is told, up to a last day: what the changelog is to be told of that."""
        self.unpublished, self.unpublished_from = set(), None
        self.published_to = max(self.published_to, last)
        self._told = (offset, self.published_to)
        return _TOLD_KEY, _TOLD.pack(_TOLD_FORMAT, *self._told)


def is_day_key(key: bytes) -> bool:
    """Whether a record of the changelog is of the days: chunks of histories have longer keys, fences shorter ones."""
    return key[:4] == _MARK and len(key) in (len(_TOLD_KEY), _DAY_KEY.size)
