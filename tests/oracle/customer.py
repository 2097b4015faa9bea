"""One customer through time: what falls due, what one moment emits, and where they end up."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.oracle import campaigns as campaigning
from tests.oracle import moments, money
from tests.oracle.campaigns import Campaigns, Run
from tests.oracle.consents import CHANNELS, SIGNUP_FIELDS
from tests.oracle.history import History
from tests.oracle.outputs import (
    CHANGES,
    SUPPRESSIONS,
    JsonObject,
    Output,
    change_headers,
    message_headers,
    suppression_headers,
)
from tests.oracle.policy import Policy, Scores, cell
from tests.oracle.result import Facts, Result


@dataclass(frozen=True)
class Desk:
    """What is in force at a moment, and where outputs and counts go."""

    policy: Policy
    campaigns: Campaigns | None
    result: Result

    def publish_change(self, change: JsonObject) -> None:
        """Put a change on ``segment-changes``."""
        headers = change_headers(change, self.result.prefix)
        self.result.outputs.append(Output(CHANGES, change["customer_id"], change, headers))

    def publish_message(self, topic: str, message: JsonObject) -> None:
        """Put a message on its campaign's topic."""
        headers = message_headers(message, topic, self.result.prefix)
        self.result.outputs.append(Output(topic, message["customer_id"], message, headers))

    def publish_suppression(self, suppression: JsonObject) -> None:
        """Put a suppression on ``suppressions``."""
        headers = suppression_headers(suppression, self.result.prefix)
        self.result.outputs.append(Output(SUPPRESSIONS, suppression["customer_id"], suppression, headers))


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
    standing: Standing | None = None
    """The place at the last judgement; None before the first."""
    runs: list[Run] = field(default_factory=list)
    """Campaigns begun and not done, in the order in which they began."""

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

    def advance(self, until: int, desk: Desk) -> None:
        """Emit whatever falls due at or before ``until``, each at its exact moment."""
        while (due := min((at for at in self.due_moments(desk.policy) if at <= until), default=None)) is not None:
            self.judge(due, {"kind": "time"}, desk)

    def due_moments(self, policy: Policy) -> Iterator[int]:
        """Every moment after the last judgement at which time alone may change something."""
        return (at for at in self._turning_points(policy) if at > self.judged_at)

    def _turning_points(self, policy: Policy) -> Iterator[int]:
        history = self.history
        yield from (order.occurred_at + history.window_ms for order in history.standing_orders())
        yield from (refund.occurred_at + history.window_ms for refund in history.loose)
        yield from (history.gives_up_at(refund) for refund in history.waiting)
        yield from (run.due_at for run in self.runs)
        last_order_at = history.last_order_at()
        if last_order_at is not None:
            yield from (last_order_at + edge for edge in policy.recency_edges_ms)

    # One moment.

    def judge(self, at: int, cause: JsonObject, desk: Desk, *, backfill: bool = False) -> None:
        """Judge the customer at one moment, for one cause, and emit in the contract's order.

        The segment change; superseded; campaigns begin; attempts, by the order in which their campaigns began.
        """
        self._give_up_refunds(at, desk)
        before, after = self.standing, self.standing_at(at, desk.policy)
        self.judged_at, self.standing = at, after
        change = None
        if before is None or before.segment != after.segment:
            self.seq, self.since = self.seq + 1, at
            change = self._change(before, after, cause, desk.policy, backfill=backfill)
            desk.publish_change(change)
        if desk.campaigns is not None:
            self._supersede(at, desk, desk.campaigns, purchased=cause["kind"] == "purchase")
            if change is not None:
                self._begin(change, desk, desk.campaigns)
            self._attempt(at, desk, desk.campaigns)

    def _give_up_refunds(self, at: int, desk: Desk) -> None:
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

    # Campaigns at one moment.

    def _supersede(self, at: int, desk: Desk, file: Campaigns, *, purchased: bool) -> None:
        """End the runs whose segment the customer has left, and reactivations as soon as they bought anything."""
        for run in list(self.runs):
            left = self.standing is None or self.standing.segment not in run.campaign.begins_to
            if left or (purchased and run.campaign.topic == "reactivations"):
                self._end_superseded(run, at, desk, file)

    def keep_to_file(self, at: int, desk: Desk) -> None:
        """End the runs of campaigns that the file now in force changes or drops."""
        if desk.campaigns is None:
            return
        for run in list(self.runs):
            if not desk.campaigns.keeps(run.campaign):
                self._end_superseded(run, at, desk, desk.campaigns)

    def _end_superseded(self, run: Run, at: int, desk: Desk, file: Campaigns) -> None:
        self.runs.remove(run)
        desk.publish_suppression(campaigning.suppression(file, run, run.attempt, "superseded", at))

    def _begin(self, change: JsonObject, desk: Desk, file: Campaigns) -> None:
        """Begin the campaigns that fit, in the file's order, each unless kept back as a whole."""
        for campaign in file.campaigns:
            if not campaign.fits(change):
                continue
            run = campaigning.run_of(campaign, change)
            reason = campaigning.whole_reason(file, run)
            if reason is None:
                self.runs.append(run)
            else:
                desk.publish_suppression(campaigning.suppression(file, run, None, reason, self.judged_at))

    def _attempt(self, at: int, desk: Desk, file: Campaigns) -> None:
        """Make the attempts that are due, in the order in which their campaigns began."""
        for run in [run for run in self.runs if run.due_at <= at]:
            self.runs.remove(run)  # later attempts are not computed yet
            reason = campaigning.attempt_reason(run, self.history.person)
            if reason is None:
                desk.publish_message(run.campaign.topic, campaigning.message(file, run, self.history))
            else:
                desk.publish_suppression(campaigning.suppression(file, run, run.attempt, reason, run.due_at))

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
            as_of=self.judged_at,
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
