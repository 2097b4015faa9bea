"""The days of a partition as they are kept: as bytes, of which those that are counted into are objects.

They lie in the changelog of the customers, under keys that no customer has. Of each the record with the highest
`counted` is the one that holds, whoever wrote it.
"""

import struct
from typing import Final

from state.day import Day, counted_of, decode_day, encode_day, new_day
from state.kept import Counted

_MARK: Final = b"\xffday"
_DAY_KEY: Final = struct.Struct(">4sI")
_TOLD_KEY: Final = _MARK
_TOLD: Final = struct.Struct(">BQi")
_TOLD_FORMAT: Final = 1
_FIRST_DAY: Final = -(1 << 31)
OBJECTS_AT_MOST: Final = 64
"""Days that stay objects after a flush."""

Record = tuple[bytes, bytes | None]


class Days:
    """Everything kept of a partition's days.

    Attributes:
        counted: the furthest that any of them counts, as of the last `restored`.
        happened: the days into which something was counted since the last flush; `became` those on which the base
            became another.
        untold: the days that are other than they were told; `untold_from` the first day from which all are to be told.
        told_to: the last day that was told.
        standing: how the base stands after all days; see `Day.levels`.
    """

    def __init__(self) -> None:
        """None yet."""
        self.counted: Counted = (0, -1, "")
        self.happened: set[int] = set()
        self.became: set[int] = set()
        self.untold: set[int] = set()
        self.untold_from: int | None = None
        self.told_to = _FIRST_DAY
        self.standing: dict[str, list[int]] = {}
        self._kept: dict[int, bytes] = {}
        self._objects: dict[int, Day] = {}
        self._told: tuple[int, int] = (0, _FIRST_DAY)

    def get(self, number: int) -> Day:
        """A day, to be counted into: say so in `happened` or in `became`."""
        day = self._objects.get(number)
        if day is None:
            value = self._kept.get(number)
            day = self._objects[number] = new_day() if value is None else decode_day(value)
        return day

    def read(self, number: int) -> Day | None:
        """A day as it was flushed; None if nothing is kept of it."""
        value = self._kept.get(number)
        return None if value is None else decode_day(value)

    def numbers(self) -> list[int]:
        """The days of which something is kept, in their order."""
        return sorted(self._kept)

    @property
    def settled(self) -> bool:
        """Whether everything is as written."""
        return not (self.happened or self.became)

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
        counted, before = counted_of(value), self._kept.get(number)
        if before is None or counted >= counted_of(before):
            self._kept[number] = value

    def restored(self) -> None:
        """All of the changelog has been read: what is untold is everything that was counted since it was told last."""
        self._objects = {}
        self.happened, self.became = set(), set()
        self.standing = {}
        self.counted = (0, -1, "")
        told, self.told_to = self._told
        self.untold, self.untold_from = set(), None
        for number in self.numbers():
            day = decode_day(self._kept[number])
            self.counted = max(self.counted, day.counted)
            _add(self.standing, day.levels)
            if day.counted > (told, -1, ""):
                self.untold.add(number)
                self.untold_from = number if self.untold_from is None else self.untold_from

    def flush(self, counted: Counted) -> list[Record]:
        """What the changelog is to be told of everything that was counted so far."""
        records: list[Record] = []
        turned = self.became | (self.happened - self._kept.keys())  # about a new day others may be told that were not
        for number in sorted(self.happened | self.became):
            day = self._objects[number]
            if day.moves:
                _add(day.levels, day.moves)
                _add(self.standing, day.moves)
                day.moves = {}
            day.counted = counted  # always further: what it has already is not counted into it again
            value = self._kept[number] = encode_day(day)
            records.append((_DAY_KEY.pack(_MARK, number - _FIRST_DAY), value))
        self.untold |= self.happened
        if turned:
            first = min(turned)
            self.untold_from = first if self.untold_from is None else min(first, self.untold_from)
        self.happened, self.became = set(), set()
        if len(self._objects) > OBJECTS_AT_MOST:
            self._objects = {}
        return records

    def tell(self, offset: int, last: int) -> Record:
        """Everything before the offset is told, up to a last day: what the changelog is to be told of that."""
        self.untold, self.untold_from = set(), None
        self.told_to = max(self.told_to, last)
        self._told = (offset, self.told_to)
        return _TOLD_KEY, _TOLD.pack(_TOLD_FORMAT, *self._told)


def is_day_key(key: bytes) -> bool:
    """Whether a record of the changelog is of the days: chunks of histories have longer keys, fences shorter ones."""
    return key[:4] == _MARK and len(key) in (len(_TOLD_KEY), _DAY_KEY.size)


def _add(levels: dict[str, list[int]], more: dict[str, list[int]]) -> None:
    """Adds row by row; a row of nothing is left out."""
    for name, row in more.items():
        before = levels.get(name)
        if before is None:
            levels[name] = row.copy()
        else:
            before[0] += row[0]
            before[1] += row[1]
            before[2] += row[2]
        if not any(levels[name]):
            del levels[name]
