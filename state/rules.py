"""What is in force in a journal partition."""

import msgspec

from state.campaigns import Campaigns
from state.changes import Reason
from state.policy import POTENTIAL_CELL, Policy, scores_of


class Rules(msgspec.Struct, frozen=True):
    """The policy by which customers are judged, and the campaigns that follow; None until the first ones come.

    `told` remembers the reasons of a move from one cell to another: there are few such moves, and many changes.
    """

    policy: Policy
    campaigns: Campaigns | None
    told: dict[tuple[str, str], list[Reason]] = {}

    def reasons(self, was_cell: str, cell: str) -> list[Reason]:
        """One for each measure whose score moved; none where there was or is no order."""
        reasons = self.told.get((was_cell, cell))
        if reasons is None:
            reasons = self.told[was_cell, cell] = _reasons(was_cell, cell, self.policy)
        return reasons


def _reasons(was_cell: str, cell: str, policy: Policy) -> list[Reason]:
    if not was_cell or POTENTIAL_CELL in {was_cell, cell}:
        return []
    moved = []
    measures = ("recency_days", "frequency", "monetary")
    written = (policy.recency_edges, policy.frequency_edges_text, policy.monetary_edges)
    for measure, was, now, edges in zip(measures, scores_of(was_cell), scores_of(cell), written, strict=True):
        if was == now:
            continue
        if measure == "recency_days":  # scores fall as days grow: s lies above edge n - s and below edge n + 1 - s
            edge = edges[len(edges) - now] if now < was else edges[len(edges) + 1 - now]
        else:
            edge = edges[now - 1] if now < was else edges[now - 2]
        moved.append(Reason(measure, _number(edge), was, now))
    return moved


def _number(written: str) -> int | float:
    return int(written) if written.isdecimal() else float(written)
