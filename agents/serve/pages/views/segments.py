"""What the page Segments shows: the recency × frequency grid, with words for each score."""

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote

from markupsafe import Markup

from agents.serve.lookups.answers import CellCount, Cells
from agents.serve.pages.charts.rfm_grid import GridCell, rfm_grid, shows_last_note_everywhere
from agents.serve.pages.page_view import PageView
from agents.serve.pages.words.scores import frequency_label, recency_label
from state.config.policy import POTENTIAL_CELL, Policy


class ScorePair(NamedTuple):
    """The customers with a score of recency and one of frequency, whatever their score of monetary.

    Attributes:
        cells: theirs, the highest monetary score first.
        recency: the score in words; `frequency` likewise.
    """

    r: int
    f: int
    cells: tuple[CellCount, ...]
    recency: str
    frequency: str

    @property
    def customers(self) -> int:
        """How many."""
        return sum(cell.customers for cell in self.cells)

    @property
    def reachable(self) -> int:
        """How many of them have a usable channel."""
        return sum(cell.reachable for cell in self.cells)

    @property
    def revenue_share(self) -> float:
        """Their share of the revenue of all."""
        return sum(cell.revenue_share for cell in self.cells)

    @property
    def revenue(self) -> float:
        """Their revenue in the window, in major units: for an average, not to the cent."""
        return sum(float(cell.revenue) for cell in self.cells)

    @property
    def segments(self) -> list[str]:
        """The segments that they can be in."""
        return list(dict.fromkeys(name for cell in self.cells for name in cell.segments))

    @property
    def names(self) -> list[str]:
        """The names of its cells."""
        return [cell.cell for cell in self.cells]

    @property
    def href(self) -> str:
        """The address of the customers."""
        return f"/segments/grid/{self.r}-{self.f}"


def score_pairs(cells: Cells, policy: Policy, view: PageView) -> list[ScorePair]:
    """Return every pair of scores, the most recent and most frequent first.

    For seconds after a policy with fewer thresholds is activated, customers still have scores that it does not know:
    they are left out until the new policy has scored them.
    """
    best_r, best_f = len(policy.recency_edges_ms) + 1, len(policy.frequency_edges) + 1
    by_pair: dict[tuple[int, int], list[CellCount]] = {}
    for cell in cells.cells:
        if cell.cell != POTENTIAL_CELL and cell.r <= best_r and cell.f <= best_f:
            by_pair.setdefault((cell.r, cell.f), []).append(cell)
    return [
        ScorePair(
            r,
            f,
            tuple(sorted(by_pair[r, f], key=lambda cell: -cell.m)),
            recency_label(policy, r, view.formats),
            frequency_label(policy, f, view.formats),
        )
        for r, f in sorted(by_pair, reverse=True)
    ]


def grid_chart(pairs: Sequence[ScorePair], policy: Policy, view: PageView) -> tuple[Markup, bool]:
    """Return the grid, and whether it shows on any screen how many can be reached.

    Customers are numbers, the rank of revenue per customer is the shade.
    """
    _, formats, currency = view.texts.gettext, view.formats, policy.currency
    cells = []
    for pair in pairs:
        average = pair.revenue / pair.customers if pair.customers else 0.0
        label = view.texts.ngettext(
            "%(recency)s, %(frequency)s: %(number)s customer, %(reachable)s reachable, %(average)s each",
            "%(recency)s, %(frequency)s: %(number)s customers, %(reachable)s reachable, %(average)s each",
            pair.customers,
        ) % {
            "recency": pair.recency,
            "frequency": pair.frequency,
            "number": formats.number(pair.customers),
            "reachable": formats.number(pair.reachable),
            "average": formats.money(f"{average:.0f}", currency),
        }
        cells.append(
            GridCell(
                recency=pair.r,
                frequency=pair.f,
                customers=pair.customers,
                figure=formats.number(pair.customers),
                notes=_notes(pair.reachable, formats.money(f"{average:.0f}", currency), view) if pair.customers else (),
                names=" · ".join(view.segments.title(name) for name in pair.segments),
                money=round(average),  # the same figure, the same shade
                label=label,
                href=pair.href if view.sees_people else None,
            )
        )
    recencies = [
        recency_label(policy, score, formats, short=True) for score in range(1, len(policy.recency_edges_ms) + 2)
    ]
    frequencies = [
        frequency_label(policy, score, formats, short=True) for score in range(1, len(policy.frequency_edges) + 2)
    ]
    chart = rfm_grid(
        cells,
        recency_labels=recencies,
        frequency_labels=frequencies,
        axis_titles=(_("Days since the last order"), _("Orders in %(window)s") % {"window": view.window}),
        title=_("Customers by recency and frequency"),
        description=_(
            "The number in a cell is its customers. The stronger the cell's colour, the higher it ranks by revenue "
            "per customer: the shade shows the order of the cells, not how far apart they are."
        ),
    )
    return chart, shows_last_note_everywhere(cells, len(recencies), len(frequencies))


def _notes(reachable: int, average: str, view: PageView) -> tuple[str, str]:
    texts = view.texts
    words = texts.ngettext("%(number)s reachable", "%(number)s reachable", reachable)
    return texts.gettext("%(amount)s each") % {"amount": average}, words % {"number": view.formats.number(reachable)}


def segment_href(name: str) -> str:
    """Return the address of a segment's customers."""
    return f"/segments/{quote(name, safe='')}"
