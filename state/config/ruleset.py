"""Score customers by the active policy."""

from bisect import bisect_right

from state.config.campaigns import Campaigns
from state.config.policy import CELLS, POTENTIAL_CELL, Policy, scores_of
from state.records.outputs import ScoreChange, SegmentMove
from state.units.timestamps import NEVER


class Ruleset:
    """The active policy and campaigns of a partition, prepared for the evaluation of many customers.

    Moves between segments and cells are cached with their reasons: there are few of them, and many segment changes.

    Attributes:
        campaigns: None before the first campaigns.
        starts_at: Changes that are effective earlier start no campaign; None for no such limit.
        has_triggers: Whether any campaign is started by a trigger.
        message_counts: If set, messages are only counted here, by campaign and outcome, and not created.
        ref: The policy's reference.
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
        "starts_at",
        "window_ms",
    )

    def __init__(self, policy: Policy, campaigns: Campaigns | None, begins_at: int | None = None) -> None:
        """Prepare a policy and campaigns; `begins_at` is that of the record that activated the campaigns."""
        self.policy = policy
        self.campaigns = campaigns
        self.starts_at = None if campaigns is None else campaigns.start(begins_at)
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
        """Return the cell and the segment of a customer with orders.

        At a threshold, recency has the lower score, frequency and monetary the higher one.
        """
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

    def next_recency_drop(self, last_order_at: int, evaluated_at: int) -> int:
        """Return when the recency score next drops after `evaluated_at`; `NEVER` if it is 1."""
        for edge in self._recency:
            if last_order_at + edge > evaluated_at:
                return last_order_at + edge
        return NEVER

    def move(self, from_segment: str, to_segment: str, from_cell: str, to_cell: str) -> SegmentMove:
        """Return a move, with a reason for each measure whose score changed; none from or to a cell without orders."""
        key = from_segment, to_segment, from_cell, to_cell
        move = self._moves.get(key)
        if move is None:
            move = self._moves[key] = self._move(*key, _reasons(from_cell, to_cell, self.policy))
        return move

    def move_by_policy(self, from_segment: str, to_segment: str, from_cell: str, to_cell: str) -> SegmentMove:
        """Return a move that a new policy caused; without reasons, since scores of two policies are not comparable."""
        return self._move(from_segment, to_segment, from_cell, to_cell, ())

    def _move(
        self, from_segment: str, to_segment: str, from_cell: str, to_cell: str, why: tuple[ScoreChange, ...]
    ) -> SegmentMove:
        policy = self.policy
        return SegmentMove(
            from_segment, to_segment, from_cell, to_cell, why, policy.ref, policy.currency, policy.digits
        )


def _reasons(from_cell: str, to_cell: str, policy: Policy) -> tuple[ScoreChange, ...]:
    if not from_cell or POTENTIAL_CELL in {from_cell, to_cell}:
        return ()
    changes = []
    measures = ("recency_days", "frequency", "monetary")
    edges_text = (policy.recency_edges_text, policy.frequency_edges_text, policy.monetary_edges_text)
    for measure, before, after, edges in zip(
        measures, scores_of(from_cell), scores_of(to_cell), edges_text, strict=True
    ):
        if before == after:
            continue
        if measure == "recency_days":  # scores fall as days grow: score s is between thresholds n - s and n + 1 - s
            edge = edges[len(edges) - after] if after < before else edges[len(edges) + 1 - after]
        else:
            edge = edges[after - 1] if after < before else edges[after - 2]
        changes.append(ScoreChange(measure, _number(edge), before, after))
    return tuple(changes)


def _number(text: str) -> int | float:
    return int(text) if text.isdecimal() else float(text)
