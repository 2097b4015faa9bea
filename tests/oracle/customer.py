"""One customer through time: what falls due, what one moment emits, and where they end up."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.oracle import campaign_moment, moments, money
from tests.oracle.active_rules import ActiveRules
from tests.oracle.consents import CHANNELS, SIGNUP_FIELDS
from tests.oracle.daily import CustomerState
from tests.oracle.entry_causes import EntryCause
from tests.oracle.history import History
from tests.oracle.outputs import JsonObject
from tests.oracle.policy import Policy, Scores, cell
from tests.oracle.result import Facts
from tests.oracle.triggers import occasions_after


@dataclass(frozen=True)
class Standing:
    """A customer's place at a moment; ``scores`` is None in ``potential``."""

    segment: str
    scores: Scores | None


@dataclass(eq=False)
class Customer:
    """A customer's history and the few things that only the order of events can tell."""

    customer_id: str
    history: History
    seq: int
    judged_at: int = moments.BEFORE_ALL_MS
    since: int = moments.BEFORE_ALL_MS
    file_since: int = moments.BEFORE_ALL_MS
    """The moment at which the campaigns file in force came: no trigger goes off for what was before."""
    standing: Standing | None = None
    """The place at the last judgement; None before the first."""
    changed_at: int = moments.BEFORE_ALL_MS
    """The last judgement that was for an event or a policy, published something, or at which an order or refund aged.
    Others are looks at the clock: an attempt that falls into quiet hours, a silence that does not begin."""

    @classmethod
    def unknown(cls, customer_id: str, policy: Policy, last_seq: int) -> "Customer":
        """A customer of whom nothing is known but the last ``seq`` before an erasure, or 0."""
        return cls(customer_id, History(policy.window_ms, policy.currency), last_seq)

    def standing_at(self, at: int, policy: Policy) -> Standing:
        """The place at a moment, counted from the whole history."""
        last_order_at = self.history.last_order_at()
        scores = None
        if last_order_at is not None:
            scores = policy.scores(at - last_order_at, self.history.frequency(at), self.history.monetary(at))
        return Standing(policy.segment(scores, self.history.lifetime_orders()), scores)

    # Time.

    def advance(self, until: int, desk: ActiveRules) -> None:
        """Emit whatever falls due at or before ``until``, each at its exact moment."""
        while (due := min((at for at in self.due_moments(desk) if at <= until), default=None)) is not None:
            self.evaluate(due, {"kind": "time"}, desk)

    def due_moments(self, desk: ActiveRules) -> Iterator[int]:
        """Every moment after the last judgement at which time alone may change something."""
        triggers = (occasion.at for occasion in self._triggers(desk))
        moments_of_all = (*self._turning_points(desk.policy), *self.history.correspondence.due_moments(), *triggers)
        return (at for at in moments_of_all if at > self.judged_at)

    def _triggers(self, desk: ActiveRules) -> Iterator[EntryCause]:
        return occasions_after(self.history, self.customer_id, desk.campaigns, max(self.judged_at, self.file_since))

    def _turning_points(self, policy: Policy) -> Iterator[int]:
        history = self.history
        yield from (order.occurred_at + history.window_ms for order in history.standing_orders())
        yield from (refund.occurred_at + history.window_ms for refund in history.loose)
        yield from (history.gives_up_at(refund) for refund in history.waiting)
        last_order_at = history.last_order_at()
        if last_order_at is not None:
            yield from (last_order_at + edge for edge in policy.recency_edges_ms)

    # One moment.

    def evaluate(
        self, at: int, cause: JsonObject, desk: ActiveRules, *, backfill: bool = False, grants: bool = False
    ) -> None:
        """Judge the customer at one moment, for one cause, and emit in the order of docs/topics.md.

        Args:
            at: the moment.
            cause: as the change names it.
            desk: what is in force.
            backfill: that of the event.
            grants: whether the event grants a consent.
        """
        turns = cause["kind"] != "time" or at in self._turning_points(desk.policy)
        published = len(desk.result.outputs)
        by_time = self._triggers(desk) if cause["kind"] == "time" else ()
        occasions = [each for each in by_time if each.at == at]
        self._give_up_refunds(at, desk)
        before, after = self.standing, self.standing_at(at, desk.policy)
        self.judged_at, self.standing = at, after
        change = None
        if before is None or before.segment != after.segment:
            self.seq, self.since = self.seq + 1, at
            change = self._change(before, after, cause, desk.policy, backfill=backfill)
            desk.publish_change(change)
            occasions.append(EntryCause.of(change))
            if cause["kind"] == "time" and before is not None and desk.policy.is_worse(after.segment, before.segment):
                desk.result.diary.lapses.append(at)
        purchased = cause["kind"] == "purchase"
        campaign_moment.at_one_moment(
            self.history,
            at,
            desk,
            segment=after.segment,
            occasions=occasions,
            purchased=purchased,
            ends_silence=purchased or grants,
        )
        if turns or len(desk.result.outputs) > published:
            self.changed_at = at
        desk.result.diary.stood.append(self._stood(at, after.segment))

    def _stood(self, at: int, segment: str) -> CustomerState:
        history, silenced = self.history, self.history.correspondence.silenced_by is not None
        granted = any(history.person.consent(channel) == "granted" for channel in CHANNELS)
        return CustomerState(
            self, at, segment, history.frequency(at), history.monetary(at), granted and not silenced, silenced
        )

    def _give_up_refunds(self, at: int, desk: ActiveRules) -> None:
        """Drop the refunds whose order did not come within W."""
        for refund in list(self.history.waiting):
            if self.history.gives_up_at(refund) <= at:
                self.history.waiting.remove(refund)
                desk.result.dropped["order_never_came"] += 1

    def _change(
        self, before: Standing | None, after: Standing, cause: JsonObject, policy: Policy, *, backfill: bool
    ) -> JsonObject:
        history, at = self.history, self.judged_at
        last_order_at = history.last_order_at()
        why: list[dict[str, Any]] = []
        if before is not None and cause["kind"] != "policy":
            why = policy.why(before.scores, after.scores)
        return {
            "customer_id": self.customer_id,
            "seq": self.seq,
            "from": None if before is None else before.segment,
            "to": after.segment,
            "from_cell": None if before is None else cell(before.scores),
            "to_cell": cell(after.scores),
            "effective_at": moments.text(at),
            "cause": cause,
            "facts": {
                "recency_days": None if last_order_at is None else (at - last_order_at) // moments.DAY_MS,
                "frequency": history.frequency(at),
                "monetary": money.major_text(history.monetary(at), policy.currency),
                "currency": policy.currency,
                "last_order_at": None if last_order_at is None else moments.text(last_order_at),
            },
            "why": why,
            "policy": policy.reference,
            "backfill": backfill,
        }

    # The end.

    def facts(self, time: int, policy: Policy) -> Facts:
        """Where the customer stands; nothing may have changed between the last judgement and the partition's time."""
        history, at = self.history, max(time, self.judged_at)
        standing = self.standing_at(at, policy)
        if standing != self.standing:
            message = f"{self.customer_id!r} stands at {standing}, but was last judged to stand at {self.standing}"
            raise AssertionError(message)
        return Facts(
            customer_id=self.customer_id,
            segment=standing.segment,
            cell=cell(standing.scores),
            seq=self.seq,
            since=self.since,
            as_of=self.changed_at,
            policy=policy.reference,
            currency=policy.currency,
            frequency=history.frequency(at),
            monetary=history.monetary(at),
            first_order_at=history.first_order_at(),
            last_order_at=history.last_order_at(),
            lifetime_orders=history.lifetime_orders(),
            lifetime_value=history.lifetime_value(),
            average_check=history.average_check(),
            gross=history.gross(),
            discounts=history.discounts(),
            discounted_orders=history.discounted_orders(),
            discount_share=history.discount_share(),
            refunded=history.refunded(),
            refund_count=history.refund_count(),
            consents={channel: history.person.consent(channel) for channel in CHANNELS},
            signup={name: history.person.fact(name) for name in SIGNUP_FIELDS},
            contacts=dict(history.contacts),
        )
