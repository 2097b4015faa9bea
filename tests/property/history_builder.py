"""A history while it is made up: what was told, and what may be told next.

Moments are not spread evenly: nearly every one lies at, just before or just after a moment at which something falls due
because of something that was told before.
"""

from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from hypothesis import strategies as st

from tests.oracle import moments, money
from tests.oracle.journal import Partition
from tests.property.draws import between, one_in, pick
from tests.property.policy_strategies import CURRENCIES, RATES, Rulebook

Step: TypeAlias = dict[str, Any]
"""An event in its source's own fields and its `type`; or a tick, a policy or campaigns."""

LAST_MS: Final = moments.parse("2199-12-31T23:59:59.999Z")

_STARTS: Final = (
    "2020-01-01T00:00:00Z",
    "2020-01-31T23:59:59.999Z",
    "2020-03-29T00:30:00Z",  # the night in which Europe puts its clocks on
    "2020-10-25T00:15:00Z",  # and the one in which it puts them back, in the doubled hour
    "2020-06-01T12:00:00Z",
    "2020-11-30T23:00:00Z",
    "2020-12-30T12:00:00Z",
    "1970-01-01T00:00:00Z",
    "2199-12-01T00:00:00Z",
)
_SOONEST: Final = 5
"""Of the moments at which something falls due, so many are near."""
_EAST_MS: Final = 3 * 3_600_000


@dataclass
class Story:
    """A history while it is made up.

    Attributes:
        in_order: each event lies at or after the one before.
        honest: an id that comes again stands for the same thing.
        latest: no moment lies after it.
        told: the moments of what was told, latest told last.
        policy: the place of the policy in force; `campaigns` that of the campaigns file.
        known: what the oracle knows of the first steps, as many as it `knows`, and how many messages it had `said`.
    """

    draw: st.DrawFn
    rulebook: Rulebook
    in_order: bool = False
    honest: bool = False
    start: int = 0
    latest: int = LAST_MS
    steps: list[Step] = field(default_factory=list)
    events: list[Step] = field(default_factory=list)
    told: list[int] = field(default_factory=list)
    policy: int = 0
    campaigns: int = 0
    known: Partition = field(default_factory=lambda: Partition("story"))
    knows: int = 0
    said: int = 0

    def __post_init__(self) -> None:
        """Begin somewhere, with a policy and perhaps with campaigns."""
        self.start = moments.parse(pick(self.draw, _STARTS))
        self.apply_policy(0)
        if self.rulebook.campaigns:
            self.apply_campaigns(-1)

    def apply_policy(self, place: int) -> None:
        """Bring a policy into force."""
        self.policy = place
        self.steps.append({"type": "policy", "text": self.rulebook.policies[place]})

    def apply_campaigns(self, after: int) -> None:
        """Bring the campaigns file into force that lies so many after the next one; the last is the same again."""
        texts = self.rulebook.campaigns
        self.campaigns = (self.campaigns + 1 + after) % len(texts)
        self.steps.append({"type": "campaigns", "text": texts[self.campaigns]})

    def add(self, event: Step) -> None:
        """Tell of an event."""
        self.events.append(event)
        self.steps.append(event)

    def so_far(self) -> Partition:
        """What has come of everything told: what was sent, and what falls due when."""
        for step in self.steps[self.knows :]:
            self.known.apply(step)
        self.knows = len(self.steps)
        return self.known

    def messages(self) -> dict[str, list[str]]:
        """The ids of what was sent to each customer who is known, oldest first."""
        sent = {each: known.history.campaigns.sent for each, known in self.so_far().customers.items()}
        return {each: [message.message_id for message in messages] for each, messages in sent.items() if messages}

    def wrote(self) -> bool:
        """Whether anything was sent since this was last asked."""
        customers = self.so_far().customers.values()
        before, self.said = self.said, sum(len(known.history.campaigns.sent) for known in customers)
        return self.said > before

    def earlier(self, event: Step, kind: str) -> list[Step]:
        """What of this kind was told of the same customer."""
        return [each for each in self.events if each["type"] == kind and each["customer_id"] == event["customer_id"]]

    def moment(self, repeats: Step | None = None) -> int:
        """A moment near one at which something falls due because of something told, mostly one of the last things.

        Of what repeats something, half of the time it is the moment at which that is forgotten.
        """
        draw = self.draw
        anchors = [self.start, *self.told[:1], *self.told[-4:]]
        anchor, span = anchors[-1 - between(draw, 0, len(anchors) - 1)], pick(draw, self.rulebook.spans_ms)
        if repeats is not None and one_in(draw, 2):
            anchor, span = moments.parse(repeats["occurred_at"]), 2 * self.rulebook.window_ms
        elif not self.in_order and one_in(draw, 4):
            span = -span
        return self._tell_at(anchor + span)

    def due(self) -> int:
        """A moment near one of the next at which something falls due for somebody; without any, as `moment`."""
        due = self.so_far().due_moments()[:_SOONEST]
        return self._tell_at(pick(self.draw, due)) if due else self.moment()

    def later(self, customer_id: str, gap_ms: int) -> int:
        """So long after the moment to which time has come for a customer; of nobody known, after the latest told."""
        so_far, last = self.so_far(), max(self.told, default=self.start)
        if not self.in_order and customer_id in so_far.customers:
            last = max(so_far.watermark, so_far.customers[customer_id].evaluated_at)
        self.told.append(min(last + gap_ms, self.latest))
        return self.told[-1]

    def _tell_at(self, near: int) -> int:
        """A moment at, just before or just after another, which is then told of."""
        at = near + pick(self.draw, (0, 0, 0, -1, 1))
        earliest = max(self.told) if self.in_order and self.told else self.start if self.honest else 0
        at = max(earliest, min(at, self.latest))
        self.told.append(at)
        return at

    def written(self, at: int) -> str:
        """A moment as a shop may write it: in UTC, with more digits than are kept, or by the clock of another place."""
        how = pick(self.draw, ("utc", "utc", "micro", "east"))
        if how == "micro":
            return moments.text(at).replace("Z", "999Z")
        if how == "east" and at + _EAST_MS <= LAST_MS:
            return moments.text(at + _EAST_MS).replace("Z", "+03:00")
        return moments.text(at)

    def sum_of(self, minor: int, currency: str) -> str | int | float:
        """A sum as JSON may write it."""
        text = money.major_text(minor, currency)
        how = pick(self.draw, ("text", "text", "number", "zeros"))
        if how == "number":
            return float(text) if "." in text else int(text)
        if how == "zeros":
            return f"{text}00" if "." in text else f"{text}.0"
        return text

    def currency(self) -> str:
        """Mostly the base currency."""
        return pick(self.draw, (self.rulebook.currency, self.rulebook.currency, *CURRENCIES))

    def with_rate(self, event: Step) -> Step:
        """The event with a rate if it would not be admitted without one."""
        known = {self.rulebook.currency} | self.rulebook.rates[self.policy]
        names_order = event["type"] == "refund" and "order_id" in event
        if names_order or event.get("currency", self.rulebook.currency) in known or "rate" in event:
            return event
        return event | {"rate": pick(self.draw, RATES)}

    def rate(self, event: Step) -> None:
        """Bring a rate, sometimes, where there need be none; and always where there must be one."""
        if one_in(self.draw, 3):
            event["rate"] = pick(self.draw, (*RATES, 2))
        event |= self.with_rate(event)
