"""A history under construction: what it has so far, and what may be added next.

Moments are not spread evenly: nearly every one is at, just before or just after a moment at which something is due
because of an earlier event.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from hypothesis import strategies as st

from tests.oracle import moments, money
from tests.oracle.journal import Partition
from tests.property.histories.draws import between, one_in, pick
from tests.property.histories.policy_strategies import CURRENCIES, RATES, Rulebook

Step: TypeAlias = dict[str, Any]
"""An event with its source's own fields and its `type`; or a tick, a policy or campaigns."""

LAST_MS: Final = moments.parse("2199-12-31T23:59:59.999Z")

_STARTS: Final = (
    "2020-01-01T00:00:00Z",
    "2020-01-31T23:59:59.999Z",
    "2020-03-29T00:30:00Z",  # the night in which clocks in Europe go forward
    "2020-10-25T00:15:00Z",  # the repeated hour of the night in which they go back
    "2020-06-01T12:00:00Z",
    "2020-11-30T23:00:00Z",
    "2020-12-30T12:00:00Z",
    "1970-01-01T00:00:00Z",
    "2199-12-01T00:00:00Z",
)
_NEXT_MOMENTS: Final = 5
"""How many of the next due moments may be chosen."""
_EAST_MS: Final = 3 * 3_600_000


@dataclass
class HistoryBuilder:
    """A history under construction.

    Attributes:
        in_order: each event is at or after the one before.
        unique_ids: an id never stands for two different things.
        latest: the last moment that may be used.
        moments_used: the moments of the events and ticks, in the order of the steps.
        policy: the index of the active policy.
        campaigns: the index of the active campaigns file.
        partition: the oracle's partition after the first `applied_steps` steps.
        messages_seen: how many messages it had sent at the last call of `has_new_messages`.
    """

    draw: st.DrawFn
    rulebook: Rulebook
    in_order: bool = False
    unique_ids: bool = False
    start: int = 0
    latest: int = LAST_MS
    steps: list[Step] = field(default_factory=list)
    events: list[Step] = field(default_factory=list)
    moments_used: list[int] = field(default_factory=list)
    policy: int = 0
    campaigns: int = 0
    partition: Partition = field(default_factory=lambda: Partition("builder"))
    applied_steps: int = 0
    messages_seen: int = 0

    def __post_init__(self) -> None:
        """Choose the start, and activate a policy and perhaps a campaigns file."""
        self.start = moments.parse(pick(self.draw, _STARTS))
        self.activate_policy(0)
        if self.rulebook.campaigns:
            self.activate_campaigns(-1)

    def activate_policy(self, index: int) -> None:
        """Activate a policy."""
        self.policy = index
        self.steps.append({"type": "policy", "text": self.rulebook.policies[index]})

    def activate_campaigns(self, after: int) -> None:
        """Activate the campaigns file `after` positions behind the next one; -1 activates the same file again."""
        texts = self.rulebook.campaigns
        self.campaigns = (self.campaigns + 1 + after) % len(texts)
        step: Step = {"type": "campaigns", "text": texts[self.campaigns]}
        if one_in(self.draw, 4):
            at = max(self.moments_used, default=self.start) + pick(self.draw, (0, 1, *self.rulebook.spans_ms))
            step["begins_at"] = moments.text(min(at, LAST_MS))
        self.steps.append(step)

    def add(self, event: Step) -> None:
        """Add an event."""
        self.events.append(event)
        self.steps.append(event)

    def partition_now(self) -> Partition:
        """Return the oracle's partition after all steps: what was sent, and what is due when."""
        for step in self.steps[self.applied_steps :]:
            self.partition.apply(step)
        self.applied_steps = len(self.steps)
        return self.partition

    def messages(self) -> dict[str, list[str]]:
        """Return the ids of the messages sent to each known customer, oldest first."""
        sent = {each: known.history.campaigns.sent for each, known in self.partition_now().customers.items()}
        return {each: [message.message_id for message in messages] for each, messages in sent.items() if messages}

    def endable(self) -> Iterator[tuple[str, str, int]]:
        """Yield what may end for a customer: whose, the kind of event that ends it, and when it began."""
        for customer_id, known in self.partition_now().customers.items():
            campaigns = known.history.campaigns
            for run in campaigns.runs:
                if run.campaign.topic == "reactivations" and run.open_steps() and not run.superseded:
                    yield customer_id, "purchase", run.cause.at
            silence_at = None if campaigns.silenced_by is None else campaigns.silenced_by.silence_at()
            if silence_at is not None:
                yield customer_id, "purchase", silence_at
            for bounce in campaigns.bounces:
                if not bounce.revived and bounce.at is not None:
                    yield customer_id, "consent", bounce.at

    def has_new_messages(self) -> bool:
        """Return whether a message was sent since the last call."""
        customers = self.partition_now().customers.values()
        before, self.messages_seen = self.messages_seen, sum(len(known.history.campaigns.sent) for known in customers)
        return self.messages_seen > before

    def earlier_events(self, event: Step, kind: str) -> list[Step]:
        """Return the earlier events of this kind of the same customer."""
        return [each for each in self.events if each["type"] == kind and each["customer_id"] == event["customer_id"]]

    def moment(self, repeats: Step | None = None) -> int:
        """Return a moment near one at which an earlier event, mostly a recent one, makes something due.

        For a repeated event it is, half of the time, near the moment at which the event is forgotten.
        """
        draw = self.draw
        anchors = [self.start, *self.moments_used[:1], *self.moments_used[-4:]]
        anchor, span = anchors[-1 - between(draw, 0, len(anchors) - 1)], pick(draw, self.rulebook.spans_ms)
        if repeats is not None and one_in(draw, 2):
            anchor, span = moments.parse(repeats["occurred_at"]), 2 * self.rulebook.window_ms
        elif not self.in_order and one_in(draw, 4):
            span = -span
        return self._use_moment(anchor + span)

    def due_moment(self) -> int:
        """Return a moment near one of the next due moments of any customer; without one, as `moment`."""
        due = self.partition_now().due_moments()[:_NEXT_MOMENTS]
        return self._use_moment(pick(self.draw, due)) if due else self.moment()

    def moment_after(self, customer_id: str, gap_ms: int) -> int:
        """Return the moment `gap_ms` after a customer's time; of an unknown customer, after the latest moment used."""
        so_far, last = self.partition_now(), max(self.moments_used, default=self.start)
        if not self.in_order and customer_id in so_far.customers:
            last = max(so_far.watermark, so_far.customers[customer_id].evaluated_at)
        self.moments_used.append(min(last + gap_ms, self.latest))
        return self.moments_used[-1]

    def _use_moment(self, near: int) -> int:
        """Return a moment at, just before or just after another, and record it as used."""
        at = near + pick(self.draw, (0, 0, 0, -1, 1))
        earliest = (
            max(self.moments_used) if self.in_order and self.moments_used else self.start if self.unique_ids else 0
        )
        at = max(earliest, min(at, self.latest))
        self.moments_used.append(at)
        return at

    def moment_text(self, at: int) -> str:
        """Return a moment as a publisher may write it: in UTC, with microseconds, or with another offset."""
        variant = pick(self.draw, ("utc", "utc", "micro", "east"))
        if variant == "micro":
            return moments.text(at).replace("Z", "999Z")
        if variant == "east" and at + _EAST_MS <= LAST_MS:
            return moments.text(at + _EAST_MS).replace("Z", "+03:00")
        return moments.text(at)

    def amount_json(self, minor: int, currency: str) -> str | int | float:
        """Return an amount as JSON may have it."""
        text = money.major_text(minor, currency)
        variant = pick(self.draw, ("text", "text", "number", "zeros"))
        if variant == "number":
            return float(text) if "." in text else int(text)
        if variant == "zeros":
            return f"{text}00" if "." in text else f"{text}.0"
        return text

    def currency(self) -> str:
        """Return mostly the base currency."""
        return pick(self.draw, (self.rulebook.currency, self.rulebook.currency, *CURRENCIES))

    def with_rate(self, event: Step) -> Step:
        """Return the event with a rate if it would be rejected without one."""
        known = {self.rulebook.currency} | self.rulebook.rates[self.policy]
        names_order = event["type"] == "refund" and "order_id" in event
        if names_order or event.get("currency", self.rulebook.currency) in known or "rate" in event:
            return event
        return event | {"rate": pick(self.draw, RATES)}

    def add_rate(self, event: Step) -> None:
        """Add a rate where one is needed, and sometimes where it is not."""
        if one_in(self.draw, 3):
            event["rate"] = pick(self.draw, (*RATES, 2))
        event |= self.with_rate(event)
