"""Draw the recency × frequency grid: a cell per pair of scores, its customers as a number, their money as its shade."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from agents.serve.pages.charts.svg import LINE_HEIGHT, drawing, element, link, percent

SHADES: Final = 7
"""Classes `shade-0` (no customers) to `shade-6`."""

_AXIS: Final = 15.0
"""The width of the labels of rows, as a percentage."""

_HEAD: Final = 40.0
_FEW: Final = 5
_TALL, _LOW = 76.0, 40.0


@dataclass(frozen=True, slots=True)
class GridCell:
    """The customers with a pair of scores, whatever their monetary score.

    Attributes:
        recency: score, 1 to 10; `frequency` likewise.
        customers: how many.
        figure: their number as it is written in the cell: short, for ten columns on a narrow screen.
        note: a second line, where there is room for it.
        money: what shades the cell, such as revenue per customer; 0 or less is the lightest.
        label: the cell in words: customers, how many can be reached, money.
        href: address of the customers.
    """

    recency: int
    frequency: int
    customers: int
    figure: str
    note: str
    money: float
    label: str
    href: str | None = None


def rfm_grid(
    cells: Sequence[GridCell],
    *,
    recency_labels: Sequence[str],
    frequency_labels: Sequence[str],
    axis_titles: tuple[str, str],
    title: str,
    description: str,
) -> Markup:
    """Return the chart: the most recent row on top, the most frequent column on the right.

    Args:
        cells: of any pairs; a pair that is missing is drawn empty.
        recency_labels: one for each score from 1, such as `180+`.
        frequency_labels: likewise, such as `2–4`.
        axis_titles: of recency and of frequency.
        title: the name of the chart.
        description: what it shows, in a sentence.
    """
    rows, columns = len(recency_labels), len(frequency_labels)
    width = (100 - _AXIS) / columns
    height = _TALL if rows <= _FEW else _LOW
    by_scores = {(cell.recency, cell.frequency): cell for cell in cells}
    most = max((cell.money for cell in cells if cell.customers), default=0.0)
    children = [
        element("text", axis_titles[1], x=percent(100), y=LINE_HEIGHT, text_anchor="end", class_="axis-title"),
        element("text", axis_titles[0], x=0, y=LINE_HEIGHT, class_="axis-title"),
    ]
    for column, label in enumerate(frequency_labels):
        middle = percent(_AXIS + width * (column + 0.5))
        children.append(element("text", label, x=middle, y=_HEAD - 6, text_anchor="middle", class_="axis"))
    for row in range(rows):
        score, top = rows - row, _HEAD + height * row
        children.append(element("text", recency_labels[score - 1], x=0, y=top + height / 2 + 4, class_="axis"))
        for column in range(columns):
            cell = by_scores.get((score, column + 1))
            children.append(
                _cell(cell, most, left=_AXIS + width * column, top=top, width=width, height=height, columns=columns)
            )
    return drawing(
        children, height=_HEAD + height * rows, title=title, description=description, kind="grid", links=True
    )


def shade_of(cell: GridCell, most: float) -> int:
    """Return the class of shade: 0 without customers, else 1 to 6 by the money's share of the greatest."""
    if not cell.customers:
        return 0
    if most <= 0 or cell.money <= 0:
        return 1
    return 1 + min(SHADES - 2, int(cell.money / most * (SHADES - 1)))


def _cell(
    cell: GridCell | None, most: float, *, left: float, top: float, width: float, height: float, columns: int
) -> Markup:
    box = element("rect", x=percent(left), y=top + 1, width=percent(width - 0.4), height=height - 2, rx=4)
    if cell is None:
        return element("g", box, class_="cell shade-0")
    middle, has_note = percent(left + width / 2), bool(cell.note) and columns <= _FEW and height >= _TALL
    figure_y = top + height / 2 + (0 if has_note else 5)
    texts = [element("text", cell.figure, x=middle, y=figure_y, text_anchor="middle", class_="figure")]
    if has_note:
        texts.append(
            element("text", cell.note, x=middle, y=figure_y + LINE_HEIGHT + 3, text_anchor="middle", class_="note")
        )
    return link(
        cell.href if cell.customers else None,
        cell.label,
        box,
        *texts,
        class_=f"cell shade-{shade_of(cell, most)}{'' if columns <= _FEW else ' small'}",
    )
