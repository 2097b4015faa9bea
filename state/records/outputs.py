"""What comes of the fold, and what is published of it: changes of segment, messages, what was kept back, erasures.

A change is held as it was computed, in milliseconds and minor units (`SegmentChanged`): half of all events make one,
and most are written out only once, by `streams.wire.change_json`. `to_segment_change` gives the published form.
"""

from typing import Final

import msgspec

from state.records.reasons import Group, SuppressionReason
from state.units.money import format_minor
from state.units.timestamps import DAY_MS, format_ms


class Cause(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What brought a change about: an event (then with its id), time or a policy."""

    kind: str
    event_id: str | None = None


class Facts(msgspec.Struct, frozen=True, gc=False):
    """The measures just after a change; `recency_days` whole days, cut; `monetary` in major units."""

    recency_days: int | None
    frequency: int
    monetary: str
    currency: str
    last_order_at: str | None


class ScoreChange(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """A measure whose score moved; `edge` as the policy writes it, on the side the score came from."""

    measure: str
    edge: int | float
    was: int
    is_: int = msgspec.field(name="is")


class SegmentMove(msgspec.Struct, frozen=True, array_like=True, cache_hash=True, gc=False):
    """From where to where a change goes, and why: there are few of them, and many changes.

    `from_segment` and `from_cell` are empty for a first change; `currency` and `digits` are the policy's.
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
    """A customer's segment changed; `kind` and `event_id` are those of its cause, sums in minor units."""

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
        """`<customer_id>:<seq>`: the same whenever this change is published."""
        return f"{self.customer_id}:{self.seq}"


class SegmentChangeValue(msgspec.Struct, frozen=True, rename={"from_segment": "from", "to_segment": "to"}):
    """A customer's segment changed: the value of a record of `segment-changes`."""

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
        """`<customer_id>:<seq>`: the same whenever this change is published."""
        return f"{self.customer_id}:{self.seq}"


class MessageChange(msgspec.Struct, frozen=True, rename={"from_segment": "from", "to_segment": "to"}):
    """The change that began a campaign, as its messages tell it."""

    id: str
    from_segment: str | None
    to_segment: str
    effective_at: str
    cause: Cause
    facts: Facts
    why: tuple[ScoreChange, ...]


class MessageCustomer(msgspec.Struct, frozen=True):
    """The customer at the moment of a message; money in major units, the share to four digits."""

    average_check: str
    lifetime_orders: int
    lifetime_value: str
    discount_share: float


class Message(msgspec.Struct, frozen=True):
    """A campaign's message: the value of a record of `offers` or `reactivations`.

    `change` is what began the campaign; null where a trigger did, `birthday` or `overdue`, which only then is there.
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
    """What was kept back, and why; `attempt` is null where the campaign was kept back as a whole.

    `change` and `trigger` are as in a message.
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
    """What a campaign brought, or what came without it: the value of a record of `outcomes`.

    `sent` to `redeemed` are numbers of messages. `cost` is that of the
    messages, `orders` and `net` what was bought after `from_at` and up to `to_at`. `change` and `trigger` are as in a
    message.
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
"""The kind of a change that time alone has brought."""
SENT: Final = "sent"
"""The outcome of a message that was not kept back, where outcomes are counted; the others are reasons."""


class MessageSent(msgspec.Struct, frozen=True):
    """To the campaign's topic; `at` is when it is due, in milliseconds."""

    topic: str
    value: Message
    at: int


class MessageSuppressed(msgspec.Struct, frozen=True):
    """To `suppressions`; `tag` is that of the run (see `profile_schema.Run`), `at` the moment in milliseconds."""

    tag: str
    value: Suppression
    at: int


class OutcomeReported(msgspec.Struct, frozen=True):
    """To `outcomes`; `tag` is that of the run."""

    tag: str
    value: Outcome


class ErasureTombstone(msgspec.Struct, frozen=True):
    """A tombstone to `segment-changes`; `seq` is the customer's last, 0 if there was none."""

    customer_id: str
    seq: int
    at: str


Output = SegmentChanged | MessageSent | MessageSuppressed | OutcomeReported | ErasureTombstone


def to_segment_change(change: SegmentChanged) -> SegmentChangeValue:
    """Return the change in the form in which it is published."""
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
    """The change as the messages of the campaigns tell it that it began."""
    whole = to_segment_change(change)
    return MessageChange(
        id=whole.change_id,
        from_segment=whole.from_segment,
        to_segment=whole.to_segment,
        effective_at=whole.effective_at,
        cause=whole.cause,
        facts=whole.facts,
        why=whole.why,
    )
