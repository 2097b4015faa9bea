"""Draw a customer's time: segments as stretches, orders as stems, the policy's thresholds, and the next drop.

The thresholds of recency move with the latest order, so they are drawn where they will be, or were, crossed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from agents.serve.pages.charts.segment_look import SegmentLook
from agents.serve.pages.charts.svg import (
    LINE_HEIGHT,
    NARROWEST,
    drawing,
    element,
    link,
    percent,
    shorten,
    stretched,
    text_width,
)

_STEM_TOP: Final = 8.0
_STEMS: Final = 84.0
_RIBBON: Final = 22.0
_AXIS: Final = 20.0
_SHORTEST_STEM: Final = 10.0
_PAD: Final = 0.04
"""The margin at both ends, as a share of the time shown."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order: its moment in milliseconds, its amount, which its stem is as long as, and its words."""

    at_ms: int
    amount: float
    label: str


@dataclass(frozen=True, slots=True)
class Stay:
    """A stretch in a segment.

    Attributes:
        since_ms: when it began; it ends with the next one, or now.
        segment: its looks.
        label: the segment, when and why, in words.
    """

    since_ms: int
    segment: SegmentLook
    label: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment with a label: a threshold (`edge`), the present (`now`) or the next drop (`drop`)."""

    at_ms: int
    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class PlacedMark:
    """A mark, its place as a percentage, and the row of its label, from 0."""

    mark: Mark
    x: float
    row: int
    anchor: str


def timeline(
    orders: Sequence[Order],
    stays: Sequence[Stay],
    marks: Sequence[Mark],
    *,
    now_ms: int,
    write: Callable[[int], str],
    title: str,
    description: str,
) -> Markup:
    """Return the chart.

    Args:
        orders: in order of time.
        stays: likewise.
        marks: thresholds, the present, and the next drop.
        now_ms: where the last stay ends.
        write: writes a date, short.
        title: the name of the chart.
        description: what it shows, in a sentence.
    """
    moments = [now_ms, *(each.at_ms for each in orders), *(each.since_ms for each in stays)]
    moments += [mark.at_ms for mark in marks]
    first, last = min(moments), max(moments)
    margin = max(1, int((last - first) * _PAD))
    start, span = first - margin, last - first + 2 * margin

    def x(at_ms: int) -> float:
        return 100.0 * (at_ms - start) / span

    placed = place_marks(marks, x)
    top = LINE_HEIGHT * (max((each.row for each in placed), default=-1) + 1) + _STEM_TOP
    ribbon = top + _STEMS
    height = ribbon + _RIBBON + _AXIS
    return drawing(
        [
            *_stays(stays, x, now_ms, ribbon),
            *(_mark(each, top, ribbon + _RIBBON) for each in placed),
            *_orders(orders, x, top, ribbon),
            stretched([element("path", d=f"M0 {ribbon}H100", class_="base")], left=0, width=100, height=height),
            element("text", write(first), x=0, y=height - 5, class_="axis"),
            element("text", write(last), x=percent(100), y=height - 5, text_anchor="end", class_="axis"),
        ],
        height=height,
        title=title,
        description=description,
        kind="timeline",
        links=False,
    )


def place_marks(marks: Sequence[Mark], x: Callable[[int], float]) -> list[PlacedMark]:
    """Return each mark with a row in which its label touches no other one, even on the narrowest plot."""
    placed: list[PlacedMark] = []
    ends: list[float] = []
    boxes = []
    for mark in marks:
        place = x(mark.at_ms)
        width = text_width(mark.text) / NARROWEST * 100
        anchor = "start" if place + width <= 100 else "end" if place - width >= 0 else "middle"
        left = {"start": place, "end": place - width, "middle": max(0.0, min(place - width / 2, 100 - width))}[anchor]
        boxes.append((left, left + width, mark, place, anchor))
    for left, right, mark, place, anchor in sorted(boxes, key=lambda box: box[:2]):
        row = next((row for row, end in enumerate(ends) if end < left), len(ends))
        ends[row : row + 1] = [right + 2]
        placed.append(PlacedMark(mark, (left + right) / 2 if anchor == "middle" else place, row, anchor))
    return placed


def _mark(placed: PlacedMark, top: float, bottom: float) -> Markup:
    x, y = percent(placed.x), LINE_HEIGHT * (placed.row + 1) - 3
    dx = {"start": 4, "end": -4}.get(placed.anchor, 0)
    return element(
        "g",
        element("line", x1=x, x2=x, y1=min(top, y - 9), y2=bottom),
        element("text", shorten(placed.mark.text, NARROWEST), x=x, dx=dx, y=y, text_anchor=placed.anchor),
        class_=f"moment moment-{placed.mark.kind}",
    )


def _orders(orders: Sequence[Order], x: Callable[[int], float], top: float, bottom: float) -> list[Markup]:
    most = max((order.amount for order in orders), default=0.0)
    room = bottom - top - _SHORTEST_STEM
    drawn = []
    for order in orders:
        length = _SHORTEST_STEM + (room * max(0.0, order.amount) / most if most > 0 else 0.0)
        place, y = percent(x(order.at_ms)), bottom - length
        drawn.append(
            link(
                None,
                order.label,
                element("line", x1=place, x2=place, y1=y, y2=bottom),
                element("circle", cx=place, cy=y, r=4),
                class_="order",
            )
        )
    return drawn


def _stays(stays: Sequence[Stay], x: Callable[[int], float], now_ms: int, top: float) -> list[Markup]:
    drawn = []
    for number, stay in enumerate(stays, start=1):
        end_ms = stays[number].since_ms if number < len(stays) else now_ms
        left, right = x(stay.since_ms), max(x(stay.since_ms), x(end_ms))
        parts = [
            element("rect", x=percent(left), y=top, width=percent(right - left), height=_RIBBON, class_="stay-bar")
        ]
        if text_width(stay.segment.title) + 12 <= (right - left) / 100 * NARROWEST:
            parts.append(element("text", stay.segment.title, x=percent(left), dx=6, y=top + 15, class_="stay-title"))
        drawn.append(link(None, stay.label, *parts, class_=f"stay {stay.segment.css}"))
    return drawn
