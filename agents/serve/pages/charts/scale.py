"""Map figures to positions: an axis with round ticks."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Axis:
    """A range of figures; `low` is less than `high`."""

    low: float
    high: float

    def share(self, value: float) -> float:
        """Return where a value lies: 0 at `low`, 1 at `high`; values outside lie on the edge."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))

    def ticks(self, about: int) -> list[float]:
        """Return round values within the range, some `about` of them."""
        step = _round_step((self.high - self.low) / about)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [number * step + 0.0 for number in range(first, last + 1)]


def axis_of(values: Iterable[float]) -> Axis:
    """Return the axis of some values, which may be none, or all the same. 0 is on it: a small change looks small."""
    shown = [0.0, *(value for value in values if math.isfinite(value))]
    low, high = min(shown), max(shown)
    return Axis(low, high) if low < high else Axis(0.0, 1.0)


def _round_step(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return next(each * power for each in _STEPS if each * power >= step * (1 - 1e-9))
