"""Describe segment changes in words, in the reader's language: the cause, and the segments before and after."""

from collections.abc import Callable, Mapping
from typing import Final

from agents.languages.formats import PLAIN, Wording
from agents.languages.translations import mark
from state.records.outputs import ScoreChange, SegmentChangeValue

_BOUGHT_AGAIN: Final = mark("bought again")
_TEXT_BY_CAUSE: Final[Mapping[str, str]] = {
    "purchase": _BOUGHT_AGAIN,
    "refund": mark("returned goods"),
    "signup": mark("signed up"),
    "consent": mark("changed a consent"),
    "time": mark("time passed"),
}


def move_text(change: SegmentChangeValue, title_of: Callable[[str], str] = str) -> str:
    """Return both segments, such as `loyal -> at_risk`; for a customer's first change only the new one."""
    to_segment = title_of(change.to_segment)
    return to_segment if change.from_segment is None else f"{title_of(change.from_segment)} -> {to_segment}"


def cause_text(change: SegmentChangeValue, wording: Wording = PLAIN) -> str:
    """Return the cause, such as `90 days without a purchase` or `bought again: 5 orders or more`."""
    kind, translate = change.cause.kind, wording.texts.gettext
    if kind == "policy":
        return translate("policy %(policy)s was activated") % {"policy": change.policy}
    reasons = ", ".join(_score_change_text(score_change, change.facts.currency, wording) for score_change in change.why)
    if kind == "time" and reasons:
        return reasons
    if kind == "purchase" and change.from_cell in {None, "000"}:
        return translate("first purchase") if change.facts.frequency == 1 else translate(_BOUGHT_AGAIN)
    event = translate(_TEXT_BY_CAUSE[kind])
    if change.from_segment is None and change.to_segment == "potential":
        return translate("%(event)s, nothing bought yet") % {"event": event}
    if kind == "purchase" and change.why and change.why[0].measure == "recency_days":
        return reasons
    return f"{event}: {reasons}" if reasons else event


def _score_change_text(score_change: ScoreChange, currency: str, wording: Wording) -> str:
    """Describe a measure that crossed a threshold."""
    threshold, is_better = score_change.edge, score_change.is_ > score_change.was
    many, translate = wording.texts.ngettext, wording.texts.gettext
    # A fraction has the form of a few: "0.5 days", "0,5 дня".
    count = int(threshold) if threshold == int(threshold) else 2
    values = {"count": wording.number(threshold)}
    if score_change.measure == "recency_days":
        if is_better:
            return many("back after %(count)s day or more", "back after %(count)s days or more", count) % values
        return many("%(count)s day without a purchase", "%(count)s days without a purchase", count) % values
    if score_change.measure == "frequency":
        if is_better:
            return many("%(count)s order or more", "%(count)s orders or more", count) % values
        return (
            many(
                "fewer than %(count)s order left in the window", "fewer than %(count)s orders left in the window", count
            )
            % values
        )
    money = {"amount": wording.money(str(threshold), currency)}
    if is_better:
        return translate("%(amount)s or more") % money
    return translate("less than %(amount)s left in the window") % money
