"""Histories of a journal partition: events, ticks, policies and campaigns, as the oracle takes them.

Moments are not spread evenly: nearly every one lies at, just before or just after a moment at which something falls due
because of something that happened before. Sums of money lie about the edges of the policy and about what was paid.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from hypothesis import strategies as st

from tests.oracle import money, moments
from tests.property.rulebooks import CURRENCIES, RATES, Rulebook, one_in, pick, rulebooks

Step: TypeAlias = dict[str, Any]
"""An event in its source's own fields and its `type`; or a tick, a policy or campaigns."""

CUSTOMERS: Final = ("a", "a", "a", "b:1", "в")
LAST_MS: Final = moments.parse("2199-12-31T23:59:59.999Z")
MANY: Final = 63
"""Contacts in a crowd: with one or two more, more than are remembered."""

_STARTS: Final = ("2020-01-01T00:00:00Z", "2020-01-31T23:59:59.999Z", "1970-01-01T00:00:00Z", "2199-12-01T00:00:00Z")
_EVENTS: Final = ("purchase",) * 6 + ("refund",) * 5 + ("signup", "consent", "contact", "retry", "retry")
_RULES: Final = ("campaigns", "policy")
_TICKS: Final = ("tick", "tick", "tick")
_RARE: Final = ("erasure", "erasure", "erasure", "crowd")
_EAST_MS: Final = 3 * 3_600_000
_SIGNUP: Final[Mapping[str, tuple[Any, ...]]] = {
    "source": ("web", "till", "ü"),
    "city": ("Z", "z", "Ж", "\uffee", "\U0001f600"),  # the last two stand the other way round in UTF-16
    "timezone": ("Asia/Tokyo", "Europe/Moscow"),
    "language": ("ru", "de", None),
    "consent": ({"email": True}, {"all": False, "sms": True}, {"push": False, "email": None}, {}, {"all": True}),
}


@dataclass(frozen=True)
class History:
    """What the journal of a partition has, in its order; the first step is a policy."""

    rulebook: Rulebook = field(repr=False)
    steps: tuple[Step, ...]


@st.composite
def histories(draw: st.DrawFn, *, in_order: bool = False, most: int = 24) -> History:
    """A history of a few customers under one rulebook.

    Args:
        draw: Hypothesis's.
        in_order: no event lies before the one before it, there are no ticks, and nothing comes into force later on.
        most: how many steps it has at most after the first, the members of a crowd not counted.
    """
    story = _Story(draw, draw(rulebooks()), in_order=in_order)
    kinds = 4 * (_EVENTS if in_order else (*_EVENTS, *_TICKS, *_RULES)) + _RARE
    return story.told_of(pick(draw, kinds) for _ in range(draw(st.integers(1, most))))


@st.composite
def window_histories(draw: st.DrawFn) -> History:
    """A history within one window, of what may come in any order: no id stands for two things."""
    rulebook = draw(rulebooks())
    story = _Story(draw, rulebook, honest=True)
    story.latest = min(story.start + rulebook.window_ms - 1, LAST_MS)
    kinds = ("purchase", "purchase", "purchase", "refund", "refund", "signup", "consent", "retry")
    return story.told_of(pick(draw, kinds) for _ in range(draw(st.integers(2, 16))))


@dataclass
class _Story:
    """A history while it is made up.

    Attributes:
        in_order: each event lies at or after the one before.
        honest: an id that comes again stands for the same thing.
        told: the moments of what was told, latest told last.
        policy: the place of the policy in force.
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

    def __post_init__(self) -> None:
        """Begin somewhere, with a policy."""
        self.start = moments.parse(pick(self.draw, _STARTS))
        self.steps.append({"type": "policy", "text": self.rulebook.policies[0]})
        if self.rulebook.campaigns:
            self.steps.append({"type": "campaigns", "text": self.rulebook.campaigns[0]})

    def told_of(self, kinds: Iterable[str]) -> History:
        """The history of these kinds of things."""
        for kind in kinds:
            self.take(kind)
        return History(self.rulebook, tuple(self.steps))

    def take(self, kind: str) -> None:
        """Tell one thing more."""
        if kind == "tick":
            self.steps.append({"type": "tick", "at": moments.text(self.moment())})
        elif kind == "policy":
            self.policy = self.draw(st.integers(0, len(self.rulebook.policies) - 1))
            self.steps.append({"type": "policy", "text": self.rulebook.policies[self.policy]})
        elif kind == "campaigns":
            if self.rulebook.campaigns:
                self.steps.append({"type": "campaigns", "text": pick(self.draw, self.rulebook.campaigns)})
        elif kind == "retry":
            self.retry()
        elif kind == "crowd":
            self.crowd()
        else:
            self.event(kind)

    def moment(self) -> int:
        """A moment near one at which something falls due because of something told, mostly one of the last things."""
        draw = self.draw
        anchors = self.told[-4:] or [self.start]
        span = pick(draw, self.rulebook.spans_ms)
        if not self.in_order and one_in(draw, 4):
            span = -span
        at = anchors[-1 - draw(st.integers(0, len(anchors) - 1))] + span + pick(draw, (0, 0, 0, -1, 1))
        earliest = max(self.told) if self.in_order and self.told else self.start if self.honest else 0
        at = max(earliest, min(at, self.latest))
        self.told.append(at)
        return at

    def event(self, kind: str, like: Step | None = None) -> None:
        """Tell of an event; with the id of an earlier one if it is to be taken for its repetition."""
        draw = self.draw
        event: Step = {
            "type": kind,
            "event_id": f"e{len(self.steps)}",
            "customer_id": pick(draw, CUSTOMERS) if like is None else like["customer_id"],
            "occurred_at": self.written(self.moment()),
        }
        if one_in(draw, 4):
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

    def retry(self) -> None:
        """Tell an event again: as it was, at another moment, or as another event with the same id."""
        if not self.events:
            return
        earlier = self.events[-1 - self.draw(st.integers(0, min(5, len(self.events) - 1)))]
        how = "same" if self.honest else pick(self.draw, ("same", "same", "moment", "id"))
        if how == "id":
            self.event(earlier["type"], like=earlier)
        elif how == "moment" or self.in_order:
            self.add(self.with_rate(earlier | {"occurred_at": moments.text(self.moment())}))
        else:
            self.add(self.with_rate(earlier))

    def crowd(self) -> None:
        """Tell of so many contacts at one moment that earlier events are just forgotten, or just not."""
        customers = sorted({event["customer_id"] for event in self.events}) or CUSTOMERS
        contact = {"type": "contact", "customer_id": pick(self.draw, customers), "message_id": "m", "kind": "opened"}
        contact["occurred_at"] = moments.text(self.moment())
        number = len(self.steps)
        self.steps += [
            contact | {"event_id": f"c{number}-{each}"} for each in range(MANY + self.draw(st.integers(-1, 2)))
        ]

    def earlier(self, event: Step, kind: str) -> list[Step]:
        """What of this kind was told of the same customer."""
        return [each for each in self.events if each["type"] == kind and each["customer_id"] == event["customer_id"]]

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


def _purchase(story: _Story, event: Step) -> None:
    draw = story.draw
    placed = story.earlier(event, "purchase")
    taken = {order["order_id"] for order in placed}
    refunds = story.earlier(event, "refund")
    awaited = [each["order_id"] for each in refunds if each.get("order_id") not in {None} | taken]
    event["order_id"] = f"o{len(story.steps)}"
    if awaited and draw(st.booleans()):
        event["order_id"] = pick(draw, awaited)
    elif placed and not story.honest and one_in(draw, 7):
        event["order_id"] = pick(draw, placed)["order_id"]
    event["currency"] = story.currency()
    event["amount"] = story.sum_of(pick(draw, (*story.rulebook.sums_minor, 0)), event["currency"])
    if one_in(draw, 3):
        event["discount"] = story.sum_of(pick(draw, (1, 100, 0)), event["currency"])
    story.rate(event)


def _refund(story: _Story, event: Step) -> None:
    draw = story.draw
    event["refund_id"] = f"r{len(story.steps)}"
    event["currency"] = story.currency()
    placed = story.earlier(event, "purchase")
    minor = pick(draw, story.rulebook.sums_minor)
    which = pick(draw, ("last", "last", "any", "none", "some", "next"))
    if placed and which in ("last", "any"):
        order = placed[-1] if which == "last" else pick(draw, placed)
        event["order_id"] = order["order_id"]
        if not one_in(draw, 4):
            event["currency"] = order["currency"]
            paid = money.minor(order["amount"], order["currency"])
            minor = max(1, pick(draw, (paid, (paid + 1) // 2, paid - 1, paid + 1, 1)))
    elif which == "next":
        event["order_id"] = f"o{len(story.steps) + 1}"
    elif which != "none":
        event["order_id"] = f"o{draw(st.integers(0, 3))}"
    event["amount"] = story.sum_of(minor, event["currency"])
    story.rate(event)


def _signup(story: _Story, event: Step) -> None:
    for name, values in _SIGNUP.items():
        if one_in(story.draw, 3):
            event[name] = pick(story.draw, values)


def _consent(story: _Story, event: Step) -> None:
    event["channel"] = pick(story.draw, ("email", "all", "sms"))
    event["granted"] = story.draw(st.booleans())


def _contact(story: _Story, event: Step) -> None:
    event["message_id"] = "m"
    event["kind"] = pick(story.draw, ("delivered", "clicked", "unsubscribed", "bounced"))


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
