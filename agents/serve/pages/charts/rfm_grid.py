"""Draw the recency × frequency grid: a cell per pair of scores, its customers as a number, their money as its shade."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from markupsafe import Markup

from agents.serve.pages.charts.svg import LINE_HEIGHT, NARROWEST, drawing, element, link, percent, shorten, text_width

SHADES: Final = 7
"""Classes `shade-0` (no customers) to `shade-6`."""

_AXIS: Final = 15.0
"""The width of the labels of rows, as a percentage."""

_HEAD: Final = 56.0
_NOTE_SIZE: Final = 11
_SURE: Final = 0.85
"""How much of a cell's width a note may take by its estimate, so that it fits in any font."""
_FEW: Final = 5
_TALL, _LOW = 104.0, 40.0
_NAMES_WIDTH: Final = 190.0
"""Pixels: the width of a cell in three columns on a screen that shows names."""


@dataclass(frozen=True, slots=True)
class GridCell:
    """The customers with a pair of scores, whatever their monetary score.

    Attributes:
        recency: score, 1 to 10; `frequency` likewise.
        customers: how many.
        figure: their number as it is written in the cell: short, for ten columns on a narrow screen.
        notes: further lines, where there is room for them.
        names: of the segments in it: the first line on wide screens, where there is room for it.
        money: what shades the cell, such as revenue per customer; 0 or less is the lightest.
        label: the cell in words: customers, how many can be reached, money.
        href: address of the customers.
    """

    recency: int
    frequency: int
    customers: int
    figure: str
    notes: Sequence[str]
    money: float
    label: str
    href: str | None = None
    names: str = ""


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
    has_notes = columns <= _FEW and height >= _TALL
    look = _Look(most, columns, has_notes, _wide_notes(cells, NARROWEST * width / 100), width, height)
    children = [
        element("text", axis_titles[1], x=percent(100), y=2 * LINE_HEIGHT, text_anchor="end", class_="axis-title"),
        element("text", axis_titles[0], x=0, y=LINE_HEIGHT, class_="axis-title"),
    ]
    for column, label in enumerate(frequency_labels):
        middle = percent(_AXIS + width * (column + 0.5))
        children.append(element("text", label, x=middle, y=_HEAD - 6, text_anchor="middle", class_="axis"))
    for row in range(rows):
        score, top = rows - row, _HEAD + height * row
        children.append(
            element(
                "text",
                recency_labels[score - 1],
                x=percent(_AXIS - 1),
                y=top + height / 2 + 4,
                text_anchor="end",
                class_="axis",
            )
        )
        for column in range(columns):
            cell = by_scores.get((score, column + 1))
            children.append(_cell(cell, look, _AXIS + width * column, top))
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


def _wide_notes(cells: Sequence[GridCell], room: float) -> frozenset[int]:
    """Return the places of the notes that do not fit every cell on the narrowest screen, which does not show them."""
    notes = (each for cell in cells for each in enumerate(cell.notes))
    return frozenset(place for place, note in notes if text_width(note, _NOTE_SIZE) > _SURE * room)


class _Look(NamedTuple):
    """What is the same for all cells.

    Attributes:
        most: the money of the darkest cell.
        columns: how many.
        has_notes: whether cells are large enough for more than the number.
        wide_notes: places of the notes that the narrowest screen does not show.
        width: of a cell, as a percentage; `height` in pixels.
    """

    most: float
    columns: int
    has_notes: bool
    wide_notes: frozenset[int]
    width: float
    height: float


def _cell(cell: GridCell | None, look: _Look, left: float, top: float) -> Markup:
    box = element("rect", x=percent(left), y=top + 1, width=percent(look.width - 0.4), height=look.height - 2, rx=4)
    if cell is None:
        return element("g", box, class_="cell shade-0")
    middle = percent(left + look.width / 2)
    figure_y = top + look.height / 2 + (-4 if look.has_notes and cell.notes else 5)
    texts = [element("text", cell.figure, x=middle, y=figure_y, text_anchor="middle", class_="figure")]
    if look.has_notes:
        names, names_y = shorten(cell.names, _NAMES_WIDTH * 3 / look.columns), figure_y - LINE_HEIGHT - 7
        texts.append(element("text", names, x=middle, y=names_y, text_anchor="middle", class_="names"))
        for place, note in enumerate(cell.notes):
            y, css = figure_y + LINE_HEIGHT * (place + 1) + 4, "note wide" if place in look.wide_notes else "note"
            texts.append(element("text", note, x=middle, y=y, text_anchor="middle", class_=css))
    return link(
        cell.href if cell.customers else None,
        cell.label,
        box,
        *texts,
        class_=f"cell shade-{shade_of(cell, look.most)}{'' if look.columns <= _FEW else ' small'}",
    )
