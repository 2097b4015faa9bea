"""The rules of change: what an event, a moment or a policy does to a customer.

Everything that can change a segment is one row of this table; the rest of the module carries it out.

    what comes       before it            then                         judged at
    purchase         lapse, expire        place_order                  as_of
    refund           lapse, expire        take_refund                  as_of
    signup           lapse, expire        sign_up                      as_of
    consent          lapse, expire        change_consent               as_of
    contact          lapse, expire        count_contact                as_of
    time             -                    expire                       each due moment
    policy           -                    -                            the later of time and the last judgement
    campaigns        -                    end_runs                     -

A purchase, or a consent that is granted, also ends the silence that a campaign has begun.

`evaluation_time` is the greatest of the event's moment, the partition's time and the customer's last judgement.
`advance_time` tells whatever fell due at or before it, each at its own moment. A duplicate does nothing at all.
"""

from collections import Counter
from collections.abc import Sequence

from state.config.policy import POTENTIAL, POTENTIAL_CELL, Policy
from state.config.ruleset import Ruleset
from state.customer.contact_profile import count_contact, remembers_event, set_consent, sign_up
from state.customer.orders import (
    RefundEffect,
    apply_order,
    apply_refund,
    expire,
    next_expiry,
    remembers_order,
    remembers_refund,
)
from state.customer.profile import Profile
from state.customer.profile_schema import Engagement, Silence
from state.customer.traits import count_places
from state.daily.day_counter import DayCounter, snapshot
from state.engagement.campaign_context import CampaignContext
from state.engagement.contacts import apply_contact
from state.engagement.decide import decide, supersede_outdated
from state.engagement.run import next_moment
from state.engagement.triggers import next_trigger
from state.records.events import (
    ConsentChanged,
    CustomerEvent,
    CustomerSignedUp,
    MessageContacted,
    OrderPlaced,
    OrderRefunded,
)
from state.records.outputs import TIME_CAUSE, Output, SegmentChanged
from state.records.reasons import DropReason, Fence
from state.units.money import MAX_TOTAL
from state.units.timestamps import NEVER

POLICY_CAUSE = "policy"


class FoldCounters:
    """What was counted while folding; the caller adds it to the metrics and starts a new one.

    `daily` are the totals of the days, which go on; None where nobody wants them.
    """

    __slots__ = ("daily", "dropped", "duplicates", "fenced")

    def __init__(self, daily: DayCounter | None = None) -> None:
        """Nothing counted yet."""
        self.daily = daily
        self.duplicates: Counter[str] = Counter()
        self.dropped: Counter[DropReason] = Counter()
        self.fenced: Counter[Fence] = Counter()


def evaluation_time(profile: Profile | None, occurred_at: int, time: int) -> int:
    """The moment at which an event is judged."""
    moment = max(occurred_at, time)
    return moment if profile is None else max(moment, profile.evaluated_at)


def exceeds_totals(profile: Profile, event: CustomerEvent) -> bool:
    """Whether a customer's sums have no room for what the event adds: beyond any shop's, and the table's format."""
    if isinstance(event, OrderPlaced):
        return profile.gross > MAX_TOTAL or profile.discounts > MAX_TOTAL
    return isinstance(event, OrderRefunded) and profile.refunded > MAX_TOTAL


def is_duplicate(profile: Profile, event: CustomerEvent, moment: int, window_ms: int) -> bool:
    """Whether the customer has this event already: orders and refunds by their own id, anything else by the event's."""
    if isinstance(event, OrderPlaced):
        return remembers_order(profile, event.order_id, moment, window_ms)
    if isinstance(event, OrderRefunded):
        return remembers_refund(profile, event.refund_id, moment)
    return remembers_event(profile, event.event_id)


def apply_event(
    customer_id: str,
    profile: Profile,
    event: CustomerEvent,
    moment: int,
    rules: Ruleset,
    out: list[Output],
    tally: FoldCounters,
) -> None:
    """Apply an event that is not a duplicate at `moment` (see `evaluation_time`); append the outputs to `out`."""
    policy, daily = rules.policy, tally.daily
    if profile.due <= moment:
        advance_time(customer_id, profile, moment, rules, out, tally)
    was = snapshot(profile)
    if profile.next_forget_at <= moment:
        expire(profile, moment, policy.window_ms, tally.dropped)
    if daily is not None and isinstance(event, OrderPlaced):
        daily.count_order(profile, event, moment, policy.window_ms)
    went_back = _take(customer_id, profile, event, moment, policy, tally.dropped)
    broken = None if profile.engagement is None else _break_silence(profile.engagement, event)
    change = evaluate(customer_id, profile, moment, rules, event.kind, event, out)
    if (change is not None or profile.runs or broken is not None) and rules.campaigns is not None:
        occasion = CampaignContext(customer_id, profile, moment, rules, rules.campaigns, out)
        decide(occasion, change, purchased=isinstance(event, OrderPlaced), broken=broken)
    if daily is not None:
        daily.count_evaluation(profile, moment, was, change)
        for occurred_at, amount in went_back:
            daily.count_refund(occurred_at, amount)
    profile.due = next_due(profile, rules)


def advance_time(
    customer_id: str, profile: Profile, until: int, rules: Ruleset, out: list[Output], tally: FoldCounters
) -> None:
    """Tells whatever falls due at or before `until`, in the order of the due moments."""
    while profile.due <= until:
        moment = profile.due
        was = snapshot(profile)
        expire(profile, moment, rules.window_ms, tally.dropped)
        change = evaluate(customer_id, profile, moment, rules, TIME_CAUSE, None, out)
        if (change is not None or profile.runs or rules.has_triggers) and rules.campaigns is not None:
            decide(CampaignContext(customer_id, profile, moment, rules, rules.campaigns, out), change, by_time=True)
        if tally.daily is not None:
            tally.daily.count_evaluation(profile, moment, was, change)
        profile.due = next_due(profile, rules)


def apply_policy(
    customer_id: str, profile: Profile, moment: int, rules: Ruleset, out: list[Output], daily: DayCounter | None = None
) -> None:
    """Judges the customer by a policy that has just come into force."""
    was = snapshot(profile)
    change = evaluate(customer_id, profile, moment, rules, POLICY_CAUSE, None, out)
    if (change is not None or profile.runs) and rules.campaigns is not None:
        decide(CampaignContext(customer_id, profile, moment, rules, rules.campaigns, out), change)
    if daily is not None:
        daily.count_evaluation(profile, moment, was, change)
    profile.due = next_due(profile, rules)


def apply_campaigns(
    customer_id: str, profile: Profile, moment: int, rules: Ruleset, outdated: frozenset[str], out: list[Output]
) -> bool:
    """Ends the runs of campaigns that a new file changes or drops; whether anything is other than before."""
    if rules.campaigns is None:
        return False
    ended = supersede_outdated(CampaignContext(customer_id, profile, moment, rules, rules.campaigns, out), outdated)
    due = next_due(profile, rules, moment)  # another file may have other triggers: none goes off for what is gone by
    if not ended and due == profile.due:
        return False
    profile.due = due
    return True


def _take(
    customer_id: str, profile: Profile, event: CustomerEvent, moment: int, policy: Policy, dropped: Counter[DropReason]
) -> Sequence[RefundEffect]:
    """What the event itself says; what went back by it to the customer."""
    went_back: Sequence[RefundEffect] = ()
    if isinstance(event, OrderPlaced):
        went_back = apply_order(profile, event, moment, policy, dropped)
        if event.store_id is not None or event.channel is not None:
            count_places(profile, event)
    elif isinstance(event, OrderRefunded):
        went_back = apply_refund(profile, event, moment, policy, dropped)
    elif isinstance(event, CustomerSignedUp):
        sign_up(profile, event)
    elif isinstance(event, ConsentChanged):
        set_consent(profile, event)
    elif isinstance(event, MessageContacted):
        count_contact(profile, event)
        apply_contact(customer_id, profile, event, policy, dropped)
    return went_back


def _break_silence(engagement: Engagement, event: CustomerEvent) -> Silence | None:
    """Ends the customer's silence if the event is a purchase, or grants a consent; the silence that was."""
    broken = engagement.silence
    if broken is None:
        return None
    if (
        isinstance(event, OrderPlaced)
        or (isinstance(event, ConsentChanged) and event.granted)
        or (isinstance(event, CustomerSignedUp) and event.consent is not None and any(event.consent.values()))
    ):
        engagement.silence = None
        return broken
    return None


def evaluate(
    customer_id: str,
    profile: Profile,
    moment: int,
    rules: Ruleset,
    kind: str,
    event: CustomerEvent | None,
    out: list[Output],
) -> SegmentChanged | None:
    """Gives the customer the cell and the segment of this moment; tells the change, if there is one.

    `kind` is that of the cause, `event` the one that is the cause.
    """
    profile.evaluated_at = moment
    profile.policy = rules.ref
    last = profile.last_order_at
    if last is None:
        cell, segment = POTENTIAL_CELL, POTENTIAL
    else:
        cell, segment = rules.cell_and_segment(
            moment - last, profile.frequency, profile.monetary, profile.lifetime_orders
        )
    was_segment = profile.segment
    if segment == was_segment:
        profile.cell = cell
        return None
    if kind == POLICY_CAUSE:
        move = rules.move_by_policy(was_segment, segment, profile.cell, cell)
    else:
        move = rules.move(was_segment, segment, profile.cell, cell)
    profile.cell = cell
    profile.segment = segment
    profile.seq = seq = profile.seq + 1
    profile.since = moment
    event_id, backfill = (None, False) if event is None else (event.event_id, event.backfill)
    change = SegmentChanged(
        customer_id, seq, move, moment, kind, event_id, backfill, profile.frequency, profile.monetary, last
    )
    out.append(change)
    return change


def next_due(profile: Profile, rules: Ruleset, now: int | None = None) -> int:
    """The next moment at which time alone may change something for the customer; `NEVER` if none will.

    Triggers go off after `now`, by default the last judgement.
    """
    due = next_expiry(profile, rules.window_ms)
    last = profile.last_order_at
    if last is not None:
        edge = rules.next_recency_drop(last, profile.evaluated_at)
        due = min(due, edge)
    if rules.campaigns is not None:
        for run in profile.runs:
            due = min(due, next_moment(run))
        if rules.has_triggers:
            due = min(due, next_trigger(profile, profile.evaluated_at if now is None else now, rules))
    return min(NEVER, due)
