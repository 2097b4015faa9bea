"""Histories of a journal partition: events, ticks, policies and campaigns, as the oracle takes them.

Moments are not spread evenly: nearly every one lies at, just before or just after a moment at which something falls due
because of something that happened before. Sums of money lie about the edges of the policy and about what was paid.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from hypothesis import strategies as st

from tests.oracle import money, moments
from tests.property.rulebooks import CHANNELS, CURRENCIES, RATES, Rulebook, rulebooks

Step: TypeAlias = dict[str, Any]
"""An event in its source's own fields and its `type`; or a tick, a policy or campaigns."""

CUSTOMERS: Final = ("a", "b:1", "в")
LAST_MS: Final = moments.parse("2199-12-31T23:59:59.999Z")
MANY: Final = 63
"""Contacts in a crowd: with a few more, more than are remembered."""

_STARTS: Final = ("2020-01-01T00:00:00Z", "2020-01-31T23:59:59.999Z", "1970-01-01T00:00:00Z", "2199-12-01T00:00:00Z")
_CONTACTS: Final = ("delivered", "opened", "clicked", "redeemed", "bounced", "unsubscribed", "complained")
_EVENTS: Final = ("purchase",) * 6 + ("refund",) * 5 + ("signup", "consent", "contact", "retry", "retry")
_OTHERS: Final = ("erasure", "crowd", "campaigns", "policy", "tick", "tick", "tick")
_ZONES: Final = ("Asia/Tokyo", "Europe/Moscow")


@dataclass(frozen=True)
class History:
    """What the journal of a partition has, in its order; the first step is a policy."""

    rulebook: Rulebook = field(repr=False)
    steps: tuple[Step, ...]


def ms_of(step: Mapping[str, Any]) -> int:
    """When an event occurred, or to when a tick brings time."""
    return moments.parse(step["at"] if step["type"] == "tick" else step["occurred_at"])


@dataclass
class _Story:
    """A history while it is made up."""

    draw: st.DrawFn
    rulebook: Rulebook
    start: int
    in_order: bool
    ends: int
    steps: list[Step] = field(default_factory=list)
    told: list[int] = field(default_factory=list)
    policy: int = 0
    events: list[Step] = field(default_factory=list)

    def moment(self) -> int:
        """A moment near one at which something falls due because of something told, mostly one of the last things."""
        draw = self.draw
        anchors = self.told[-4:] or [self.start]
        anchor = anchors[-1 - draw(st.integers(0, len(anchors) - 1))]
        span = draw(st.sampled_from(self.rulebook.spans_ms))
        if not self.in_order and draw(st.sampled_from([False, False, False, True])):
            span = -span
        at = anchor + span + draw(st.sampled_from([0, 0, 0, -1, 1]))
        if self.in_order and self.told:
            at = max(at, self.told[-1])
        at = max(self.start if self.in_order else 0, min(at, self.ends))
        self.told.append(at)
        return at

    def take(self, kind: str) -> None:
        """Tell one thing more."""
        if kind == "tick":
            self.steps.append({"type": "tick", "at": moments.text(self.moment())})
        elif kind == "policy":
            self.policy = self.draw(st.integers(0, len(self.rulebook.policies) - 1))
            self.steps.append({"type": "policy", "text": self.rulebook.policies[self.policy]})
        elif kind == "campaigns":
            if self.rulebook.campaigns:
                self.steps.append({"type": "campaigns", "text": self.draw(st.sampled_from(self.rulebook.campaigns))})
        elif kind == "retry":
            self.retry()
        elif kind == "crowd":
            self.crowd()
        else:
            self.event(kind)

    def event(self, kind: str, like: Step | None = None) -> None:
        """Tell of an event; with the ids of an earlier one if it is to be taken for its repetition."""
        draw = self.draw
        event: Step = {
            "type": kind,
            "event_id": f"e{len(self.steps)}",
            "customer_id": draw(st.sampled_from(CUSTOMERS)) if like is None else like["customer_id"],
            "occurred_at": _written(draw, self.moment()),
        }
        if draw(st.sampled_from([False, False, False, True])):
            event["backfill"] = draw(st.booleans())
        _FILL[kind](self, event)
        if like is not None:
            own_id = {"purchase": "order_id", "refund": "refund_id"}.get(kind, "event_id")
            event[own_id] = like[own_id]
        self.add(event)

    def add(self, event: Step) -> None:
        """Tell the event as it is."""
        self.events.append(event)
        self.steps.append(event)

    def earlier(self, event: Step, kind: str) -> list[Step]:
        """What of this kind was told of the same customer."""
        return [
            each for each in self.events if each["type"] == kind and each["customer_id"] == event["customer_id"]
        ]

    def retry(self) -> None:
        """Tell an event again: as it was, at another moment, or as another event with the same id."""
        if not self.events:
            return
        draw = self.draw
        earlier = self.events[-1 - draw(st.integers(0, min(5, len(self.events) - 1)))]
        how = draw(st.sampled_from(["same", "same", "moment", "ids"]))
        if how == "ids":
            self.event(earlier["type"], like=earlier)
        elif how == "moment" or self.in_order:
            self.add(self.with_rate(earlier | {"occurred_at": moments.text(self.moment())}))
        else:
            self.add(self.with_rate(earlier))

    def crowd(self) -> None:
        """Tell of so many contacts at one moment that earlier events are just forgotten, or just not."""
        customers = sorted({event["customer_id"] for event in self.events}) or CUSTOMERS
        customer, at = self.draw(st.sampled_from(customers)), moments.text(self.moment())
        for number in range(MANY + self.draw(st.integers(-1, 2))):
            self.steps.append(
                {
                    "type": "contact",
                    "event_id": f"c{len(self.steps)}-{number}",
                    "customer_id": customer,
                    "occurred_at": at,
                    "message_id": "m",
                    "kind": "opened",
                }
            )

    def sum_of(self, minor: int, currency: str) -> str | int | float:
        """A sum as JSON may write it."""
        text = money.major_text(minor, currency)
        match self.draw(st.sampled_from(["text", "text", "number", "zeros"])):
            case "number":
                return float(text) if "." in text else int(text)
            case "zeros":
                return f"{text}00" if "." in text else f"{text}.0"
        return text

    def currency(self) -> str:
        """Mostly the base currency."""
        return self.draw(st.sampled_from([self.rulebook.currency] * 2 + list(CURRENCIES)))

    def rate(self, event: Step) -> None:
        """Bring a rate, sometimes, where there need be none; and always where there must be one."""
        if self.draw(st.sampled_from([False, False, True])):
            event["rate"] = self.draw(st.sampled_from([*RATES, 2]))
        event |= self.with_rate(event)

    def with_rate(self, event: Step) -> Step:
        """The event with a rate if it would not be admitted without one."""
        known = {self.rulebook.currency} | self.rulebook.rates[self.policy]
        names_order = event["type"] == "refund" and "order_id" in event
        if names_order or event.get("currency", self.rulebook.currency) in known or "rate" in event:
            return event
        return event | {"rate": self.draw(st.sampled_from(RATES))}


def _purchase(story: _Story, event: Step) -> None:
    draw = story.draw
    placed = story.earlier(event, "purchase")
    refunded = [each for each in story.earlier(event, "refund") if "order_id" in each]
    event["order_id"] = f"o{len(story.steps)}"
    if refunded and draw(st.sampled_from([False, True])):
        event["order_id"] = draw(st.sampled_from(refunded))["order_id"]
    elif placed and draw(st.sampled_from([False] * 6 + [True])):
        event["order_id"] = draw(st.sampled_from(placed))["order_id"]
    event["currency"] = story.currency()
    minor = draw(st.sampled_from([*story.rulebook.sums_minor, 0]))
    event["amount"] = story.sum_of(minor, event["currency"])
    if draw(st.sampled_from([False, False, True])):
        event["discount"] = story.sum_of(draw(st.sampled_from([1, 100, 0])), event["currency"])
    story.rate(event)


def _refund(story: _Story, event: Step) -> None:
    draw = story.draw
    event["refund_id"] = f"r{len(story.steps)}"
    event["currency"] = story.currency()
    placed = story.earlier(event, "purchase")
    minor = draw(st.sampled_from(story.rulebook.sums_minor))
    which = draw(st.sampled_from(["last", "last", "any", "none", "to come", "next"]))
    if placed and which in ("last", "any"):
        order = placed[-1] if which == "last" else draw(st.sampled_from(placed))
        event["order_id"] = order["order_id"]
        if draw(st.sampled_from([True, True, True, False])):
            event["currency"] = order["currency"]
            paid = money.minor(order["amount"], order["currency"])
            minor = draw(st.sampled_from([paid, (paid + 1) // 2, paid - 1, paid + 1, 1]))
    elif which == "next":
        event["order_id"] = f"o{len(story.steps) + 1}"
    elif which != "none":
        event["order_id"] = f"o{draw(st.integers(0, 3))}"
    event["amount"] = story.sum_of(max(1, minor), event["currency"])
    story.rate(event)


def _signup(story: _Story, event: Step) -> None:
    draw = story.draw
    event |= draw(
        st.fixed_dictionaries(
            {},
            optional={
                "source": st.sampled_from(["web", "till", "ü"]),
                "city": st.sampled_from(["Z", "z", "Ж", "\U0001f600", "\uffee"]),
                "timezone": st.sampled_from(_ZONES),
                "language": st.sampled_from(["ru", "de"]),
                "country": st.none(),
                "consent": st.dictionaries(st.sampled_from([*CHANNELS, "all"]), st.sampled_from([True, False, None])),
            },
        )
    )


def _consent(story: _Story, event: Step) -> None:
    event["channel"] = story.draw(st.sampled_from(["email", "all", "sms"]))
    event["granted"] = story.draw(st.booleans())


def _contact(story: _Story, event: Step) -> None:
    event["message_id"] = "m"
    event["kind"] = story.draw(st.sampled_from(_CONTACTS))


def _erasure(_story: _Story, _event: Step) -> None:
    """An erasure says nothing more."""


_FILL: Final[Mapping[str, Callable[[_Story, Step], None]]] = {
    "purchase": _purchase,
    "refund": _refund,
    "signup": _signup,
    "consent": _consent,
    "contact": _contact,
    "erasure": _erasure,
}


def _written(draw: st.DrawFn, at: int) -> str:
    """A moment as a shop may write it: in UTC, with more digits than are kept, or by the clock of another place."""
    text = moments.text(at)
    match draw(st.sampled_from(["utc", "utc", "micro", "east"])):
        case "micro":
            return text.replace("Z", "999Z")
        case "east":
            east = moments.text(min(at + 3 * 3_600_000, LAST_MS))
            return east.replace("Z", "+03:00") if at + 3 * 3_600_000 <= LAST_MS else text
    return text


@st.composite
def histories(draw: st.DrawFn, *, in_order: bool = False, by_events_alone: bool = False, most: int = 24) -> History:
    """A history of a few customers under one rulebook.

    Args:
        draw: Hypothesis's.
        in_order: no event lies before the one before it.
        by_events_alone: no ticks, and nothing comes into force once events have come.
        most: how many steps it has at most, the members of a crowd not counted.
    """
    rulebook = draw(rulebooks())
    story = _Story(draw, rulebook, moments.parse(draw(st.sampled_from(_STARTS))), in_order, LAST_MS)
    story.steps.append({"type": "policy", "text": rulebook.policies[0]})
    if rulebook.campaigns:
        story.steps.append({"type": "campaigns", "text": rulebook.campaigns[0]})
    kinds = [*_EVENTS, "erasure", "crowd"] if by_events_alone else [*_EVENTS, *_OTHERS]
    for _ in range(draw(st.integers(1, most))):
        story.take(draw(st.sampled_from(kinds)))
    return History(rulebook, tuple(story.steps))
