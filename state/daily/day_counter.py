"""Count what the fold does into the daily totals of a partition.

Events are counted on a local day: sales and refunds on the day of their own `occurred_at`; changes, messages and new
customers on the day at which they take effect. The state of the customer base (customers, their orders and net revenue
in the window, reachable customers) is stored as the difference that each day makes, by the time of the evaluation.
Summed up to a day, the differences give the base at the end of that day, independent of where ticks are.

Each day records how far it counts (`DayTotals.counted_to`). A record that is folded again after a crash adds nothing to
a day that already contains it. So totals are exact if days are written before anything that keeps a record from being
folded again.
"""

from typing import Final

from state.config.policy import Policy
from state.customer.orders import order_times_between
from state.customer.profile import Profile
from state.daily.day_store import DayStore
from state.daily.day_totals import (
    FIRST_GROSS,
    FIRST_ORDERS,
    MOVED,
    NET_AFTER,
    NET_BEFORE,
    NONE,
    ORDERS_AFTER,
    ORDERS_BEFORE,
    REPEAT_GROSS,
    REPEAT_ORDERS,
    UNKNOWN,
    new_day,
)
from state.daily.day_totals_schema import FoldPosition
from state.daily.native_day_totals import DayTotals
from state.records.events import AnonymousSale, CustomerEvent, CustomerSignedUp, OrderPlaced
from state.records.outputs import SENT, TIME_CAUSE, MessageSent, MessageSuppressed, Output, SegmentChanged
from state.units.local_days import LocalDays
from state.units.timestamps import NEVER

MAX_SOURCES: Final = 100
"""Sources of signups that are told apart in a day of a partition; what comes beyond them counts as `OTHER_SOURCE`."""
MAX_SOURCE_LENGTH: Final = 64
OTHER_SOURCE: Final = "other"
BEFORE_DAYS: Final = -(1 << 31)
_EVERYBODY: Final = NEVER
PURCHASE: Final = "purchase"
RECENCY: Final = "recency_days"


EvaluatedState = tuple[str, int, int, int]
"""How a customer stood: segment (empty for nobody known), orders and net in the window, and `reach_of`."""


class DayCounter:
    """Counts into the days of one partition.

    The day of a moment is mostly that of the one before, so two are at hand: that of the last sale, and another one for
    what time brings. While records are folded that some days have already, none is.
    """

    __slots__ = (
        "_at",
        "_begins",
        "_dawn",
        "_day",
        "_ends",
        "_local",
        "_nobodys",
        "_other_begins",
        "_other_day",
        "_other_ends",
        "_ranks",
        "days",
        "is_refolding",
    )

    def __init__(self, days: DayStore) -> None:
        """Takes the days as they are kept; those of UTC until a policy says otherwise."""
        self.days = days
        self.is_refolding = False
        self._at: FoldPosition = (0, _EVERYBODY, "")
        self._nobodys = new_day()
        self._day = self._other_day = self._nobodys
        self._begins = self._ends = self._other_begins = self._other_ends = self._dawn = 0
        self._local = LocalDays("UTC")
        self._ranks: dict[str, int] = {}

    def set_policy(self, policy: Policy) -> None:
        """Takes the policy that is in force: its time zone, and which segment is better than which."""
        if policy.timezone != self._local.name:
            self._local = LocalDays(policy.timezone)
        self._ranks = {name: rank for rank, name in enumerate(policy.segment_names)}
        self._let_go()

    def start(self) -> None:
        """Begins with the days as they were recovered."""
        self.is_refolding = self.days.counted_to[0] > 0
        self._let_go()

    def set_position(self, offset: int, due: int = _EVERYBODY, customer_id: str = "") -> None:
        """Says which record is folded now, and of one that touches many customers which of them.

        It need be said only while `is_refolding`.
        """
        if offset > self.days.counted_to[0]:
            self.is_refolding = False
        self._at = (offset, due, customer_id)

    def flush(self, counted: FoldPosition) -> list[tuple[bytes, bytes | None]]:
        """What the table is to be told, before anything else: all that was folded, which is so far."""
        self._let_go()
        return self.days.flush(counted)

    def day_of(self, moment: int) -> int:
        """The local day of a moment; long ago for one that is before all time."""
        return self._local.bounds_and_day(moment)[2] if moment >= 0 else BEFORE_DAYS

    # What happens.

    def count_new_customer(self, event: CustomerEvent, moment: int) -> None:
        """Somebody of whom nothing was known becomes known at `moment`, by this event."""
        day = self._day_of(moment)
        if isinstance(event, OrderPlaced):
            day.known_by_order += 1
        elif isinstance(event, CustomerSignedUp):
            source = event.source or NONE
            if source not in day.signups and (len(day.signups) >= MAX_SOURCES or len(source) > MAX_SOURCE_LENGTH):
                source = OTHER_SOURCE
            day.signups[source] = day.signups.get(source, 0) + 1
        else:
            day.known_by_other += 1

    def count_order(self, profile: Profile, event: OrderPlaced, as_of: int, window_ms: int) -> None:
        """A purchase that is no duplicate, just before the profile takes it."""
        at = event.occurred_at
        day = self._day if self._begins <= at < self._ends else self._turn_to(at)
        row = day.purchases.get(profile.segment)
        if row is None:
            row = day.purchases[profile.segment] = [0, 0, 0, 0]
        last = profile.last_order_at
        if last is None and not profile.gross:  # an order that came to nothing and went back leaves no trace
            row[FIRST_ORDERS] += 1
            row[FIRST_GROSS] += event.base
        else:
            row[REPEAT_ORDERS] += 1
            row[REPEAT_GROSS] += event.base
        if event.discount:
            day.discounts += event.discount
        if (profile.refunds is None and (last is None or last < self._dawn)) or not self._bought_on_day_of(
            at, profile, as_of, window_ms
        ):
            day.buyers += 1

    def count_refund(self, occurred_at: int, amount: int) -> None:
        """A refund takes effect; one that is excess as a whole has none."""
        if not amount:
            return
        day = self._day_of(occurred_at)
        day.refund_count += 1
        day.refunds += amount

    def count_anonymous_sale(self, sale: AnonymousSale) -> None:
        """An anonymous sale, or its refund; a refund whose sum in the base currency nobody can tell is only counted."""
        if not sale.event_id:  # the note of a replay that all up to an offset is here: nothing was sold
            return
        day = self._day_of(sale.occurred_at)
        if sale.sale == "purchase":
            day.anonymous_orders += 1
            day.anonymous_gross += sale.base or 0
            day.anonymous_discounts += sale.discount
        else:
            day.anonymous_refund_count += 1
            day.anonymous_refunds += sale.base or 0

    def count_messages(self, out: list[Output], since: int) -> None:
        """What was sent or kept back, among the outputs from the one numbered `since` on."""
        for output in out[since:]:
            if isinstance(output, SegmentChanged):
                continue
            if isinstance(output, MessageSent):
                campaign, outcome, at = output.value.campaign, SENT, output.at
            elif isinstance(output, MessageSuppressed):
                campaign, outcome, at = output.value.campaign, output.value.reason, output.at
            else:
                continue
            day = self._day_of(at)
            pair = (campaign, outcome)
            day.messages[pair] = day.messages.get(pair, 0) + 1

    def count_evaluation(
        self, profile: Profile, moment: int, was: EvaluatedState, change: SegmentChanged | None
    ) -> None:
        """A customer was judged at `moment`, who stood so just before; the change of segment, if there is one."""
        segment, orders, net, reach = was
        orders_after, net_after = profile.frequency, profile.monetary
        reached = 0 if profile.contact_profile is None and profile.engagement is None else reach_of(profile)
        if change is None:
            if orders_after == orders and net_after == net and reached == reach:
                return
            pair = (segment, segment)
        else:
            pair = (segment, profile.segment)
        day = self._day if self._begins <= moment < self._ends else self._day_of(moment)
        day.base_changed = True
        row = day.moves.get(pair)
        if row is None:
            row = day.moves[pair] = [0, 0, 0, 0, 0]
        if change is None:
            row[ORDERS_AFTER] += orders_after - orders
            row[NET_AFTER] += net_after - net
        else:
            row[MOVED] += 1
            row[ORDERS_BEFORE] += orders
            row[NET_BEFORE] += net
            row[ORDERS_AFTER] += orders_after
            row[NET_AFTER] += net_after
            if change.kind == TIME_CAUSE:
                if self._ranks.get(pair[1], -1) > self._ranks.get(segment, -1):
                    day.lapses += 1
            elif change.kind == PURCHASE:
                why = change.move.why
                if why and why[0].measure == RECENCY and why[0].is_ > why[0].was:
                    day.returns += 1
        if reached != reach:
            _reach(day, reach, -1)
            _reach(day, reached, 1)

    def count_erasure(self, profile: Profile, moment: int) -> None:
        """A known customer is erased."""
        day = self._day_of(moment)
        day.base_changed = True
        row = day.moves.setdefault((profile.segment, UNKNOWN), [0, 0, 0, 0, 0])
        row[MOVED] += 1
        row[ORDERS_BEFORE] += profile.frequency
        row[NET_BEFORE] += profile.monetary
        _reach(day, reach_of(profile), -1)

    # Which day.

    def _bought_on_day_of(self, at: int, profile: Profile, as_of: int, window_ms: int) -> bool:
        """Whether the customer has an order of that day that is remembered."""
        number = self._local.bounds_and_day(at)[2]
        begins, ends = self._local.bounds(number)
        others = order_times_between(profile, begins, ends, as_of, window_ms)
        return any(self._local.bounds_and_day(other)[2] == number for other in others)

    def _day_of(self, moment: int) -> DayTotals:
        """The day to count into."""
        if self._begins <= moment < self._ends:
            return self._day
        if self._other_begins <= moment < self._other_ends:
            return self._other_day
        begins, ends, number = self._local.bounds_and_day(moment)
        day = self._open(number)
        if not self.is_refolding:
            self._other_begins, self._other_ends, self._other_day = begins, ends, day
        return day

    def _turn_to(self, moment: int) -> DayTotals:
        """The day to count a sale into; the next one is most likely on the same day."""
        begins, ends, number = self._local.bounds_and_day(moment)
        day = self._open(number)
        self._dawn = self._local.bounds(number)[0]
        if not self.is_refolding:
            self._begins, self._ends, self._day = begins, ends, day
        return day

    def _open(self, number: int) -> DayTotals:
        """A day that is going to change; if it has already what is folded, one that nobody will see."""
        day = self.days.get(number)
        if self.is_refolding and self._at <= day.counted_to:
            return self._nobodys
        self.days.changed_days.add(number)
        return day

    def _let_go(self) -> None:
        self._begins = self._ends = self._other_begins = self._other_ends = 0
        self._day = self._other_day = self._nobodys = new_day()


def evaluated_state(profile: Profile) -> EvaluatedState:
    """How the customer stands before something changes that."""
    reach = 0 if profile.contact_profile is None and profile.engagement is None else reach_of(profile)
    return profile.segment, profile.frequency, profile.monetary, reach


def reach_of(profile: Profile) -> int:
    """1 for a customer who can be reached (some channel is granted), 2 for a silenced one, 0 for anyone else."""
    engagement = profile.engagement
    if engagement is not None and engagement.silence is not None:
        return 2
    person = profile.contact_profile
    if person is not None:
        for consent in person.consents.values():
            if consent.granted:
                return 1
    return 0


def _reach(day: DayTotals, reach: int, more: int) -> None:
    if reach == 1:
        day.reachable += more
    elif reach:
        day.silenced += more
