"""What is in force in a journal partition."""

import msgspec

from state.campaigns import Campaigns
from state.changes import Move, Reason
from state.policy import POTENTIAL_CELL, Policy, scores_of


class Rules(msgspec.Struct, frozen=True):
    """The policy by which customers are judged, and the campaigns that follow; None until the first ones come.

    `moves` remembers the moves from one segment and cell to another, with their reasons: there are few such moves, and
    many changes.
    """

    policy: Policy
    campaigns: Campaigns | None
    moves: dict[tuple[str, str, str, str], Move] = {}

    def move(self, from_segment: str, to_segment: str, from_cell: str, to_cell: str) -> Move:
        """A move, with one reason for each measure whose score moved; none where there was or is no order."""
        key = from_segment, to_segment, from_cell, to_cell
        move = self.moves.get(key)
        if move is None:
            move = self.moves[key] = self._move(*key, _reasons(from_cell, to_cell, self.policy))
        return move

    def move_by_policy(self, from_segment: str, to_segment: str, from_cell: str, to_cell: str) -> Move:
        """A move that a new policy makes, without reasons: two policies have no edge in common."""
        return self._move(from_segment, to_segment, from_cell, to_cell, ())

    def _move(self, from_segment: str, to_segment: str, from_cell: str, to_cell: str, why: tuple[Reason, ...]) -> Move:
        policy = self.policy
        return Move(from_segment, to_segment, from_cell, to_cell, why, policy.ref, policy.currency, policy.digits)


def _reasons(was_cell: str, cell: str, policy: Policy) -> tuple[Reason, ...]:
    if not was_cell or POTENTIAL_CELL in {was_cell, cell}:
        return ()
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
    return tuple(moved)


def _number(written: str) -> int | float:
    return int(written) if written.isdecimal() else float(written)
