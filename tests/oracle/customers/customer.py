"""One customer over time: what is due, what one moment publishes, and the final state."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.oracle import moments, money
from tests.oracle.active_rules import ActiveRules
from tests.oracle.campaigns import campaign_moment
from tests.oracle.campaigns.entry_causes import EntryCause
from tests.oracle.campaigns.triggers import causes_after
from tests.oracle.customers.consents import CHANNELS, SIGNUP_FIELDS
from tests.oracle.customers.history import History
from tests.oracle.daily import CustomerState
from tests.oracle.outputs import JsonObject
from tests.oracle.policy import Policy, Scores, cell
from tests.oracle.result import Facts


@dataclass(frozen=True)
class Evaluation:
    """A customer's segment and scores at a moment; `scores` is None in ``potential``."""

    segment: str
    scores: Scores | None


@dataclass(eq=False)
class Customer:
    """A customer's history, and what depends on the order of events."""

    customer_id: str
    history: History
    seq: int
    evaluated_at: int = moments.BEFORE_ALL_MS
    since: int = moments.BEFORE_ALL_MS
    campaigns_since: int = moments.BEFORE_ALL_MS
    """When the active campaigns file was activated: triggers before this moment are ignored."""
    horizon: int = moments.BEFORE_ALL_MS
    """Changes by time that are effective earlier are history, and no trigger fires earlier."""
    last_evaluation: Evaluation | None = None
    """None before the first evaluation."""
    changed_at: int = moments.BEFORE_ALL_MS
    """The last evaluation for an event or a policy, with an output, or at which an order or refund aged.

    Other evaluations only check the clock: a step that falls into quiet hours, a silence that does not begin."""

    @classmethod
    def unknown(cls, customer_id: str, policy: Policy, last_seq: int) -> "Customer":
        """Return a customer without history; `last_seq` is the ``seq`` before an erasure, or 0."""
        return cls(customer_id, History(policy.window_ms, policy.currency), last_seq)

    def evaluation_at(self, at: int, policy: Policy) -> Evaluation:
        """Return the segment and scores at a moment, counted from the whole history."""
        last_order_at = self.history.last_order_at()
        scores = None
        if last_order_at is not None:
            scores = policy.scores(at - last_order_at, self.history.frequency(at), self.history.monetary(at))
        return Evaluation(policy.segment(scores, self.history.lifetime_orders()), scores)

    # Due moments.

    def advance(self, until: int, rules: ActiveRules) -> None:
        """Evaluate at each due moment up to and including `until`."""
        while (due := min((at for at in self.due_moments(rules) if at <= until), default=None)) is not None:
            self.evaluate(due, {"kind": "time"}, rules)

    def due_moments(self, rules: ActiveRules) -> Iterator[int]:
        """Yield every moment after the last evaluation at which time alone may change something."""
        triggers = (entry_cause.at for entry_cause in self._trigger_causes(rules))
        all_moments = (*self._score_moments(rules.policy), *self.history.campaigns.due_moments(), *triggers)
        return (at for at in all_moments if at > self.evaluated_at)

    def _trigger_causes(self, rules: ActiveRules) -> Iterator[EntryCause]:
        return causes_after(
            self.history,
            self.customer_id,
            rules.campaigns,
            max(self.evaluated_at, self.campaigns_since, self.horizon - 1),
        )

    def _score_moments(self, policy: Policy) -> Iterator[int]:
        history = self.history
        yield from (order.occurred_at + history.window_ms for order in history.kept_orders())
        yield from (refund.occurred_at + history.window_ms for refund in history.refunds_without_order)
        yield from (history.dropped_at(refund) for refund in history.waiting_refunds)
        last_order_at = history.last_order_at()
        if last_order_at is not None:
            yield from (last_order_at + threshold for threshold in policy.recency_thresholds_ms)

    # Evaluation.

    def evaluate(self, at: int, cause: JsonObject, rules: ActiveRules, event: JsonObject | None = None) -> None:
        """Evaluate the customer at one moment, and publish in the order of docs/topics.md.

        Args:
            at: the moment.
            cause: the cause as the change quotes it.
            rules: the active rules.
            event: the event that is the cause, if one is.
        """
        scores_may_change = cause["kind"] != "time" or at in self._score_moments(rules.policy)
        published = len(rules.result.outputs)
        due_causes = self._trigger_causes(rules) if cause["kind"] == "time" else ()
        entry_causes = [each for each in due_causes if each.at == at]
        self._drop_unmatched_refunds(at, rules)
        before, after = self.last_evaluation, self.evaluation_at(at, rules.policy)
        self.evaluated_at, self.last_evaluation = at, after
        change = None
        backfill = cause["kind"] == "time" and at < self.horizon if event is None else event.get("backfill", False)
        if before is None or before.segment != after.segment:
            self.seq, self.since = self.seq + 1, at
            change = self._change(before, after, cause, rules.policy, backfill=backfill)
            rules.publish_change(change)
            if event is None and backfill:
                rules.result.rules_met.add("a change by time is history")
            entry_causes.append(EntryCause.from_change(change))
            if cause["kind"] == "time" and before is not None and rules.policy.is_worse(after.segment, before.segment):
                rules.result.daily_notes.lapses.append(at)
        campaign_moment.run_campaigns(
            self.history,
            at,
            rules,
            segment=after.segment,
            entry_causes=entry_causes,
            event=event,
        )
        if scores_may_change or len(rules.result.outputs) > published:
            self.changed_at = at
        rules.result.daily_notes.states.append(self._state(at, after.segment))

    def _state(self, at: int, segment: str) -> CustomerState:
        history, is_silenced = self.history, self.history.campaigns.silenced_by is not None
        granted = any(history.person.consent(channel) == "granted" for channel in CHANNELS)
        return CustomerState(
            self, at, segment, history.frequency(at), history.monetary(at), granted and not is_silenced, is_silenced
        )

    def _drop_unmatched_refunds(self, at: int, rules: ActiveRules) -> None:
        """Drop the refunds whose order did not arrive within the window."""
        for refund in list(self.history.waiting_refunds):
            if self.history.dropped_at(refund) <= at:
                self.history.waiting_refunds.remove(refund)
                rules.result.dropped["order_never_came"] += 1

    def _change(
        self, before: Evaluation | None, after: Evaluation, cause: JsonObject, policy: Policy, *, backfill: bool
    ) -> JsonObject:
        history, at = self.history, self.evaluated_at
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

    # Final facts.

    def facts(self, time: int, policy: Policy) -> Facts:
        """Return the final facts.

        Raises:
            AssertionError: Time changed the evaluation after the last due moment.
        """
        history, at = self.history, max(time, self.evaluated_at)
        evaluation = self.evaluation_at(at, policy)
        if evaluation != self.last_evaluation:
            message = (
                f"{self.customer_id!r} evaluates to {evaluation}, but the last evaluation was {self.last_evaluation}"
            )
            raise AssertionError(message)
        return Facts(
            customer_id=self.customer_id,
            segment=evaluation.segment,
            cell=cell(evaluation.scores),
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
