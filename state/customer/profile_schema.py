"""Declare what a profile consists of: orders, refunds, contact data, campaign runs, and the profile itself.

Times are milliseconds since the epoch. Money is in minor units of the policy's base currency unless stated otherwise.

All classes are msgspec Structs, which decode themselves from MessagePack arrays. So this module is never compiled
(decision 0007), and the order of the fields is the format.
"""

from typing import ClassVar

import msgspec

from state.records.reasons import Group
from state.units.timestamps import NEVER


class ForeignAmount(msgspec.Struct, array_like=True, gc=False):
    """The amount of an order in another currency, as needed to apply refunds at the purchase's rate.

    Attributes:
        currency: The purchase's currency.
        amount: What was paid, in minor units of `currency`.
        rate: Price of one unit of `currency` in the base currency, as decimal text.
        refunded: Sum of the refunds in `currency`, in its minor units.
        other: Sum of the refunds in other currencies, in base minor units.
    """

    currency: str
    amount: int
    rate: str
    refunded: int = 0
    other: int = 0


class Order(msgspec.Struct, array_like=True, gc=False):
    """An order that is remembered.

    Attributes:
        at: `occurred_at` of the purchase.
        amount: What was paid.
        discount: The sum deducted.
        refunded: Sum of the refunds; it may exceed `amount`, the excess has no effect.
        applied_at: The time at which the purchase was applied.
        foreign_amount: Set if the order was paid in another currency.
        chunk: Number of the chunk that stores the order (see `OrderIndex`); 0 for the profile's own record.
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
        """Whether all that was paid has been refunded; never true of a zero-amount order."""
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
        """Revenue net of refunds; never negative."""
        if not self.refunded:
            return self.amount
        return 0 if self.fully_refunded or self.refunded > self.amount else self.amount - self.refunded


class UnlinkedRefund(msgspec.Struct, array_like=True, gc=False):
    """A refund in the window that names no order. It lowers monetary until it leaves the window."""

    at: int
    amount: int


class WaitingRefund(msgspec.Struct, array_like=True, gc=False):
    """A refund that arrived before its order.

    Attributes:
        until: When it is dropped if the order has not arrived.
        amount: In minor units of `currency`.
        base: In base minor units at the refund's own rate; None if it has no rate.
    """

    until: int
    refund_id: str
    order_id: str
    amount: int
    currency: str
    base: int | None
    occurred_at: int


class RefundId(msgspec.Struct, array_like=True, gc=False):
    """The id of an applied refund; the same id is a duplicate before `forget_at`."""

    refund_id: str
    forget_at: int


class Refunds(msgspec.Struct, array_like=True):
    """The refunds of a customer.

    Attributes:
        seen: Ids of all remembered refunds, in the order in which they arrived.
        unlinked: Sorted by time.
        waiting: Sorted by `until`.
    """

    seen: list[RefundId] = []
    unlinked: list[UnlinkedRefund] = []
    waiting: list[WaitingRefund] = []


class SignupFact(msgspec.Struct, array_like=True, gc=False):
    """A signup fact and the time of the signup that it is from."""

    signed_up_at: int
    value: str


class Consent(msgspec.Struct, array_like=True, gc=False):
    """The latest consent or refusal of a channel."""

    changed_at: int
    granted: bool


class ContactProfile(msgspec.Struct, array_like=True):
    """What is known of a customer besides purchases.

    Attributes:
        facts: Signup facts by name (`state.customer.contact_profile.SIGNUP_FACTS`).
        consents: By channel; a missing channel is unknown.
        contacts: Number of contacts by kind.
        event_ids: Ids of the last events other than purchases and refunds, to recognize duplicates.
        referrals: Number of signups that named this customer as the referrer.
        referral_ids: Hashed ids of the last of these signups.
        referral_times: When each of `referral_ids` counted.
    """

    facts: dict[str, SignupFact] = {}
    consents: dict[str, Consent] = {}
    contacts: dict[str, int] = {}
    event_ids: list[str] = []
    referrals: int = 0
    referral_ids: list[str] = []
    referral_times: list[int] = []


class ChangeSnapshot(msgspec.Struct, array_like=True, gc=False):
    """The segment change that started a run, which all messages of the run quote.

    What the run and the policy already contain is left out. The fields are those of
    `state.records.outputs.SegmentChanged` and `SegmentMove`.

    Attributes:
        why: For each measure whose score changed: its index in `state.engagement.change_snapshot.MEASURES`, the
            threshold, the score before and the score after.
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
    """One enrollment of the customer in a campaign, until no message and no outcome of it remains to be published.

    `state.engagement.run` has its states. Steps are numbered from 1.

    Attributes:
        tag: What follows the customer's id in the run's ids: the number of the change, `b<year>` for a birthday,
            `o<orders>` for an overdue order.
        entry_change: The change that started the run; None for a trigger.
        entered_at: The time from which steps and outcome count.
        group: The holdout group and the control group have no steps.
        step_count: Number of steps of the campaign.
        next_step: The step whose time comes next, at `next_at`; 0 and None if there is none.
        deferred: Steps that quiet hours postponed, each with the time at which it is due.
        silence_at: When the customer is silenced unless they respond; set once the last step was due.
        sent: Steps whose message was sent; `opened`, `clicked` and `redeemed` the steps with that response.
        cost: Cost of the messages, in base minor units.
        attribution_ends_at: The last moment that counts for the outcome; None if no outcome is (or remains) to be
            published.
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


class SentMessage(msgspec.Struct, array_like=True, gc=False):
    """A sent message: what identifies it in a contact, counts toward the frequency cap, and names its channel."""

    tag: str
    campaign: str
    step: int
    channel: str
    due_at: int


class Silence(msgspec.Struct, array_like=True, gc=False):
    """The customer gets no messages since a run of this campaign had no response. The other fields are the run's.

    Attributes:
        began_at: When the silence began.
    """

    campaign: str
    tag: str
    entry_change: ChangeSnapshot | None
    entered_at: int
    began_at: int


class Engagement(msgspec.Struct, array_like=True, gc=False):
    """What campaigns remember of a customer besides the open runs.

    Attributes:
        last_entries: Campaign to the time of the last entry, those of the holdout group included.
        control_entries: The same for a customer in the control group: when they would have entered.
        trigger_tags: Campaign to the tags of its trigger's last entries, 64 at most.
        messages: The last sent messages, oldest first: `state.engagement.contacts.REMEMBERED_MESSAGES` of them, and
            all within the cap's period.
        dead_channels: Channels with a permanent bounce, and when the last one occurred; None if a record of a format
            before 3 reported it.
        silence: Set while the customer is silenced.
    """

    last_entries: dict[str, int] = {}
    control_entries: dict[str, int] = {}
    trigger_tags: dict[str, list[str]] = {}
    messages: list[SentMessage] = []
    dead_channels: dict[str, int | None] = {}
    silence: Silence | None = None


class StoredForecast(msgspec.Struct, array_like=True, gc=False):
    """What follows from the orders of a long history, for readers of the profile who do not have its chunks.

    Attributes:
        drop_at: When time alone next changes the segment, to `drop_to`; None if it never does.
        drop_to: The segment; empty if `drop_at` is None.
        usual_gap_ms: Usual gap between orders; None if there is none.
    """

    drop_at: int | None
    drop_to: str
    usual_gap_ms: int | None


class OrderIndex(msgspec.Struct):
    """The orders of a customer with a long history: by id, and by the chunk that stores them.

    It exists in memory only, beside `Profile.orders`, which has all orders.

    Attributes:
        by_id: All orders.
        unchunked: Orders stored in the profile's own record, in the order in which they arrived.
        chunks: All other orders by the number of their chunk.
        changed_chunks: Chunks that differ from what is stored.
        refunds: Ids of the remembered refunds.
        refunds_changed: Whether the refunds differ from what is stored.
    """

    by_id: dict[str, Order]
    unchunked: list[Order]
    chunks: dict[int, list[Order]]
    changed_chunks: set[int]
    refunds: dict[str, RefundId]
    refunds_changed: bool = True


class ProfileHead(msgspec.Struct, array_like=True, gc=False):
    """The first fields of a profile, which can be decoded without the rest.

    Attributes:
        due: When time alone may next change something for the customer; first, so that `peek_due` finds it.
        offset: Journal offset of the last record applied.
        seq: Number of segment changes so far.
        segment: Empty before the first change.
    """

    due: int
    offset: int
    seq: int
    segment: str


class ProfileRecord(ProfileHead, array_like=True, gc=True):
    """A profile: everything that is stored of a customer.

    This is the only declaration of the fields. `state.customer.native_profile` is generated from it (`make generate`)
    and has the class that the fold uses. After a change of the fields raise `state.customer.profile.FORMAT`.

    `frequency` and `monetary` are those of the window as of `evaluated_at`; all other sums are lifetime sums.

    Attributes:
        cell: RFM cell.
        since: `effective_at` of the last segment change.
        evaluated_at: When the customer was last evaluated.
        policy: Reference (`name@version`) of the policy of that evaluation.
        gross: Sum of all purchases, not reduced by refunds.
        refunded: Sum of the refunds that took effect; `refund_count` is their number.
        refunded_orders: Orders with any refund; `returned_orders` those of them that are fully refunded.
        packed_orders: Orders in packed form, and `packed_order_ids` (see `state.customer.packed_orders`); empty if
            `orders` has them.
        orders: Sorted by time and id.
        expired_count: Number of the oldest orders that have left the window, in either form.
        next_forget_at: When orders or refund ids may next be forgotten.
        forgotten_first: Time of the first forgotten order that is not fully refunded; `forgotten_last` of the last.
        runs: Open campaign runs.
        stores: Number of purchases by store, and `channels` by sales channel; None for none.
        forecast: Set for a profile that is stored in chunks.
        chunks: Numbers of the chunks with orders, and `refund_chunks` with refunds (see `state.customer.order_chunks`).
        last_chunk: The last chunk number given.
        horizon: The moment before which the customer's past counts as history; 0 if none of it does.
        order_index: In memory only, not stored; set for a long history.
    """

    cell: str = ""
    since: int = 0
    evaluated_at: int = 0
    policy: str = ""
    first_order_at: int | None = None
    last_order_at: int | None = None
    frequency: int = 0
    monetary: int = 0
    lifetime_orders: int = 0
    lifetime_net: int = 0
    gross: int = 0
    discounts: int = 0
    discounted_orders: int = 0
    refunded: int = 0
    refund_count: int = 0
    refunded_orders: int = 0
    returned_orders: int = 0
    packed_orders: bytes = b""
    packed_order_ids: bytes = b""
    orders: list[Order] = []
    expired_count: int = 0
    next_forget_at: int = NEVER
    forgotten_first: int | None = None
    forgotten_last: int | None = None
    refunds: Refunds | None = None
    contact_profile: ContactProfile | None = None
    runs: list[Run] = []
    engagement: Engagement | None = None
    stores: dict[str, int] | None = None
    channels: dict[str, int] | None = None
    forecast: StoredForecast | None = None
    chunks: list[int] = []
    refund_chunks: list[int] = []
    last_chunk: int = 0
    horizon: int = 0
    order_index: ClassVar[OrderIndex | None] = None
