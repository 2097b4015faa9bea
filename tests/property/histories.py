"""Histories of a journal partition: events, ticks, policies and campaigns, as the oracle takes them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from hypothesis import strategies as st

from tests.oracle import Oracle, moments, money
from tests.property.campaign_files import NAMES, ZONES
from tests.property.picking import one_in, pick
from tests.property.rulebooks import CURRENCIES, Rulebook, rulebooks
from tests.property.story import LAST_MS, Step, Story

CUSTOMERS: Final = ("a", "a", "a", "b:1", "в")
MANY: Final = 63
"""Contacts in a crowd: with one or two more, more than are remembered."""

_EVENTS: Final = ("purchase",) * 6 + ("refund",) * 5 + ("signup", "consent", "contact", "contact", "retry", "retry")
_RULES: Final = ("campaigns", "policy")
_TICKS: Final = ("tick", "tick", "tick")
_RARE: Final = ("erasure", "erasure", "erasure", "crowd")
_SIGNUP: Final[Mapping[str, tuple[Any, ...]]] = {
    "source": ("web", "till", "ü"),
    "city": ("Z", "z", "Ж", "\uffee", "\U0001f600"),  # the last two stand the other way round in UTF-16
    "timezone": ZONES,
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
    story = Story(draw, draw(rulebooks()), in_order=in_order)
    kinds = 4 * (_EVENTS if in_order else (*_EVENTS, *_TICKS, *_RULES)) + _RARE
    return _told(story, (pick(draw, kinds) for _ in range(draw(st.integers(1, most)))))


@st.composite
def window_histories(draw: st.DrawFn) -> History:
    """A history within one window, of what may come in any order: no id stands for two things."""
    rulebook = draw(rulebooks())
    story = Story(draw, rulebook, honest=True)
    story.latest = min(story.start + rulebook.window_ms - 1, LAST_MS)
    kinds = ("purchase", "purchase", "purchase", "refund", "refund", "signup", "consent", "retry")
    return _told(story, (pick(draw, kinds) for _ in range(draw(st.integers(2, 16)))))


def _told(story: Story, kinds: Iterable[str]) -> History:
    """The history of these kinds of things."""
    for kind in kinds:
        _TELL.get(kind, _event)(story, kind)
    return History(story.rulebook, tuple(story.steps))


def _event(story: Story, kind: str, like: Step | None = None) -> None:
    """Tell of an event; with the id of an earlier one if it is to be taken for its repetition."""
    draw = story.draw
    event: Step = {
        "type": kind,
        "event_id": f"e{len(story.steps)}",
        "customer_id": pick(draw, CUSTOMERS) if like is None else like["customer_id"],
        "occurred_at": story.written(story.moment(like)),
    }
    if kind in _OWN_IDS and like is None and one_in(draw, 20):
        event["customer_id"] = ""  # nobody known
    if one_in(draw, 4):
        event["backfill"] = draw(st.booleans())
    _FILL[kind](story, event)
    if like is not None:
        own_id = _OWN_IDS.get(kind, "event_id")
        event[own_id] = like[own_id]
    story.add(event)


def _tick(story: Story, _kind: str) -> None:
    story.steps.append({"type": "tick", "at": moments.text(story.moment())})


def _policy(story: Story, _kind: str) -> None:
    story.apply_policy(story.draw(st.integers(0, len(story.rulebook.policies) - 1)))


def _campaigns(story: Story, _kind: str) -> None:
    if story.rulebook.campaigns:
        story.steps.append({"type": "campaigns", "text": pick(story.draw, story.rulebook.campaigns)})


def _retry(story: Story, _kind: str) -> None:
    """Tell an event again: as it was, at another moment, or as another event with the same id."""
    if not story.events:
        return
    earlier = story.events[-1 - story.draw(st.integers(0, min(5, len(story.events) - 1)))]
    how = "same" if story.honest else pick(story.draw, ("same", "same", "moment", "id"))
    if how == "id":
        _event(story, earlier["type"], like=earlier)
    elif how == "moment" or story.in_order:
        story.add(story.with_rate(earlier | {"occurred_at": moments.text(story.moment(earlier))}))
    else:
        story.add(story.with_rate(earlier))


def _crowd(story: Story, _kind: str) -> None:
    """Tell of so many contacts at one moment that earlier events are just forgotten, or just not."""
    customers = sorted({event["customer_id"] for event in story.events} - {""}) or CUSTOMERS
    contact = {"type": "contact", "customer_id": pick(story.draw, customers), "message_id": "m", "kind": "opened"}
    contact["occurred_at"] = moments.text(story.moment())
    number, count = len(story.steps), MANY + story.draw(st.integers(-1, 2))
    story.steps += [contact | {"event_id": f"c{number}-{each}"} for each in range(count)]


def _purchase(story: Story, event: Step) -> None:
    draw = story.draw
    placed = story.earlier(event, "purchase")
    taken = {order["order_id"] for order in placed}
    refunds = story.earlier(event, "refund")
    awaited = [each["order_id"] for each in refunds if each.get("order_id") not in {None} | taken]
    event["order_id"] = f"o{len(story.steps)}"
    if awaited and one_in(draw, 2):
        event["order_id"] = pick(draw, awaited)
    elif placed and not story.honest and one_in(draw, 7):
        event["order_id"] = pick(draw, placed)["order_id"]
    event["currency"] = story.currency()
    event["amount"] = story.sum_of(pick(draw, (*story.rulebook.sums_minor, 0)), event["currency"])
    if one_in(draw, 3):
        event["discount"] = story.sum_of(pick(draw, (1, 100, 0)), event["currency"])
    story.rate(event)


def _refund(story: Story, event: Step) -> None:
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


def _signup(story: Story, event: Step) -> None:
    for name, values in _SIGNUP.items():
        if one_in(story.draw, 3):
            event[name] = pick(story.draw, values)
    if one_in(story.draw, 2):
        birthday = min(story.told[-1] + pick(story.draw, story.rulebook.spans_ms), LAST_MS)
        event["birth_date"] = f"1988{moments.text(birthday)[4:10]}"


def _consent(story: Story, event: Step) -> None:
    event["channel"] = pick(story.draw, ("email", "all", "sms"))
    event["granted"] = story.draw(st.booleans())


def _contact(story: Story, event: Step) -> None:
    """Tell of a contact: of a message that was sent, to this customer or another, or may be sent one day."""
    draw = story.draw
    sent = [message["message_id"] for message in Oracle().run(story.steps).messages] if one_in(draw, 2) else []
    own = [message_id for message_id in sent if message_id.startswith(f"{event['customer_id']}:")]
    event["message_id"] = f"{event['customer_id']}:{pick(draw, (1, 2, 3))}:{pick(draw, NAMES)}:{pick(draw, (1, 2, 3))}"
    if sent:
        event["message_id"] = pick(draw, (own or sent)[-4:])
    event["kind"] = pick(draw, ("opened", "bounced", "clicked", "unsubscribed", "complained", "redeemed", "delivered"))
    if one_in(draw, 3):
        event["currency"] = pick(draw, CURRENCIES)
        event["cost"] = story.sum_of(pick(draw, (1, 100, 0)), event["currency"])
    if event["kind"] == "bounced":
        event["permanent"] = draw(st.booleans())


def _erasure(_story: Story, _event: Step) -> None:
    """An erasure says nothing more."""


_FILL: Final[Mapping[str, Callable[[Story, Step], None]]] = {
    "purchase": _purchase,
    "refund": _refund,
    "signup": _signup,
    "consent": _consent,
    "contact": _contact,
    "erasure": _erasure,
}
_TELL: Final[Mapping[str, Callable[[Story, str], None]]] = {
    "tick": _tick,
    "policy": _policy,
    "campaigns": _campaigns,
    "retry": _retry,
    "crowd": _crowd,
}
_OWN_IDS: Final = {"purchase": "order_id", "refund": "refund_id"}
