"""Draw the recency × frequency grid: the customers of each pair of scores, shaded by the rank of their money."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
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
_NARROW_LINES: Final = 3
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
        notes: further lines, where there is room for them; the last one matters most. One that is too wide for the
            narrowest screen is broken after its first word there, or left out if that is not enough.
        names: of the segments in it: the first line on wide screens, where there is room for it.
        money: what shades the cell by its rank, such as revenue per customer; 0 or less is the lightest.
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
    look = _Look(
        shades_of(cells), columns, _has_notes(rows, columns), _narrow_forms(cells, _room(width)), width, height
    )
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
        children,
        height=_HEAD + height * rows,
        title=title,
        description=description,
        kind="grid" if columns <= _FEW else "grid many",
        links=True,
    )


def shades_of(cells: Iterable[GridCell]) -> dict[float, int]:
    """Return the class of shade, 1 to 6, of each amount of money that a cell with customers has.

    It follows the rank among the different amounts above zero, so that one outlier does not make all others alike: the
    greatest sixth of them is the darkest. Zero and less is the lightest.
    """
    amounts = {cell.money for cell in cells if cell.customers}
    ranked = sorted(money for money in amounts if money > 0)
    darkest = SHADES - 1
    shades = {money: math.ceil(darkest * rank / len(ranked)) for rank, money in enumerate(ranked, 1)}
    return dict.fromkeys(amounts, 1) | shades


def shows_last_note_everywhere(cells: Sequence[GridCell], rows: int, columns: int) -> bool:
    """Return whether the last note of every cell can be read on the narrowest screen, and so on any."""
    places = range(1, max((len(cell.notes) for cell in cells), default=0) + 1)
    forms = _narrow_forms(cells, _room((100 - _AXIS) / columns))
    return _has_notes(rows, columns) and (not places or bool(forms[places[-1] - 1]))


def _has_notes(rows: int, columns: int) -> bool:
    """Return whether cells are large enough for more than the number."""
    return columns <= _FEW and rows <= _FEW


def _room(width: float) -> float:
    """Return the pixels for a text in a cell of a width, a percentage, on the narrowest screen."""
    return _SURE * NARROWEST * width / 100


def _narrow_forms(cells: Sequence[GridCell], room: float) -> list[int]:
    """Return for each place of the notes in how many lines they fit every cell there: 1, 2, or 0 if they do not."""
    forms = []
    for notes in zip_longest(*(cell.notes for cell in cells if cell.notes), fillvalue=""):
        fits = [all(text_width(line, _NOTE_SIZE) <= room for note in notes for line in form(note)) for form in _FORMS]
        forms.append(fits.index(True) + 1 if True in fits else 0)
    return forms


def _narrow_lines(notes: Sequence[str], forms: Sequence[int]) -> list[str]:
    """Return the notes as the narrowest screen shows them: the last one first, as many as there are lines for."""
    lines: list[str] = []
    for note, form in zip(reversed(notes), reversed(forms[: len(notes)]), strict=True):
        if form and len(lines) + form <= _NARROW_LINES:
            lines += _FORMS[form - 1](note)
    return lines


_FORMS: Final[tuple[Callable[[str], list[str]], ...]] = (lambda note: [note], lambda note: note.split(" ", 1))
"""A note in one line, and in two."""


class _Look(NamedTuple):
    """What is the same for all cells.

    Attributes:
        shades: the class of shade of each amount of money.
        columns: how many.
        has_notes: whether cells are large enough for more than the number.
        forms: for each place of the notes, in how many lines they fit the narrowest screen.
        width: of a cell, as a percentage; `height` in pixels.
    """

    shades: Mapping[float, int]
    columns: int
    has_notes: bool
    forms: Sequence[int]
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
        narrow = ("note wide", cell.notes), ("note narrow", _narrow_lines(cell.notes, look.forms))
        for css, lines in narrow if set(look.forms) != {1} else (("note", cell.notes),):
            for place, line in enumerate(lines):
                y = figure_y + LINE_HEIGHT * (place + 1) + 4
                texts.append(element("text", line, x=middle, y=y, text_anchor="middle", class_=css))
    shade = look.shades[cell.money] if cell.customers else 0
    return link(
        cell.href if cell.customers else None,
        cell.label,
        box,
        *texts,
        class_=f"cell shade-{shade}{'' if look.columns <= _FEW else ' small'}",
    )
