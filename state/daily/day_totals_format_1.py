"""Read totals of a day of format 1, which the next change of the day replaces by the current format.

Format 1 counted messages by campaign and outcome, without the step; they are read as of step 0.
"""

from typing import Any, Final, cast, get_args

import msgspec

from state.daily.native_day_totals import DayTotalsFields

FORMAT_1: Final = 1

_MESSAGES: Final = get_args(DayTotalsFields).index(dict[tuple[str, str, int], int])
_TYPES: Any = tuple(
    dict[tuple[str, str], int] if place == _MESSAGES else each for place, each in enumerate(get_args(DayTotalsFields))
)
_decode: Final = msgspec.msgpack.Decoder(tuple[_TYPES]).decode


def decode_format_1(data: bytes) -> DayTotalsFields:
    """Return the fields of a day whose MessagePack this is, without the version byte."""
    fields: list[Any] = list(_decode(data))
    fields[_MESSAGES] = {(campaign, outcome, 0): count for (campaign, outcome), count in fields[_MESSAGES].items()}
    return cast("DayTotalsFields", tuple(fields))
