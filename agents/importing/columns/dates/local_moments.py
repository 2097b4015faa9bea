"""Convert local times to moments, at the cost of a look-up."""

from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from state.units.time_zones import first_moment
from state.units.timestamps import DAY_MS

_EPOCH_SHOWN: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - a local time
_MILLISECOND: Final = timedelta(milliseconds=1)
_HOUR_MS: Final = 3_600_000
_MAX_PERIODS: Final = 1 << 16


@lru_cache(maxsize=256)
def moment_finder(zone: tzinfo) -> Callable[[int], int]:
    """Return a function from a local time (ms since 1970-01-01T00:00 on the clocks of the zone) to its moment (ms).

    A time that clocks skip is the first moment after the gap; one that they show twice is the earlier moment.
    """
    if not isinstance(zone, ZoneInfo):
        fixed_ms = (zone.utcoffset(None) or timedelta()) // _MILLISECOND
        return lambda local_ms: local_ms - fixed_ms
    offset_of_day = _Offsets(zone, DAY_MS)
    offset_of_hour = _Offsets(zone, _HOUR_MS)

    def moment_of(local_ms: int) -> int:
        offset = offset_of_day[local_ms // DAY_MS]
        if offset is None:
            offset = offset_of_hour[local_ms // _HOUR_MS]
        if offset is None:
            return first_moment(zone, _EPOCH_SHOWN + timedelta(milliseconds=local_ms), doubled="earlier")
        return local_ms - offset

    return moment_of


class _Offsets(dict[int, int | None]):
    """Offsets from UTC by the number of a local day or hour; None: the offset changes in it, or is not certain."""

    def __init__(self, zone: ZoneInfo, length_ms: int) -> None:
        super().__init__()
        self._zone = zone
        self._length_ms = length_ms

    def __missing__(self, number: int) -> int | None:
        begin = _EPOCH_SHOWN + timedelta(milliseconds=number * self._length_ms)
        last = begin + timedelta(milliseconds=self._length_ms) - _MILLISECOND
        offsets = {
            shown.replace(tzinfo=self._zone, fold=fold).utcoffset() for shown in (begin, last) for fold in (0, 1)
        }
        offset = offsets.pop()
        if len(self) >= _MAX_PERIODS:
            self.clear()
        self[number] = result = None if offsets or offset is None else offset // _MILLISECOND
        return result
