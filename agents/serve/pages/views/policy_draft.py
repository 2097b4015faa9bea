"""Draft a policy from the active one: the same file with other thresholds and the next version.

Also says in a reader's words what each measure is, what is wrong with what was typed, and what was edited.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from agents.serve.pages.page_view import PageView
from state.config.policy import Policy
from state.config.policy_reader import parse_policy

MEASURES: Final = ("recency_days", "frequency", "monetary")

_VERSION: Final = re.compile(r"^(?P<start>[ \t]*version[ \t]*=[ \t]*)[0-9_]+", re.MULTILINE)
_TABLE: Final = (
    r"^(?P<start>[ \t]*\[[ \t]*{name}[ \t]*\][^\n]*\n(?:(?![ \t]*\[)[^\n]*\n)*?[ \t]*edges[ \t]*=[ \t]*)\[[^\]]*\]"
)
_NUMBER: Final = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?")


class NotEditable(Exception):
    """The thresholds cannot be set in the active file; the message says why."""


def edges_of(policy: Policy) -> dict[str, tuple[str, ...]]:
    """Return the thresholds of a policy by measure, as its file writes them."""
    return dict(
        zip(
            MEASURES,
            (policy.recency_edges_text, policy.frequency_edges_text, policy.monetary_edges_text),
            strict=True,
        )
    )


def draft(active: Policy, edges: Mapping[str, Sequence[str]]) -> str:
    """Return the active policy's file with these thresholds and the next version; everything else stays as it is.

    Args:
        active: the policy in force.
        edges: the thresholds of each measure, as numbers in plain digits.

    Raises:
        NotEditable: a threshold is no number, or the file is written in a way in which they cannot be replaced.
        ConfigErrors: the result is not a valid policy, for example because thresholds do not rise.
    """
    wrong = [value for values in edges.values() for value in values if not _NUMBER.fullmatch(value)]
    if wrong:
        raise NotEditable(f"a threshold is a number of plain digits, such as 60 or 0.5: got {wrong[0]!r}")
    text, count = _VERSION.subn(rf"\g<start>{active.version + 1}", active.text, count=1)
    for name, values in edges.items():
        table = re.compile(_TABLE.format(name=name), re.MULTILINE)
        text, replaced = table.subn(rf"\g<start>[{', '.join(values)}]", text, count=1)
        count += replaced
    if count != 1 + len(edges):
        raise NotEditable("the active file does not write its version and thresholds in the usual way; edit the text")
    policy = parse_policy(text)
    if policy.version != active.version + 1 or not is_same_otherwise(active, policy):
        raise NotEditable("the active file does not write its version and thresholds in the usual way; edit the text")
    return text


def is_same_otherwise(active: Policy, drafted: Policy) -> bool:
    """Return whether two policies differ in nothing but thresholds, name and version."""
    one, other = active.contents(), drafted.contents()
    return all(one[key] == other[key] for key in one.keys() - set(MEASURES))


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
        if not all(_NUMBER.fullmatch(each) for each in typed):
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
