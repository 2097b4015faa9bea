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

`as_of` is the greatest of the event's moment, the partition's time and the customer's last judgement. `lapse` tells
whatever fell due at or before it, each at its own moment. A duplicate does nothing at all.
"""

from bisect import bisect_right
from collections import Counter

import msgspec

from state.changes import Cause, Changed, Facts, Output, SegmentChange
from state.decide import decide, end_runs
from state.events import ConsentChanged, CustomerEvent, CustomerSignedUp, MessageContacted, OrderPlaced, OrderRefunded
from state.moments import DAY_MS, format_ms
from state.money import format_minor
from state.orders import expire, next_leave, place_order, remembers_order, remembers_refund, take_refund
from state.person import change_consent, count_contact, remembers_event, sign_up
from state.policy import POTENTIAL, POTENTIAL_CELL, Policy
from state.profile import NEVER, Profile
from state.rules import Rules

TIME = Cause("time")
BY_POLICY = Cause("policy")


class Tally(msgspec.Struct):
    """What was counted while folding; the caller adds it to the metrics and starts a new one."""

    duplicates: Counter[str]
    dropped: Counter[str]
    fenced: Counter[str]

    @classmethod
    def empty(cls) -> "Tally":
        """Nothing counted yet."""
        return cls(Counter(), Counter(), Counter())


def as_of(profile: Profile | None, occurred_at: int, time: int) -> int:
    """The moment at which an event is judged."""
    moment = max(occurred_at, time)
    return moment if profile is None else max(moment, profile.judged)


def is_duplicate(profile: Profile, event: CustomerEvent, moment: int, window_ms: int) -> bool:
    """Whether the customer has this event already: orders and refunds by their own id, anything else by the event's."""
    if isinstance(event, OrderPlaced):
        return remembers_order(profile, event.order_id, moment, window_ms)
    if isinstance(event, OrderRefunded):
        return remembers_refund(profile, event.refund_id, moment)
    return remembers_event(profile, event.event_id)


def apply_event(
    customer_id: str, profile: Profile, event: CustomerEvent, moment: int, rules: Rules, out: list[Output], tally: Tally
) -> None:
    """Applies an event that is no duplicate, at `moment` (see `as_of`); what follows from it is appended to `out`."""
    policy = rules.policy
    if profile.due <= moment:
        lapse(customer_id, profile, moment, rules, out, tally)
    if profile.forget_at <= moment:
        expire(profile, moment, policy.window_ms, tally.dropped)
    purchased = False
    if isinstance(event, OrderPlaced):
        place_order(profile, event, moment, policy, tally.dropped)
        purchased = True
    elif isinstance(event, OrderRefunded):
        take_refund(profile, event, moment, policy, tally.dropped)
    elif isinstance(event, CustomerSignedUp):
        sign_up(profile, event)
    elif isinstance(event, ConsentChanged):
        change_consent(profile, event)
    elif isinstance(event, MessageContacted):
        count_contact(profile, event)
    change = judge(customer_id, profile, moment, rules, event, out)
    if change is not None or profile.runs:
        decide(customer_id, profile, change, moment, rules, out, purchased=purchased)
    profile.due = next_due(profile, policy)


def lapse(customer_id: str, profile: Profile, until: int, rules: Rules, out: list[Output], tally: Tally) -> None:
    """Tells whatever falls due at or before `until`, in the order of the due moments."""
    policy = rules.policy
    while profile.due <= until:
        moment = profile.due
        expire(profile, moment, policy.window_ms, tally.dropped)
        change = judge(customer_id, profile, moment, rules, TIME, out)
        if change is not None or profile.runs:
            decide(customer_id, profile, change, moment, rules, out)
        profile.due = next_due(profile, policy)


def apply_policy(customer_id: str, profile: Profile, moment: int, rules: Rules, out: list[Output]) -> None:
    """Judges the customer by a policy that has just come into force."""
    change = judge(customer_id, profile, moment, rules, BY_POLICY, out)
    if change is not None or profile.runs:
        decide(customer_id, profile, change, moment, rules, out)
    profile.due = next_due(profile, rules.policy)


def apply_campaigns(profile: Profile, moment: int, rules: Rules, outdated: frozenset[str], out: list[Output]) -> bool:
    """Ends the runs of campaigns that a new file changes or drops; whether there were any."""
    if rules.campaigns is None or not end_runs(profile, outdated, moment, rules.campaigns, out):
        return False
    profile.due = next_due(profile, rules.policy)
    return True


def judge(
    customer_id: str,
    profile: Profile,
    moment: int,
    rules: Rules,
    by: CustomerEvent | Cause,
    out: list[Output],
) -> SegmentChange | None:
    """Gives the customer the cell and the segment of this moment; tells the change, if there is one."""
    policy = rules.policy
    profile.judged = moment
    last = profile.last_order_at
    if last is None:
        cell, segment = POTENTIAL_CELL, POTENTIAL
    else:
        cell, segment = policy.judge(moment - last, profile.frequency, profile.monetary, profile.lifetime_orders)
    was_cell, was_segment = profile.cell, profile.segment
    profile.cell = cell
    profile.policy = policy.ref
    if segment == was_segment:
        return None
    profile.segment = segment
    profile.seq += 1
    profile.since = moment
    cause, backfill = (by, False) if isinstance(by, Cause) else (Cause(by.kind, by.event_id), by.backfill)
    change = SegmentChange(
        customer_id=customer_id,
        seq=profile.seq,
        from_segment=was_segment or None,
        to_segment=segment,
        from_cell=was_cell or None,
        to_cell=cell,
        effective_at=format_ms(moment),
        cause=cause,
        facts=Facts(
            recency_days=None if last is None else (moment - last) // DAY_MS,
            frequency=profile.frequency,
            monetary=format_minor(profile.monetary, policy.digits),
            currency=policy.currency,
            last_order_at=None if last is None else format_ms(last),
        ),
        why=[] if cause is BY_POLICY else rules.reasons(was_cell, cell),
        policy=policy.ref,
        backfill=backfill,
    )
    out.append(Changed(change))
    return change


def next_due(profile: Profile, policy: Policy) -> int:
    """The next moment at which time alone may change something for the customer; `NEVER` if none will."""
    due = next_leave(profile, policy.window_ms)
    last = profile.last_order_at
    if last is not None:
        edges = policy.recency_edges_ms
        passed = bisect_right(edges, profile.judged - last)
        if passed < len(edges):
            due = min(due, last + edges[passed])
    for run in profile.runs:
        due = min(due, run.due)
    return min(NEVER, due)
