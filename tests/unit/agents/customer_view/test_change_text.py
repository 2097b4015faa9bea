"""Segment changes in plain words."""

import pytest

from agents.customer_view.change_text import cause_text, move_text
from state.records.outputs import Cause, Facts, ScoreChange, SegmentChangeValue


def _change(
    kind: str,
    *why: ScoreChange,
    before: str | None = "loyal",
    after: str = "golden",
    cell: str | None = "332",
    orders: int = 5,
) -> SegmentChangeValue:
    return SegmentChangeValue(
        customer_id="c-17",
        seq=4,
        from_segment=before,
        to_segment=after,
        from_cell=cell,
        to_cell="333",
        effective_at="2026-05-12T09:30:00.000Z",
        cause=Cause(kind),
        facts=Facts(60, orders, "12400.00", "RUB", "2026-03-13T09:30:00.000Z"),
        why=tuple(why),
        policy="retail-27@1",
        backfill=False,
    )


QUIET = ScoreChange("recency_days", 60, 3, 2)
BACK = ScoreChange("recency_days", 60, 1, 3)
OFTEN = ScoreChange("frequency", 5, 2, 3)
SELDOM = ScoreChange("frequency", 1, 2, 1)
MUCH = ScoreChange("monetary", 20000, 2, 3)
LITTLE = ScoreChange("monetary", 0.5, 2, 1)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (_change("time", QUIET), "60 days without a purchase"),
        (_change("time", ScoreChange("recency_days", 1, 3, 2)), "1 day without a purchase"),
        (_change("time", SELDOM), "fewer than 1 order left in the window"),
        (_change("time", QUIET, LITTLE), "60 days without a purchase, less than 0.5 RUB left in the window"),
        (_change("time"), "time passed"),
        (_change("purchase", OFTEN, MUCH), "bought again: 5 orders or more, 20000 RUB or more"),
        (_change("purchase", BACK, OFTEN), "back after 60 days or more, 5 orders or more"),
        (_change("purchase"), "bought again"),
        (_change("purchase", before=None, cell=None, orders=1), "first purchase"),
        (_change("purchase", before="potential", cell="000", orders=1), "first purchase"),
        (_change("purchase", before="potential", cell="000", orders=2), "bought again"),
        (_change("refund", LITTLE), "returned goods: less than 0.5 RUB left in the window"),
        (_change("refund", after="potential"), "returned goods"),
        (_change("signup", before=None, cell=None, after="potential"), "signed up, nothing bought yet"),
        (_change("consent", before=None, cell=None, after="potential"), "changed a consent, nothing bought yet"),
        (_change("policy"), "policy retail-27@1 was activated"),
    ],
)
def test_the_cause_of_a_change_in_words(change: SegmentChangeValue, text: str) -> None:
    assert cause_text(change) == text


def test_a_move_names_both_segments() -> None:
    assert move_text(_change("purchase")) == "loyal -> golden"
    assert move_text(_change("purchase", before=None)) == "golden"
