"""A customer's story: what is known, the segment and why, what was published, and what comes next.

The names of fields in JSON, given by `msgspec.field(name=...)` where they differ from the attribute, are a public
format.
"""

from typing import Final

import msgspec

from agents.customer_view.story_runs import RunStory
from agents.customer_view.story_traits import Traits
from state.config.policy import Policy
from state.config.ruleset import Ruleset
from state.customer.order_chunks import copy_profile
from state.customer.packed_orders import unpack_orders
from state.customer.profile import Profile
from state.customer.traits import average_check, discount_share
from state.fold.transitions import FoldCounters, advance_time
from state.records.outputs import (
    ErasureTombstone,
    Message,
    OutcomeReported,
    Output,
    SegmentChanged,
    SegmentChangeValue,
    Suppression,
    to_segment_change,
)
from state.units.money import format_minor
from state.units.timestamps import DAY_MS, format_ms

FORECAST_HORIZON_MS: Final = 20 * 365 * DAY_MS
"""How far the forecast looks ahead: further than any window and any last threshold in use."""

MAX_ORDERS: Final = 200
"""How many orders a story lists at most: the last ones."""

StoryEvent = SegmentChangeValue | Message | Suppression


class Facts(msgspec.Struct, frozen=True):
    """What a customer bought; money in major units, moments in RFC 3339.

    `frequency` and `monetary` are those of the window, all other figures those of the lifetime.
    """

    currency: str
    first_order_at: str | None
    last_order_at: str | None
    frequency: int
    monetary: str
    lifetime_orders: int
    lifetime_value: str
    average_check: str
    discount_share: float
    refunded: str
    refunds: int


class StoryOrder(msgspec.Struct, frozen=True):
    """An order that is remembered; money in major units of the base currency."""

    at: str
    amount: str
    refunded: str


class Story(msgspec.Struct, frozen=True):
    """A customer's story.

    Attributes:
        partition: of the journal and of all topics after it.
        as_of: the partition's watermark, or the moment of the customer's last evaluation if that is later.
        policy: name and version of the policy of the last evaluation; `window_days` is that of the active policy.
        since: when the customer entered the segment; `cell` is the present RFM cell.
        seq: number of segment changes so far; the topic may no longer have the first ones.
        signup: facts from signups.
        consents: channel to whether it is granted.
        contacts: number of contact events by kind.
        orders: the last ones that are remembered, in order of time.
        runs: open campaign runs; `silenced_by` the campaign whose sunset stopped all messages, if any.
        dead_channels: channels with a hard bounce.
        changes: segment changes so far, in order; `messages` and `suppressions` likewise.
        next: what is published if no event arrives and only time passes.
    """

    customer_id: str
    partition: int
    as_of: str
    policy: str
    window_days: int | float
    segment: str
    cell: str
    since: str
    seq: int
    facts: Facts
    signup: dict[str, str]
    consents: dict[str, bool]
    contacts: dict[str, int]
    traits: Traits
    orders: list[StoryOrder]
    runs: list[RunStory]
    silenced_by: str | None
    dead_channels: list[str]
    changes: list[SegmentChangeValue]
    messages: list[Message]
    suppressions: list[Suppression] = msgspec.field(name="kept_back")
    next: list[StoryEvent]


def facts_of(profile: Profile, policy: Policy) -> Facts:
    """Return what the customer bought, as of the last evaluation."""

    def moment(at_ms: int | None) -> str | None:
        return None if at_ms is None else format_ms(at_ms)

    def money(minor: int) -> str:
        return format_minor(minor, policy.digits)

    return Facts(
        currency=policy.currency,
        first_order_at=moment(profile.first_order_at),
        last_order_at=moment(profile.last_order_at),
        frequency=profile.frequency,
        monetary=money(profile.monetary),
        lifetime_orders=profile.lifetime_orders,
        lifetime_value=money(profile.lifetime_net),
        average_check=money(average_check(profile)),
        discount_share=discount_share(profile),
        refunded=money(profile.refunded),
        refunds=profile.refund_count,
    )


def orders_of(profile: Profile, policy: Policy) -> list[StoryOrder]:
    """Return the last orders that are remembered, in order of time."""
    copy = copy_profile(profile)
    unpack_orders(copy)
    return [
        StoryOrder(
            at=format_ms(order.at),
            amount=format_minor(order.amount, policy.digits),
            refunded=format_minor(min(order.refunded, order.amount), policy.digits),
        )
        for order in copy.orders[-MAX_ORDERS:]
    ]


def silenced_by(profile: Profile) -> str | None:
    """Return the campaign whose sunset stopped all messages to the customer; None if messages are sent."""
    silence = None if profile.engagement is None else profile.engagement.silence
    return None if silence is None else silence.campaign


def forecast_events(customer_id: str, profile: Profile, rules: Ruleset) -> list[StoryEvent]:
    """Return what is published about the customer, in order, if no event arrives and only time passes.

    Advances a copy of the profile by the same rules as a worker; `profile` itself does not change.
    """
    outputs: list[Output] = []
    until_ms = profile.evaluated_at + FORECAST_HORIZON_MS
    advance_time(customer_id, copy_profile(profile), until_ms, rules, outputs, FoldCounters())
    return [
        to_segment_change(output) if isinstance(output, SegmentChanged) else output.value
        for output in outputs
        if not isinstance(output, ErasureTombstone | OutcomeReported)
    ]
