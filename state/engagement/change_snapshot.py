"""The change that began a run: kept small beside the customer for weeks, and quoted whole in what is said of it."""

from typing import Final

from state.config.policy import Policy
from state.customer.profile_schema import ChangeSnapshot, Run, Silence
from state.records.outputs import MessageChange, ScoreChange, SegmentChanged, SegmentMove, to_message_change

MEASURES: Final = ("recency_days", "frequency", "monetary")


def snapshot_change(change: SegmentChanged) -> ChangeSnapshot:
    """What a run keeps of the change that began it."""
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
    """The change that began a run, as its messages tell it; None where a trigger did.

    The currency is that of every policy of a prefix. No change that is history begins a run.
    """
    kept = run.entry_change
    if kept is None:
        return None
    why = tuple(ScoreChange(MEASURES[measure], edge, was, is_) for measure, edge, was, is_ in kept.why)
    move = SegmentMove(
        kept.from_segment,
        kept.to_segment,
        kept.from_cell,
        kept.to_cell,
        why,
        kept.policy,
        policy.currency,
        policy.digits,
    )
    change = SegmentChanged(
        customer_id=customer_id,
        seq=int(run.tag),
        move=move,
        at=run.entered_at,
        kind=kept.kind,
        event_id=kept.event_id,
        backfill=False,
        frequency=kept.frequency,
        monetary=kept.monetary,
        last_order_at=kept.last_order_at,
    )
    return to_message_change(change)
