"""How an event, the passage of time, a new policy or new campaigns change a customer.

    cause        first           then                         evaluated at
    event        advance_time    its row of `EVENT_RULES`     `evaluation_time`
    time         -               expire orders and refunds    each due moment
    policy       -               -                            the later of the watermark and the last evaluation
    campaigns    -               supersede runs               -

After an evaluation the campaigns decide (`state.engagement.decide`), and `next_due` says when time alone is next going
to change something.
"""

from collections import Counter
from typing import Any, Final

from state.config.policy import POTENTIAL_CELL
from state.config.ruleset import Ruleset
from state.config.segments import POTENTIAL
from state.customer.orders import expire, next_expiry
from state.customer.profile import Profile
from state.customer.profile_schema import Engagement, Silence
from state.daily.day_counter import DayCounter, evaluated_state
from state.engagement.campaign_context import CampaignContext
from state.engagement.decide import NO_PURCHASE, decide, supersede_outdated
from state.engagement.run import next_moment
from state.engagement.triggers import next_trigger
from state.fold.event_rules import EVENT_RULES, EventRule
from state.records.events import CustomerEvent, OrderPlaced
from state.records.outputs import TIME_CAUSE, Output, SegmentChanged
from state.records.reasons import DropReason, Fence
from state.units.timestamps import NEVER

POLICY_CAUSE: Final = "policy"


class FoldCounters:
    """Events that had no effect, by type or reason: the caller adds them to the metrics and clears them.

    Attributes:
        daily: the daily totals, which are counted in the same places; None if they are not wanted.
    """

    __slots__ = ("daily", "dropped", "duplicates", "fenced")

    def __init__(self, daily: DayCounter | None = None) -> None:
        self.daily = daily
        self.duplicates = Counter[str]()
        self.dropped = Counter[DropReason]()
        self.fenced = Counter[Fence]()


def evaluation_time(profile: Profile | None, occurred_at: int, watermark: int) -> int:
    """Return when an event is evaluated: never before the watermark or the customer's last evaluation."""
    moment = max(occurred_at, watermark)
    return moment if profile is None else max(moment, profile.evaluated_at)


def apply_event(
    customer_id: str,
    profile: Profile,
    event: CustomerEvent,
    moment: int,
    rules: Ruleset,
    outputs: list[Output],
    counters: FoldCounters,
) -> None:
    """Apply an event that is not a duplicate at `moment` (see `evaluation_time`), by its row of `EVENT_RULES`."""
    rule, policy, daily = EVENT_RULES[type(event)], rules.policy, counters.daily
    if profile.due <= moment:
        advance_time(customer_id, profile, moment, rules, outputs, counters)
    if event.horizon is not None and event.horizon > profile.horizon:  # after what fell due before the event
        profile.horizon = event.horizon
    before = evaluated_state(profile)
    if profile.next_forget_at <= moment:
        expire(profile, moment, policy.window_ms, counters.dropped)
    if daily is not None and isinstance(event, OrderPlaced):
        daily.count_order(profile, event, moment, policy.window_ms)
    refunds = rule.apply(customer_id, profile, event, moment, policy, counters.dropped)
    ended = None if profile.engagement is None else _end_silence(profile.engagement, event, rule)
    change = evaluate(customer_id, profile, moment, rules, event.kind, event, outputs)
    if (change is not None or profile.runs or ended is not None) and rules.campaigns is not None:
        context = CampaignContext(customer_id, profile, moment, rules, rules.campaigns, outputs)
        through = NO_PURCHASE
        if rule.supersedes_reactivations:
            through = NEVER if event.horizon is None else event.occurred_at
        decide(context, change, supersedes_through=through, ended_silence=ended)
    if daily is not None:
        daily.count_evaluation(profile, moment, before, change)
        for occurred_at, amount in refunds:
            daily.count_refund(occurred_at, amount)
    profile.due = next_due(profile, rules)


def advance_time(
    customer_id: str, profile: Profile, until: int, rules: Ruleset, outputs: list[Output], counters: FoldCounters
) -> None:
    """Evaluate the customer at each of their due moments up to and including `until`, in order."""
    while profile.due <= until:
        moment = profile.due
        before = evaluated_state(profile)
        expire(profile, moment, rules.window_ms, counters.dropped)
        change = evaluate(customer_id, profile, moment, rules, TIME_CAUSE, None, outputs)
        if (change is not None or profile.runs or rules.has_triggers) and rules.campaigns is not None:
            decide(CampaignContext(customer_id, profile, moment, rules, rules.campaigns, outputs), change, by_time=True)
        if counters.daily is not None:
            counters.daily.count_evaluation(profile, moment, before, change)
        profile.due = next_due(profile, rules)


def apply_policy(
    customer_id: str,
    profile: Profile,
    moment: int,
    rules: Ruleset,
    outputs: list[Output],
    daily: DayCounter | None = None,
) -> None:
    """Evaluate the customer by a policy that has just been activated."""
    before = evaluated_state(profile)
    change = evaluate(customer_id, profile, moment, rules, POLICY_CAUSE, None, outputs)
    if (change is not None or profile.runs) and rules.campaigns is not None:
        decide(CampaignContext(customer_id, profile, moment, rules, rules.campaigns, outputs), change)
    if daily is not None:
        daily.count_evaluation(profile, moment, before, change)
    profile.due = next_due(profile, rules)


def apply_campaigns(
    customer_id: str, profile: Profile, moment: int, rules: Ruleset, outdated: frozenset[str], outputs: list[Output]
) -> bool:
    """End the customer's runs of campaigns that a new file changes or drops; return whether the profile changed."""
    if rules.campaigns is None:
        return False
    context = CampaignContext(customer_id, profile, moment, rules, rules.campaigns, outputs)
    ended = supersede_outdated(context, outdated)
    due = next_due(profile, rules, moment)  # the new file may have other triggers; none fires for a past moment
    if not ended and due == profile.due:
        return False
    profile.due = due
    return True


def _end_silence(engagement: Engagement, event: CustomerEvent, rule: EventRule[Any]) -> Silence | None:
    """End the customer's silence if the event does so; return the silence that ended."""
    silence = engagement.silence
    if silence is None or rule.ends_silence is None or not rule.ends_silence(event):
        return None
    if event.horizon is not None and silence.began_at > event.occurred_at:
        return None
    engagement.silence = None
    return silence


def evaluate(
    customer_id: str,
    profile: Profile,
    moment: int,
    rules: Ruleset,
    cause: str,
    event: CustomerEvent | None,
    outputs: list[Output],
) -> SegmentChanged | None:
    """Set the customer's cell and segment as of `moment`; append and return the change of segment, if there is one.

    Args:
        customer_id: the customer.
        profile: changed in place.
        moment: becomes the last evaluation.
        rules: the active policy.
        cause: the kind of the cause: that of the event, `time` or `policy`.
        event: the event that is the cause, if one is; its `backfill` is that of the change. A change by time is
            backfill if it is effective before the customer's horizon, one by a policy never.
        outputs: what the change is appended to.
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
    segment_before = profile.segment
    if segment == segment_before:
        profile.cell = cell
        return None
    if cause == POLICY_CAUSE:
        move = rules.move_by_policy(segment_before, segment, profile.cell, cell)
    else:
        move = rules.move(segment_before, segment, profile.cell, cell)
    profile.cell = cell
    profile.segment = segment
    profile.seq = seq = profile.seq + 1
    profile.since = moment
    if event is None:
        event_id, backfill = None, cause == TIME_CAUSE and moment < profile.horizon
    else:
        event_id, backfill = event.event_id, event.backfill
    change = SegmentChanged(
        customer_id, seq, move, moment, cause, event_id, backfill, profile.frequency, profile.monetary, last
    )
    outputs.append(change)
    return change


def next_due(profile: Profile, rules: Ruleset, now: int | None = None) -> int:
    """Return the next moment at which time alone may change something for the customer; `NEVER` if there is none.

    Triggers fire only after `now`, by default the last evaluation, and not before the customer's horizon.
    """
    due = next_expiry(profile, rules.window_ms)
    last = profile.last_order_at
    if last is not None:
        due = min(due, rules.next_recency_drop(last, profile.evaluated_at))
    if rules.campaigns is not None:
        for run in profile.runs:
            due = min(due, next_moment(run))
        if rules.has_triggers:
            after = profile.evaluated_at if now is None else now
            due = min(due, next_trigger(profile, max(after, profile.horizon - 1), rules))
    return min(NEVER, due)
