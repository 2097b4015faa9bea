"""Draw one daily figure beside that of the preceding period: a small line, whose days can be read by hovering."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from markupsafe import Markup

from agents.serve.pages.charts.scale import Axis, axis_of
from agents.serve.pages.charts.svg import drawing, element, percent, shorten, stretched, text_width

_TOP, _PLOT, _FOOT = 16.0, 68.0, 18.0
_HEIGHT: Final = _TOP + _PLOT + _FOOT
_INSET: Final = 2.0
"""The margin at each side, as a percentage, so that the first and the last dot are whole."""

_NARROWEST: Final = 230.0
"""Pixels: the width of the narrowest panel's chart."""
_TIP_SIZE: Final = 11
_BOLD: Final = 1.1
"""How much broader the letters of a tip are than usual ones."""


@dataclass(frozen=True, slots=True)
class DayPoint:
    """A day of the period.

    Attributes:
        value: None if the day has no figure; `before` is that of the same day of the preceding period.
        label: the day and its figure in words.
        is_restated: whether events that arrived later changed the day's figures.
    """

    value: float | None
    before: float | None
    label: str
    is_restated: bool = False


def day_chart(
    points: Sequence[DayPoint],
    *,
    ends: tuple[str, str],
    write: Callable[[float], str],
    is_open: bool,
    title: str,
    description: str,
) -> Markup:
    """Return the chart.

    Args:
        points: the days in order, at least one.
        ends: the first day and the last one, short.
        write: writes a figure of the axis, short.
        is_open: whether the last day is not over: the line to it is dotted.
        title: the name of the chart.
        description: what it shows, in a sentence.
    """
    values = [value for point in points for value in (point.value, point.before) if value is not None]
    axis = axis_of(values)
    before = _lines([point.before for point in points], axis, "before")
    lines = _lines([point.value for point in points], axis, "now", has_area=True, is_open=is_open)
    return drawing(
        [
            stretched(
                [element("path", d=f"M0 {_TOP + _PLOT}H100", class_="base"), *before, *lines],
                left=_INSET,
                width=100 - 2 * _INSET,
                height=_HEIGHT,
            ),
            element("text", write(max(values, default=0.0)), x=0, y=_TOP - 5, class_="axis top"),
            element("text", ends[0], x=0, y=_HEIGHT - 3, class_="axis"),
            element("text", ends[1], x=percent(100), y=_HEIGHT - 3, text_anchor="end", class_="axis"),
            *_days(points, axis),
        ],
        height=_HEIGHT,
        title=title,
        description=description,
        kind="days",
        links=False,
    )


def _y(axis: Axis, value: float) -> float:
    return _TOP + _PLOT * (1 - axis.share(value))


def _x(place: int, count: int) -> float:
    """Return where a day is, from 0 to 100; a single day is in the middle."""
    return 50.0 if count == 1 else 100.0 * place / (count - 1)


def _lines(
    values: Sequence[float | None], axis: Axis, name: str, *, has_area: bool = False, is_open: bool = False
) -> list[Markup]:
    """Return a line, and the area below it, for each run of days with figures; to an open day it is one of its own."""
    drawn = []
    if is_open and len(values) > 1 and values[-1] is not None and values[-2] is not None:
        ends = [
            (_x(place, len(values)), _y(axis, values[place] or 0.0)) for place in (len(values) - 2, len(values) - 1)
        ]
        path = "L".join(f"{x:.2f} {y:.2f}" for x, y in ends)
        drawn.append(element("path", d=f"M{path}", class_=f"line line-{name} line-open"))
        values = [*values[:-1], None]
    for is_known, run in groupby(enumerate(values), key=lambda each: each[1] is not None):
        if not is_known:
            continue
        dots = [(_x(place, len(values)), _y(axis, value)) for place, value in run if value is not None]
        if len(dots) == 1:  # a line needs two points
            dots = [(max(0.0, dots[0][0] - 0.8), dots[0][1]), (min(100.0, dots[0][0] + 0.8), dots[0][1])]
        path = "L".join(f"{x:.2f} {y:.2f}" for x, y in dots)
        if has_area:
            bottom = _TOP + _PLOT
            drawn.append(
                element("path", d=f"M{dots[0][0]:.2f} {bottom}L{path}L{dots[-1][0]:.2f} {bottom}Z", class_="area")
            )
        drawn.append(element("path", d=f"M{path}", class_=f"line line-{name}"))
    return drawn


def _days(points: Sequence[DayPoint], axis: Axis) -> list[Markup]:
    """Return a place to hover for each day: its words appear above the line, without a script."""
    span = (100 - 2 * _INSET) / 100
    width = 100 / max(1, len(points) - 1)
    days = []
    for place, point in enumerate(points):
        x = _INSET + span * _x(place, len(points))
        left, right = max(0.0, x - width / 2), min(100.0, x + width / 2)
        tip = shorten(point.label, _NARROWEST / _BOLD, _TIP_SIZE)
        tip_width = 100 * min(1.0, text_width(tip, _TIP_SIZE) * _BOLD / _NARROWEST)
        tip_left = min(max(0.0, x - tip_width / 2), 100 - tip_width)  # as near to the day as the edges let it be
        marks = []
        if point.value is not None:
            y = _y(axis, point.value)
            marks.append(element("circle", cx=percent(x), cy=y, r=3.5, class_="dot"))
            if point.is_restated:
                marks.append(element("circle", cx=percent(x), cy=y, r=3, class_="restated"))
        days.append(
            element(
                "g",
                element("rect", x=percent(left), y=0, width=percent(right - left), height=_HEIGHT, class_="hover"),
                *marks,
                element("text", tip, x=percent(tip_left), y=_TOP - 5, class_="tip"),
                class_="day",
            )
        )
    return days
