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

from collections import Counter

from state.changes import Output, SegmentChanged
from state.decide import decide, end_runs
from state.events import ConsentChanged, CustomerEvent, CustomerSignedUp, MessageContacted, OrderPlaced, OrderRefunded
from state.orders import expire, next_leave, place_order, remembers_order, remembers_refund, take_refund
from state.person import change_consent, count_contact, remembers_event, sign_up
from state.policy import POTENTIAL, POTENTIAL_CELL
from state.profile import NEVER, Profile
from state.rules import Rules

TIME = "time"
BY_POLICY = "policy"


class Tally:
    """What was counted while folding; the caller adds it to the metrics and starts a new one."""

    __slots__ = ("dropped", "duplicates", "fenced")

    def __init__(self) -> None:
        """Nothing counted yet."""
        self.duplicates: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.fenced: Counter[str] = Counter()


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
    change = judge(customer_id, profile, moment, rules, event.kind, event, out)
    if change is not None or profile.runs:
        decide(customer_id, profile, change, moment, rules, out, purchased=purchased)
    profile.due = next_due(profile, rules)


def lapse(customer_id: str, profile: Profile, until: int, rules: Rules, out: list[Output], tally: Tally) -> None:
    """Tells whatever falls due at or before `until`, in the order of the due moments."""
    while profile.due <= until:
        moment = profile.due
        expire(profile, moment, rules.window_ms, tally.dropped)
        change = judge(customer_id, profile, moment, rules, TIME, None, out)
        if change is not None or profile.runs:
            decide(customer_id, profile, change, moment, rules, out)
        profile.due = next_due(profile, rules)


def apply_policy(customer_id: str, profile: Profile, moment: int, rules: Rules, out: list[Output]) -> None:
    """Judges the customer by a policy that has just come into force."""
    change = judge(customer_id, profile, moment, rules, BY_POLICY, None, out)
    if change is not None or profile.runs:
        decide(customer_id, profile, change, moment, rules, out)
    profile.due = next_due(profile, rules)


def apply_campaigns(profile: Profile, moment: int, rules: Rules, outdated: frozenset[str], out: list[Output]) -> bool:
    """Ends the runs of campaigns that a new file changes or drops; whether there were any."""
    if rules.campaigns is None or not end_runs(profile, outdated, moment, rules.campaigns, out):
        return False
    profile.due = next_due(profile, rules)
    return True


def judge(
    customer_id: str,
    profile: Profile,
    moment: int,
    rules: Rules,
    kind: str,
    event: CustomerEvent | None,
    out: list[Output],
) -> SegmentChanged | None:
    """Gives the customer the cell and the segment of this moment; tells the change, if there is one.

    `kind` is that of the cause, `event` the one that is the cause.
    """
    profile.judged = moment
    profile.policy = rules.ref
    last = profile.last_order_at
    if last is None:
        cell, segment = POTENTIAL_CELL, POTENTIAL
    else:
        cell, segment = rules.judge(moment - last, profile.frequency, profile.monetary, profile.lifetime_orders)
    was_segment = profile.segment
    if segment == was_segment:
        profile.cell = cell
        return None
    if kind is BY_POLICY:
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


def next_due(profile: Profile, rules: Rules) -> int:
    """The next moment at which time alone may change something for the customer; `NEVER` if none will."""
    due = next_leave(profile, rules.window_ms)
    last = profile.last_order_at
    if last is not None:
        edge = rules.next_edge(last, profile.judged)
        due = min(due, edge)
    for run in profile.runs:
        due = min(due, run.due)
    return min(NEVER, due)
