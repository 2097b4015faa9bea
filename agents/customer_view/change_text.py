"""Segment changes in plain words: why they came, and from where to where they went."""

from collections.abc import Mapping
from typing import Final

from state.records.outputs import ScoreChange, SegmentChangeValue

_BY_PURCHASE: Final = "bought again"
_OF_CAUSE: Final[Mapping[str, str]] = {
    "purchase": _BY_PURCHASE,
    "refund": "gave goods back",
    "signup": "signed up",
    "consent": "changed a consent",
    "time": "time went by",
}


def move_text(change: SegmentChangeValue) -> str:
    """From where to where: `loyal -> at_risk`; for a customer who was not known before only where to."""
    return change.to_segment if change.from_segment is None else f"{change.from_segment} -> {change.to_segment}"


def cause_text(change: SegmentChangeValue) -> str:
    """Why a change came: `90 days without a purchase`, `bought again: 5 orders or more`."""
    kind = change.cause.kind
    if kind == "policy":
        return f"by the policy {change.policy}"
    moved = ", ".join(_of_reason(reason, change.facts.currency) for reason in change.why)
    if kind == "time" and moved:
        return moved
    if kind == "purchase" and change.from_cell in {None, "000"}:
        return "first purchase" if change.facts.frequency == 1 else _BY_PURCHASE
    if change.from_segment is None and change.to_segment == "potential":
        return f"{_OF_CAUSE[kind]}, nothing bought yet"
    if kind == "purchase" and change.why and change.why[0].measure == "recency_days":
        return moved
    return f"{_OF_CAUSE[kind]}: {moved}" if moved else _OF_CAUSE[kind]


def _of_reason(reason: ScoreChange, currency: str) -> str:
    """What it means that a measure's score moved past an edge."""
    is_better = reason.is_ > reason.was
    if reason.measure == "recency_days":
        unit = "day" if reason.edge == 1 else "days"
        return f"back after {reason.edge} {unit} or more" if is_better else f"{reason.edge} {unit} without a purchase"
    if reason.measure == "frequency":
        unit = "order" if reason.edge == 1 else "orders"
        return f"{reason.edge} {unit} or more" if is_better else f"fewer than {reason.edge} {unit} left in the window"
    if is_better:
        return f"{reason.edge} {currency} or more"
    return f"less than {reason.edge} {currency} left in the window"
