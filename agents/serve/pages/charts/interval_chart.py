"""Draw an uplift with its confidence interval against a zero line; green only if all of the interval is above zero."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from markupsafe import Markup

from agents.serve.pages.charts.scale import Axis
from agents.serve.pages.charts.svg import NARROWEST, drawing, element, percent, text_width

Tone = Literal["good", "bad", "unclear"]

_HEIGHT: Final = 62.0
_MIDDLE: Final = 30.0
_SIDE: Final = 9.0
"""The margin at each side for the letters of the ticks, as a percentage."""

_MARGIN: Final = 0.12
"""How far the axis goes beyond the interval, as a share of it."""

_SPACE: Final = 6.0
"""Pixels between the letters of two ticks."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its bounds.

    Attributes:
        value: the estimate; `low` and `high` bound it, and are None where they cannot be computed.
        is_conclusive: whether the groups are large enough for any claim.
    """

    value: float
    low: float | None
    high: float | None
    is_conclusive: bool

    @property
    def tone(self) -> Tone:
        """Return what the interval says: good above zero, bad below, unclear in any other case."""
        if not self.is_conclusive or self.low is None or self.high is None:
            return "unclear"
        if self.low > 0:
            return "good"
        return "bad" if self.high < 0 else "unclear"


def interval_chart(interval: Interval, *, write: Callable[[float], str], title: str, description: str) -> Markup:
    """Return the chart.

    Args:
        interval: to be shown.
        write: writes a figure of the axis, short.
        title: the name of the chart.
        description: the result in words.
    """
    bounds = [interval.value, *(bound for bound in (interval.low, interval.high) if bound is not None), 0.0]
    low, high = min(bounds), max(bounds)
    margin = (high - low) * _MARGIN or 1.0
    axis = Axis(low - margin, high + margin)

    def at(value: float) -> float:
        return _SIDE + (100 - 2 * _SIDE) * axis.share(value)

    children = []
    for tick in _ticks(axis, write, at):
        x, is_zero = percent(at(tick)), tick == 0
        ends = (4, _HEIGHT - 16) if is_zero else (10, _HEIGHT - 18)
        children += [
            element("line", x1=x, x2=x, y1=ends[0], y2=ends[1], class_="zero" if is_zero else "tick"),
            element("text", write(tick), x=x, y=_HEIGHT - 4, text_anchor="middle", class_="axis"),
        ]
    if interval.low is not None and interval.high is not None:
        left, right = at(interval.low), at(interval.high)
        children.append(
            element(
                "rect", x=percent(left), y=_MIDDLE - 6, width=percent(right - left), height=12, rx=6, class_="range"
            )
        )
    children.append(element("circle", cx=percent(at(interval.value)), cy=_MIDDLE, r=6, class_="estimate"))
    return drawing(
        [element("g", *children, class_=f"tone-{interval.tone}")],
        height=_HEIGHT,
        title=title,
        description=description,
        kind="interval",
        links=False,
    )


def _ticks(axis: Axis, write: Callable[[float], str], at: Callable[[float], float]) -> list[float]:
    """Return round values, 0 among them, whose letters neither overlap nor leave the narrowest chart."""
    for about in (6, 4, 3, 2):
        boxes = [(at(tick) * NARROWEST / 100, text_width(write(tick)) / 2, tick) for tick in axis.ticks(about)]
        shown = [box for box in boxes if box[2] == 0 or (box[0] >= box[1] and box[0] + box[1] <= NARROWEST)]
        if all(a[0] + a[1] + _SPACE <= b[0] - b[1] for a, b in pairwise(shown)):
            return [tick for _, _, tick in shown]
    return [0.0]
