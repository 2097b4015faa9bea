"""What is in force in a journal partition."""

from bisect import bisect_right

from state.config.campaigns import Campaigns
from state.config.policy import CELLS, POTENTIAL_CELL, Policy, scores_of
from state.records.outputs import ScoreChange, SegmentMove
from state.units.timestamps import NEVER


class Ruleset:
    """The policy by which customers are judged, and the campaigns that follow; None until the first ones come.

    What every judgement needs of the policy is kept beside it. Moves from one segment and cell to another are
    remembered, with their reasons: there are few of them, and many changes.

    Attributes:
        message_counts: where what campaigns say is only counted, by campaign and outcome; None: all of it is worded.
    """

    __slots__ = (
        "_frequency",
        "_monetary",
        "_moves",
        "_recency",
        "_table",
        "campaigns",
        "has_triggers",
        "message_counts",
        "policy",
        "ref",
        "window_ms",
    )

    def __init__(self, policy: Policy, campaigns: Campaigns | None) -> None:
        """Takes checked ones."""
        self.policy = policy
        self.campaigns = campaigns
        self.message_counts: dict[tuple[str, str], int] | None = None
        self.has_triggers = campaigns is not None and bool(campaigns.triggered)
        self.ref = policy.ref
        self.window_ms = policy.window_ms
        self._recency = policy.recency_edges_ms
        self._frequency = policy.frequency_edges
        self._monetary = policy.monetary_edges_minor
        self._table = policy.table
        self._moves: dict[tuple[str, str, str, str], SegmentMove] = {}

    def cell_and_segment(self, age_ms: int, frequency: int, monetary: int, lifetime_orders: int) -> tuple[str, str]:
        """The cell and the segment of a customer with orders, by the scores of the policy's methods."""
        r = len(self._recency) + 1 - bisect_right(self._recency, age_ms)
        f = bisect_right(self._frequency, frequency) + 1
        m = bisect_right(self._monetary, monetary) + 1
        return CELLS[r][f][m], self.segment_of(r, f, m, lifetime_orders)

    def segment_of(self, r: int, f: int, m: int, lifetime_orders: int) -> str:
        """Return the first segment that matches the scores of a customer with orders and their lifetime orders."""
        for orders_max, name in self._table[r][f][m]:
            if lifetime_orders <= orders_max:
                return name
        raise AssertionError(f"cell {r}{f}{m} is not covered, which `check_coverage` rules out")

    def next_recency_drop(self, last_order_at: int, judged: int) -> int:
        """When the score of recency falls next after `judged`; `NEVER` if it is the least."""
        for edge in self._recency:
            if last_order_at + edge > judged:
                return last_order_at + edge
        return NEVER

    def move(self, from_segment: str, to_segment: str, from_cell: str, to_cell: str) -> SegmentMove:
        """A move, with one reason for each measure whose score moved; none where there was or is no order."""
        key = from_segment, to_segment, from_cell, to_cell
        move = self._moves.get(key)
        if move is None:
            move = self._moves[key] = self._move(*key, _reasons(from_cell, to_cell, self.policy))
        return move

    def move_by_policy(self, from_segment: str, to_segment: str, from_cell: str, to_cell: str) -> SegmentMove:
        """A move that a new policy makes, without reasons: two policies have no edge in common."""
        return self._move(from_segment, to_segment, from_cell, to_cell, ())

    def _move(
        self, from_segment: str, to_segment: str, from_cell: str, to_cell: str, why: tuple[ScoreChange, ...]
    ) -> SegmentMove:
        policy = self.policy
        return SegmentMove(
            from_segment, to_segment, from_cell, to_cell, why, policy.ref, policy.currency, policy.digits
        )


def _reasons(was_cell: str, cell: str, policy: Policy) -> tuple[ScoreChange, ...]:
    if not was_cell or POTENTIAL_CELL in {was_cell, cell}:
        return ()
    moved = []
    measures = ("recency_days", "frequency", "monetary")
    written = (policy.recency_edges_text, policy.frequency_edges_text, policy.monetary_edges_text)
    for measure, was, now, edges in zip(measures, scores_of(was_cell), scores_of(cell), written, strict=True):
        if was == now:
            continue
        if measure == "recency_days":  # scores fall as days grow: s lies above edge n - s and below edge n + 1 - s
            edge = edges[len(edges) - now] if now < was else edges[len(edges) + 1 - now]
        else:
            edge = edges[now - 1] if now < was else edges[now - 2]
        moved.append(ScoreChange(measure, _number(edge), was, now))
    return tuple(moved)


def _number(written: str) -> int | float:
    return int(written) if written.isdecimal() else float(written)
