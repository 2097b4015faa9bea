"""Thresholds in a reader's words: what each measure is, what is wrong with what was typed, and what was edited."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from agents.serve.pages.handlers.policy_draft import NUMBER, edges_of
from agents.serve.pages.page_view import PageView
from state.config.policy import Policy


class Edit(NamedTuple):
    """The thresholds of a measure before and after they were edited."""

    measure: str
    before: str
    after: str


def measure_titles(view: PageView) -> dict[str, str]:
    """Return what the thresholds of each measure are of."""
    _, values = view.texts.gettext, {"window": view.window, "currency": view.policy.currency if view.policy else ""}
    return {
        "recency_days": _("Days since the last order"),
        "frequency": _("Orders in %(window)s") % values,
        "monetary": _("Money spent in %(window)s, %(currency)s") % values,
    }


def flaw_in_words(edges: Mapping[str, Sequence[str]], view: PageView) -> str:
    """Return what is wrong with thresholds as they were typed; empty if they are rising numbers."""
    titles = measure_titles(view)
    for measure, typed in edges.items():
        values = {"measure": titles[measure], "typed": "; ".join(typed)}
        if not all(NUMBER.fullmatch(each) for each in typed):
            return (
                view.texts.gettext("%(measure)s: thresholds are numbers, such as 60 or 0.5. You typed: %(typed)s.")
                % values
            )
        numbers = [float(each) for each in typed]
        if any(high <= low for low, high in pairwise(numbers)):
            return (
                view.texts.gettext("%(measure)s: each threshold is larger than the one before. You typed: %(typed)s.")
                % values
            )
    return ""


def edits(before: Policy, after: Policy, view: PageView) -> list[Edit]:
    """Return the measures whose thresholds differ."""
    titles, old, new = measure_titles(view), edges_of(before), edges_of(after)

    def written(edges: Sequence[str]) -> str:
        return "; ".join(view.formats.number(edge) for edge in edges)

    return [Edit(titles[key], written(old[key]), written(new[key])) for key in old if old[key] != new[key]]
