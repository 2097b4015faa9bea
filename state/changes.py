"""What is published: changes of segment, messages, what was kept back, and erasures, as the contract has them."""

import msgspec


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


class Reason(msgspec.Struct, frozen=True, gc=False):
    """A measure whose score moved; `edge` as the policy writes it, on the side the score came from."""

    measure: str
    edge: int | float
    was: int
    is_: int = msgspec.field(name="is")


class SegmentChange(msgspec.Struct, frozen=True, rename={"from_segment": "from", "to_segment": "to"}):
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
    why: list[Reason]
    policy: str
    backfill: bool

    @property
    def change_id(self) -> str:
        """`<customer_id>:<seq>`: the same whenever this change is published."""
        return f"{self.customer_id}:{self.seq}"


class ChangeInMessage(msgspec.Struct, frozen=True, rename={"from_segment": "from", "to_segment": "to"}):
    """The change that began a campaign, as its messages tell it."""

    id: str
    from_segment: str | None
    to_segment: str
    effective_at: str
    cause: Cause
    facts: Facts
    why: list[Reason]


class CustomerInMessage(msgspec.Struct, frozen=True):
    """The customer at the moment of a message; money in major units, the share to four digits."""

    average_check: str
    lifetime_orders: int
    lifetime_value: str
    discount_share: float


class Message(msgspec.Struct, frozen=True):
    """A campaign's message: the value of a record of `offers` or `reactivations`."""

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
    change: ChangeInMessage
    customer: CustomerInMessage
    campaigns: str


class Suppression(msgspec.Struct, frozen=True):
    """What was kept back, and why; `attempt` is null where the campaign was kept back as a whole."""

    customer_id: str
    campaign: str
    attempt: int | None
    reason: str
    at: str
    change: ChangeInMessage
    campaigns: str


class Changed(msgspec.Struct, frozen=True):
    """To `segment-changes`."""

    value: SegmentChange


class Sent(msgspec.Struct, frozen=True):
    """To the campaign's topic."""

    topic: str
    value: Message


class KeptBack(msgspec.Struct, frozen=True):
    """To `suppressions`."""

    seq: int
    value: Suppression


class Erased(msgspec.Struct, frozen=True):
    """A tombstone to `segment-changes`; `seq` is the customer's last, 0 if there was none."""

    customer_id: str
    seq: int
    at: str


Output = Changed | Sent | KeptBack | Erased
