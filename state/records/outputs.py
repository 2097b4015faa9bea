"""The outputs of the fold: segment changes, messages, suppressions, outcomes, tombstones.

The fold creates a segment change as computed, in milliseconds and minor units (`SegmentChanged`), since half of all
events cause one. `streams.wire.change_json` writes the published JSON directly from it; `to_segment_change` returns the
published form (docs/topics.md) as a value.
"""

from typing import Final

import msgspec

from state.records.reasons import Group, SuppressionReason
from state.units.money import format_minor
from state.units.timestamps import DAY_MS, format_ms


class Cause(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The cause of a segment change: an event (with its id), time, or a policy."""

    kind: str
    event_id: str | None = None


class Facts(msgspec.Struct, frozen=True, gc=False):
    """The measures just after a change: recency in whole days, truncated; monetary in major units."""

    recency_days: int | None
    frequency: int
    monetary: str
    currency: str
    last_order_at: str | None


class ScoreChange(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """A measure whose score changed. `edge` is the threshold next to the new score on the side the score came from."""

    measure: str
    edge: int | float
    was: int
    is_: int = msgspec.field(name="is")


class SegmentMove(msgspec.Struct, frozen=True, array_like=True, cache_hash=True, gc=False):
    """What many segment changes have in common: segments and cells before and after, and the reason.

    Attributes:
        from_segment: Empty for a customer's first change, as is `from_cell`.
        policy: Reference (`name@version`) of the policy; `currency` and `digits` are also the policy's.
    """

    from_segment: str
    to_segment: str
    from_cell: str
    to_cell: str
    why: tuple[ScoreChange, ...]
    policy: str
    currency: str
    digits: int


class SegmentChanged(msgspec.Struct, array_like=True, gc=False):
    """A customer's segment changed. `kind` and `event_id` are those of the cause; amounts are in minor units."""

    customer_id: str
    seq: int
    move: SegmentMove
    at: int
    kind: str
    event_id: str | None
    backfill: bool
    frequency: int
    monetary: int
    last_order_at: int | None

    @property
    def change_id(self) -> str:
        """Return `<customer_id>:<seq>`, the same each time this change is published."""
        return f"{self.customer_id}:{self.seq}"


class SegmentChangeValue(msgspec.Struct, frozen=True, rename={"from_segment": "from", "to_segment": "to"}):
    """The value of a record of `segment-changes`."""

    customer_id: str
    seq: int
    from_segment: str | None
    to_segment: str
    from_cell: str | None
    to_cell: str
    effective_at: str
    cause: Cause
    facts: Facts
    why: tuple[ScoreChange, ...]
    policy: str
    backfill: bool

    @property
    def change_id(self) -> str:
        """Return `<customer_id>:<seq>`, the same each time this change is published."""
        return f"{self.customer_id}:{self.seq}"


class MessageChange(msgspec.Struct, frozen=True, rename={"from_segment": "from", "to_segment": "to"}):
    """The segment change that started a run, as in the messages of the run."""

    id: str
    from_segment: str | None
    to_segment: str
    effective_at: str
    cause: Cause
    facts: Facts
    why: tuple[ScoreChange, ...]


class MessageCustomer(msgspec.Struct, frozen=True):
    """The customer at the time of a message: money in major units, the share rounded to four digits."""

    average_check: str
    lifetime_orders: int
    lifetime_value: str
    discount_share: float


class Message(msgspec.Struct, frozen=True):
    """A campaign's message: the value of a record of `offers` or `reactivations`.

    Attributes:
        change: The segment change that started the run; null if a trigger did.
        trigger: `birthday` or `overdue`; absent if a segment change started the run.
    """

    message_id: str
    customer_id: str
    campaign: str
    template: str
    incentive: str | None
    channel: str
    other_channels: list[str]
    attempt: int
    attempts: int
    due_at: str
    expires_at: str | None
    timezone: str
    language: str | None
    change: MessageChange | None
    customer: MessageCustomer
    campaigns: str
    trigger: str | msgspec.UnsetType = msgspec.UNSET


class Suppression(msgspec.Struct, frozen=True):
    """The value of a record of `suppressions`.

    Attributes:
        attempt: The suppressed step; null if the campaign was suppressed as a whole.
        change: As in a message, and so is `trigger`.
    """

    customer_id: str
    campaign: str
    attempt: int | None
    reason: SuppressionReason
    at: str
    change: MessageChange | None
    campaigns: str
    trigger: str | msgspec.UnsetType = msgspec.UNSET


class Outcome(msgspec.Struct, frozen=True):
    """The outcome of a run: the value of a record of `outcomes`.

    Attributes:
        change: As in a message, and so is `trigger`.
        sent: Number of messages; `opened`, `clicked` and `redeemed` the number with that response.
        cost: Cost of the messages.
        orders: Number of orders after `from_at` and up to `to_at`, and `net` their net revenue.
    """

    customer_id: str
    campaign: str
    change: MessageChange | None
    group: Group
    sent: int
    opened: int
    clicked: int
    redeemed: int
    cost: str
    orders: int
    net: str
    currency: str
    from_at: str
    to_at: str
    campaigns: str
    trigger: str | msgspec.UnsetType = msgspec.UNSET


TIME_CAUSE: Final = "time"
"""The kind of cause of a change that time alone caused."""
SENT: Final = "sent"
"""The outcome of a message that was not suppressed, where outcomes are counted; the others are reasons."""


class MessageSent(msgspec.Struct, frozen=True):
    """A message to the campaign's topic; `at` is when it is due."""

    topic: str
    value: Message
    at: int


class MessageSuppressed(msgspec.Struct, frozen=True):
    """A record of `suppressions`; `tag` is that of the run (`profile_schema.Run`), `at` the time of the suppression."""

    tag: str
    value: Suppression
    at: int


class OutcomeReported(msgspec.Struct, frozen=True):
    """A record of `outcomes`; `tag` is that of the run."""

    tag: str
    value: Outcome


class ErasureTombstone(msgspec.Struct, frozen=True):
    """A tombstone on `segment-changes`; `seq` is the number of the customer's last change, 0 if there was none."""

    customer_id: str
    seq: int
    at: str


Output = SegmentChanged | MessageSent | MessageSuppressed | OutcomeReported | ErasureTombstone


def to_segment_change(change: SegmentChanged) -> SegmentChangeValue:
    """Return a segment change in its published form."""
    move, last = change.move, change.last_order_at
    return SegmentChangeValue(
        customer_id=change.customer_id,
        seq=change.seq,
        from_segment=move.from_segment or None,
        to_segment=move.to_segment,
        from_cell=move.from_cell or None,
        to_cell=move.to_cell,
        effective_at=format_ms(change.at),
        cause=Cause(change.kind, change.event_id),
        facts=Facts(
            recency_days=None if last is None else (change.at - last) // DAY_MS,
            frequency=change.frequency,
            monetary=format_minor(change.monetary, move.digits),
            currency=move.currency,
            last_order_at=None if last is None else format_ms(last),
        ),
        why=move.why,
        policy=move.policy,
        backfill=change.backfill,
    )


def to_message_change(change: SegmentChanged) -> MessageChange:
    """Return a segment change as in the messages of the runs that it started."""
    published = to_segment_change(change)
    return MessageChange(
        id=published.change_id,
        from_segment=published.from_segment,
        to_segment=published.to_segment,
        effective_at=published.effective_at,
        cause=published.cause,
        facts=published.facts,
        why=published.why,
    )
