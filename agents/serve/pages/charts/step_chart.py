"""Draw a campaign's sequence: a row per step with what was sent, and what was suppressed for which reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from agents.serve.pages.charts.svg import LINE_HEIGHT, NARROWEST, drawing, element, link, percent, wrap

SENT: Final = "sent"

_ROW: Final = 72.0
_DOT: Final = 10
_INDENT: Final = 28
_BAR_HEIGHT: Final = 14
_TITLE_LINES: Final = 2
_TITLE_WIDTH: Final = 0.8 * (NARROWEST - _INDENT)
"""Pixels: titles are bold, which is wider."""


@dataclass(frozen=True, slots=True)
class StepPart:
    """Part of a step: the messages sent, or those suppressed for one reason.

    Attributes:
        kind: `SENT`, or the reason: part of the class.
        count: messages.
        label: in words, with the number.
    """

    kind: str
    count: int
    label: str


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a campaign.

    Attributes:
        title: such as `after 7 days: we-miss-you-2`.
        figure: such as `120 of 150 sent`.
        parts: in the order in which they are drawn.
    """

    title: str
    figure: str
    parts: Sequence[StepPart]

    @property
    def total(self) -> int:
        """Return all messages, sent or suppressed."""
        return sum(part.count for part in self.parts)


def step_chart(steps: Sequence[Step], *, title: str, description: str) -> Markup:
    """Return the chart; bars of all steps have the same scale.

    Args:
        steps: at least one, in their order.
        title: the name of the chart.
        description: what it shows, in a sentence.
    """
    most = max((step.total for step in steps), default=0) or 1
    titles = [wrap(step.title, _TITLE_WIDTH, _TITLE_LINES) for step in steps]
    row = _ROW + LINE_HEIGHT * (max(map(len, titles), default=1) - 1)
    height = row * len(steps)
    children = [element("line", x1=_DOT, x2=_DOT, y1=14, y2=height - row + 14, class_="path")]
    for number, (step, lines) in enumerate(zip(steps, titles, strict=True)):
        top = row * number
        below = top + LINE_HEIGHT * (len(lines) - 1)
        children += [
            element("circle", cx=_DOT, cy=top + 14, r=9, class_="stop"),
            element("text", f"{number + 1}", x=_DOT, y=top + 18, text_anchor="middle", class_="stop-number"),
            *(
                element("text", line, x=_INDENT, y=top + 18 + LINE_HEIGHT * place, class_="step")
                for place, line in enumerate(lines)
            ),
            element("text", step.figure, x=_INDENT, y=below + 34, class_="axis"),
            *_bars(step, most, below + 42),
        ]
    return drawing(children, height=height, title=title, description=description, kind="steps", links=False)


def _bars(step: Step, most: int, top: float) -> list[Markup]:
    """Return the parts side by side."""
    left, bars = 0.0, [element("rect", x=0, y=top, width="100%", height=_BAR_HEIGHT, rx=3, class_="track")]
    for part in step.parts:
        if not part.count:
            continue
        width = 100 * part.count / most
        bar = element("rect", x=percent(left), y=top, width=percent(width), height=_BAR_HEIGHT)
        bars.append(link(None, part.label, bar, class_=f"part part-{part.kind}"))
        left += width
    return bars
