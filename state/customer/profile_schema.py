"""What a profile is made of: orders, refunds, the person, campaigns under way; as they lie in memory and in the table.

Moments are milliseconds since the epoch, money is in minor units of the policy's base currency unless said otherwise.
These are structs of msgspec, which makes them from bytes by itself, so this module is never compiled (decision 0007).
"""

import msgspec

from state.records.reasons import Group


class ForeignAmount(msgspec.Struct, array_like=True, gc=False):
    """An order that was paid in another currency: what is needed to take its refunds at the purchase's rate.

    `amount` and `refunded` in its own minor units; `other` what was refunded in other currencies, in base minor units.
    """

    currency: str
    amount: int
    rate: str
    refunded: int = 0
    other: int = 0


class Order(msgspec.Struct, array_like=True, gc=False):
    """One order; `amount` as paid, `refunded` as asked for (it may exceed `amount`; the excess has no effect).

    `chunk` is the piece of a long history that it is written with, 0 for the profile itself (see `OrderIndex`).
    """

    at: int
    order_id: str
    amount: int
    discount: int
    refunded: int
    applied_at: int
    foreign_amount: ForeignAmount | None = None
    chunk: int = 0

    @property
    def fully_refunded(self) -> bool:
        """Whether everything that was paid has gone back; never true of an order of nothing."""
        if not self.refunded and self.foreign_amount is None:
            return False
        foreign = self.foreign_amount
        if foreign is None:
            return self.refunded >= self.amount > 0
        if 0 < foreign.amount <= foreign.refunded:
            return True
        return foreign.other > 0 and foreign.amount > 0 and self.refunded >= self.amount

    @property
    def net(self) -> int:
        """What the order brought in: never below nothing."""
        if not self.refunded:
            return self.amount
        return 0 if self.fully_refunded or self.refunded > self.amount else self.amount - self.refunded


class UnlinkedRefund(msgspec.Struct, array_like=True, gc=False):
    """A refund that names no order and is in the window: it lowers monetary until it ages out."""

    at: int
    amount: int


class WaitingRefund(msgspec.Struct, array_like=True, gc=False):
    """A refund whose order has not come; `until` is when it is dropped."""

    until: int
    refund_id: str
    order_id: str
    amount: int
    currency: str
    base: int | None
    occurred_at: int


class RefundId(msgspec.Struct, array_like=True, gc=False):
    """A refund id and the moment from which it may come again."""

    refund_id: str
    forget_at: int


class Refunds(msgspec.Struct, array_like=True):
    """What a customer with refunds has besides; most customers have none of it."""

    seen: list[RefundId] = []
    unlinked: list[UnlinkedRefund] = []
    waiting: list[WaitingRefund] = []


class SignupFact(msgspec.Struct, array_like=True, gc=False):
    """A fact of a signup, with the moment of the signup that told it."""

    signed_up_at: int
    value: str


class Consent(msgspec.Struct, array_like=True, gc=False):
    """The last word on a channel."""

    changed_at: int
    granted: bool


class ContactProfile(msgspec.Struct, array_like=True):
    """Who the customer is, beyond what they buy: signup facts, consents, contacts, whom they brought.

    `event_ids` are the last ones of the customer's own events, `referral_ids` those of the last signups that named
    them, `referral_times` the moments of these.
    """

    facts: dict[str, SignupFact] = {}
    consents: dict[str, Consent] = {}
    contacts: dict[str, int] = {}
    event_ids: list[str] = []
    referrals: int = 0
    referral_ids: list[str] = []
    referral_times: list[int] = []


class ChangeSnapshot(msgspec.Struct, array_like=True, gc=False):
    """The change that began a run, as far as the run and the rules do not say it: it is quoted in all its messages.

    `why` has the place of each measure in `state.engagement.change_snapshot.MEASURES`, its edge, and what the score was
    and is.
    """

    from_segment: str
    to_segment: str
    from_cell: str
    to_cell: str
    why: list[tuple[int, int | float, int, int]]
    policy: str
    kind: str
    event_id: str | None
    frequency: int
    monetary: int
    last_order_at: int | None


class Run(msgspec.Struct, array_like=True, gc=False):
    """One beginning of a campaign for the customer, until there is nothing more to be said or told of it.

    What it goes through is in `state.engagement.run`. Attempts are known by their numbers, from 1 on.

    Attributes:
        tag: what its ids have after the customer's: the change's number, `b<year>` of a birthday, `o<orders>` overdue.
        entry_change: the change that began it; None for a trigger.
        began: the moment from which attempts and outcome count.
        group: `holdout` and `control` make no attempts.
        attempts: how many its campaign makes.
        next_step: the attempt whose moment comes next, at `next_at`; 0, and None, if none will.
        deferred: attempts that are due later than their moment (quiet hours), with when they are due.
        silence_at: when the customer is silenced unless they answer; known once the last attempt was due.
        sent: attempts that were; `opened`, `clicked` and `redeemed` those of whose messages so much is known.
        cost: of its messages, in base minor units.
        attribution_ends_at: the last moment that its outcome counts; None if none is told, or it was told.
    """

    campaign: str
    tag: str
    entry_change: ChangeSnapshot | None
    entered_at: int
    group: Group
    step_count: int
    next_step: int
    next_at: int | None
    deferred: list[tuple[int, int]]
    silence_at: int | None
    sent: list[int]
    opened: list[int]
    clicked: list[int]
    redeemed: list[int]
    cost: int
    attribution_ends_at: int | None

    @property
    def is_open(self) -> bool:
        """Whether it has steps that have not been made."""
        return self.next_step > 0 or bool(self.deferred)


class SentMessage(msgspec.Struct, array_like=True, gc=False):
    """A message that was sent: what is needed to know it again, to count it, and to refuse its channel."""

    tag: str
    campaign: str
    step: int
    channel: str
    due_at: int


class Silence(msgspec.Struct, array_like=True, gc=False):
    """Nothing is sent to the customer since a run of this campaign came to nothing; the fields are those of the run."""

    campaign: str
    tag: str
    entry_change: ChangeSnapshot | None
    entered_at: int


class Engagement(msgspec.Struct, array_like=True, gc=False):
    """What campaigns remember of a customer beyond the runs that are under way.

    Attributes:
        begun: campaign to when it last began, held out ones too.
        control_entries: the same of one in the control group: when it would have begun.
        triggered: campaign to the tags with which its trigger went off last, 64 of them.
        messages: the last ones, oldest first; `state.engagement.contacts.REMEMBERED_MESSAGES` of them, and all in the
        cap's span.
        dead: channels from which a message came back for good.
    """

    last_entries: dict[str, int] = {}
    control_entries: dict[str, int] = {}
    trigger_tags: dict[str, list[str]] = {}
    messages: list[SentMessage] = []
    dead_channels: list[str] = []
    silence: Silence | None = None


class StoredForecast(msgspec.Struct, array_like=True, gc=False):
    """What follows from the orders of a long history, for those who read the profile without its chunks.

    Attributes:
        drop_at: when time alone changes the segment next, to `drop_to`; None if it never does.
        usual_gap_ms: usual gap between orders in ms; None if there is none.
    """

    drop_at: int | None
    drop_to: str
    usual_gap_ms: int | None


class OrderIndex(msgspec.Struct):
    """The orders of a customer who has very many: found by id, and written in chunks of which few are touched at once.

    It is kept in memory only, beside `Profile.orders`, which has all of them. `unchunked` are those that are written
    with the profile, in the order in which they came, `chunks` the others by the number of their chunk,
    `changed_chunks` the chunks that are no longer as they were written. `refunds` are the refunds seen, by id;
    `refunds_changed` says whether anything of the refunds is no longer as it was written.
    """

    by_id: dict[str, Order]
    unchunked: list[Order]
    chunks: dict[int, list[Order]]
    changed_chunks: set[int]
    refunds: dict[str, RefundId]
    refunds_changed: bool = True


class ProfileHead(msgspec.Struct, array_like=True, gc=False):
    """The first fields of a profile, which are read without the rest."""

    due: int
    offset: int
    seq: int
    segment: str


FoldPosition = tuple[int, int, str]
"""How far something counts: everything in the journal before an offset, and of the record there, if it touches many
customers, whoever does not come after a due moment and an id."""


class DayHead(msgspec.Struct, array_like=True, gc=False):
    """The first field of a day's totals (`state.daily.day_totals`), which is read without the rest."""

    counted: FoldPosition
