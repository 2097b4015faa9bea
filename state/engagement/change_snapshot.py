"""The change by which a run was entered: stored compactly with the run, published whole with its messages."""

from typing import Final

from state.config.policy import Policy
from state.customer.profile_schema import ChangeSnapshot, Run, Silence
from state.records.outputs import MessageChange, ScoreChange, SegmentChanged, SegmentMove, to_message_change

MEASURES: Final = ("recency_days", "frequency", "monetary")


def snapshot_change(change: SegmentChanged) -> ChangeSnapshot:
    """Return what a run stores of the change by which it was entered."""
    move = change.move
    return ChangeSnapshot(
        from_segment=move.from_segment,
        to_segment=move.to_segment,
        from_cell=move.from_cell,
        to_cell=move.to_cell,
        why=[(MEASURES.index(reason.measure), reason.edge, reason.was, reason.is_) for reason in move.why],
        policy=move.policy,
        kind=change.kind,
        event_id=change.event_id,
        frequency=change.frequency,
        monetary=change.monetary,
        last_order_at=change.last_order_at,
    )


def restore_change(customer_id: str, run: Run | Silence, policy: Policy) -> MessageChange | None:
    """Return the change by which a run was entered, as its messages publish it; None if a trigger fired.

    All policies of a prefix have the same currency, and no run is entered by a backfill change: neither is stored.
    """
    stored = run.entry_change
    if stored is None:
        return None
    why = tuple(ScoreChange(MEASURES[measure], edge, was, is_) for measure, edge, was, is_ in stored.why)
    move = SegmentMove(
        stored.from_segment,
        stored.to_segment,
        stored.from_cell,
        stored.to_cell,
        why,
        stored.policy,
        policy.currency,
        policy.digits,
    )
    change = SegmentChanged(
        customer_id=customer_id,
        seq=int(run.tag),
        move=move,
        at=run.entered_at,
        kind=stored.kind,
        event_id=stored.event_id,
        backfill=False,
        frequency=stored.frequency,
        monetary=stored.monetary,
        last_order_at=stored.last_order_at,
    )
    return to_message_change(change)
