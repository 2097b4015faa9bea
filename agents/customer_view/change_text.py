"""Describe segment changes in plain words: the cause, and the segments before and after."""

from collections.abc import Mapping
from typing import Final

from state.records.outputs import ScoreChange, SegmentChangeValue

_BOUGHT_AGAIN: Final = "bought again"
_TEXT_BY_CAUSE: Final[Mapping[str, str]] = {
    "purchase": _BOUGHT_AGAIN,
    "refund": "returned goods",
    "signup": "signed up",
    "consent": "changed a consent",
    "time": "time passed",
}


def move_text(change: SegmentChangeValue) -> str:
    """Return both segments, such as `loyal -> at_risk`; for a customer's first change only the new one."""
    return change.to_segment if change.from_segment is None else f"{change.from_segment} -> {change.to_segment}"


def cause_text(change: SegmentChangeValue) -> str:
    """Return the cause, such as `90 days without a purchase` or `bought again: 5 orders or more`."""
    kind = change.cause.kind
    if kind == "policy":
        return f"policy {change.policy} was activated"
    reasons = ", ".join(_score_change_text(score_change, change.facts.currency) for score_change in change.why)
    if kind == "time" and reasons:
        return reasons
    if kind == "purchase" and change.from_cell in {None, "000"}:
        return "first purchase" if change.facts.frequency == 1 else _BOUGHT_AGAIN
    if change.from_segment is None and change.to_segment == "potential":
        return f"{_TEXT_BY_CAUSE[kind]}, nothing bought yet"
    if kind == "purchase" and change.why and change.why[0].measure == "recency_days":
        return reasons
    return f"{_TEXT_BY_CAUSE[kind]}: {reasons}" if reasons else _TEXT_BY_CAUSE[kind]


def _score_change_text(score_change: ScoreChange, currency: str) -> str:
    """Describe a measure that crossed a threshold."""
    threshold, is_better = score_change.edge, score_change.is_ > score_change.was
    if score_change.measure == "recency_days":
        unit = "day" if threshold == 1 else "days"
        return f"back after {threshold} {unit} or more" if is_better else f"{threshold} {unit} without a purchase"
    if score_change.measure == "frequency":
        unit = "order" if threshold == 1 else "orders"
        return f"{threshold} {unit} or more" if is_better else f"fewer than {threshold} {unit} left in the window"
    if is_better:
        return f"{threshold} {currency} or more"
    return f"less than {threshold} {currency} left in the window"
