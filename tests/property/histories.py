"""Histories of a journal partition: events, ticks, policies and campaigns, as the oracle takes them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from hypothesis import strategies as st

from tests.oracle import moments, money
from tests.property.campaign_strategies import NAMES, ZONES
from tests.property.draws import between, one_in, pick
from tests.property.history_builder import LAST_MS, Step, Story
from tests.property.policy_strategies import CURRENCIES, Rulebook, rulebooks

CUSTOMERS: Final = ("a", "a", "a", "b:1", "в")
MANY: Final = 63
"""Contacts in a crowd: with one or two more, more than are remembered."""

_EVENTS: Final = (
    *("purchase",) * 6,
    *("refund",) * 3,
    *("signup", "signup", "consent", "consent"),
    *("contact",) * 3,
    *("retry", "retry"),
)
_RULES: Final = (*3 * ("campaigns",), "policy")
_TICKS: Final = ("tick", "due", "due", "due", "due")
_RARE: Final = (*8 * ("erasure",), "crowd")
_ASKED_FOR: Final = {"birthday": ("signup",) * 3, "overdue": ("habit",) * 6}
"""What is told more often where a campaigns file speaks of it."""
_PLACES: Final = ("s-1", "s-1", "s-2", "ы", "")
_CONTACTS: Final = (
    *("opened", "clicked", "bounced", "bounced", "redeemed"),
    *("clicked", "bounced", "opened", "unsubscribed", "complained", "delivered"),
)
_SOON_DAYS: Final = (1, 2, 1, 0, 30)
_GAPS_MS: Final = (1000, 3_600_000, moments.DAY_MS)
_SIGNUP: Final[Mapping[str, tuple[Any, ...]]] = {
    "source": ("web", "till", "ü"),
    "city": ("Z", "z", "Ж", "\uffee", "\U0001f600"),  # the last two stand the other way round in UTF-16
    "timezone": ZONES,
    "country": ("RU", "RU", "DE"),
    "language": ("ru", "ru", "de", None),
    "consent": ({"email": True}, {"all": False, "sms": True}, {"push": False, "email": None}, {}, {"all": True}),
}


@dataclass(frozen=True)
class History:
    """What the journal of a partition has, in its order; the first step is a policy."""

    rulebook: Rulebook = field(repr=False)
    steps: tuple[Step, ...]


@st.composite
def histories(draw: st.DrawFn, *, in_order: bool = False, most: int = 17) -> History:
    """A history of a few customers under one rulebook.

    Args:
        draw: Hypothesis's.
        in_order: no event lies before the one before it, there are no ticks, and nothing comes into force later on.
        most: how many steps it has at most after the first; crowds, habits and what answers a message count once.
    """
    story = Story(draw, draw(rulebooks()), in_order=in_order)
    told = _EVENTS if in_order else (*_EVENTS, *_TICKS, *_RULES)
    asked_for = [kinds for word, kinds in _ASKED_FOR.items() if any(word in text for text in story.rulebook.campaigns)]
    if story.rulebook.campaigns and between(draw, 0, 2) > 0:
        _welcome(story)
    kinds = (*16 * told, *(kind for each in asked_for for kind in 16 * each), *_RARE)
    return _told(story, (pick(draw, kinds) for _ in range(min(most, between(draw, 1, most + most // 2)))))


@st.composite
def window_histories(draw: st.DrawFn) -> History:
    """A history within one window, of what may come in any order: no id stands for two things."""
    rulebook = draw(rulebooks())
    story = Story(draw, rulebook, honest=True)
    story.latest = min(story.start + rulebook.window_ms - 1, LAST_MS)
    kinds = ("purchase", "purchase", "purchase", "refund", "refund", "signup", "consent", "retry")
    return _told(story, (pick(draw, kinds) for _ in range(between(draw, 2, 16))))


def _told(story: Story, kinds: Iterable[str]) -> History:
    """The history of these kinds of things."""
    for kind in kinds:
        _TELL.get(kind, _event)(story, kind)
        if not story.honest and story.wrote() and one_in(story.draw, 2):
            _answer(story)
    return History(story.rulebook, tuple(story.steps))


def _event(story: Story, kind: str, like: Step | None = None, of: str = "", at: int | None = None) -> None:
    """Tell of an event, perhaps of a certain customer or moment.

    With the id of an earlier one if it is to be taken for its repetition.
    """
    draw = story.draw
    if like is None and not of:
        of = pick(draw, CUSTOMERS)
    if at is None:
        when = "moment" if like is not None else pick(draw, _WHENS.get(kind, _WHENS["purchase"]))
        at = _WHEN[when](story, of, like)
    event: Step = {
        "type": kind,
        "event_id": f"e{len(story.steps)}",
        "customer_id": of if like is None else like["customer_id"],
        "occurred_at": story.written(at),
    }
    if kind in _OWN_IDS and like is None and one_in(draw, 20):
        event["customer_id"] = ""  # nobody known
    if one_in(draw, 6):
        event["backfill"] = one_in(draw, 2)
    _FILL[kind](story, event)
    if like is not None:
        own_id = _OWN_IDS.get(kind, "event_id")
        event[own_id] = like[own_id]
    story.add(event)


def _welcome(story: Story) -> None:
    """Tell of somebody who may be written to from the beginning."""
    _event(story, "signup", of=CUSTOMERS[0], at=story.later(CUSTOMERS[0], 0))
    story.events[-1]["consent"] = {"all": True}


def _habit(story: Story, _kind: str) -> None:
    """Tell of somebody who buys at regular intervals: of two orders, or of three."""
    draw = story.draw
    customer, gap_ms = pick(draw, CUSTOMERS), pick(draw, _GAPS_MS)
    for _ in range(between(draw, 2, 3)):
        _event(story, "purchase", of=customer, at=story.later(customer, gap_ms))


def _contacted(story: Story, kind: str) -> None:
    """Tell of a contact; or, where nobody was written to, mostly let happen what may bring that about."""
    if story.messages():
        _answer(story)
    elif one_in(story.draw, 6):
        _event(story, kind)
    elif story.in_order:
        _event(story, "purchase")
    else:
        _due(story, kind)


def _answer(story: Story) -> None:
    """Tell of a contact of somebody who was written to."""
    _event(story, "contact", of=pick(story.draw, list(story.messages())))


def _tick(story: Story, _kind: str) -> None:
    story.steps.append({"type": "tick", "at": moments.text(story.moment())})


def _due(story: Story, _kind: str) -> None:
    story.steps.append({"type": "tick", "at": moments.text(story.due())})


def _policy(story: Story, _kind: str) -> None:
    story.apply_policy(between(story.draw, 0, len(story.rulebook.policies) - 1))


def _campaigns(story: Story, _kind: str) -> None:
    if story.rulebook.campaigns:
        story.apply_campaigns(between(story.draw, 0, len(story.rulebook.campaigns) - 1))


def _retry(story: Story, _kind: str) -> None:
    """Tell an event again: as it was, at another moment, or as another event with the same id."""
    if not story.events:
        return
    earlier = story.events[-1 - between(story.draw, 0, min(5, len(story.events) - 1))]
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
    number, count = len(story.steps), MANY + between(story.draw, -1, 2)
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
    elif story.honest and event["order_id"] in taken:  # by an order that a refund named in advance
        event["order_id"] += "-2"
    event["currency"] = story.currency()
    event["amount"] = story.sum_of(pick(draw, (*story.rulebook.sums_minor, 0)), event["currency"])
    if one_in(draw, 3):
        event["discount"] = story.sum_of(pick(draw, (1, 100, 0)), event["currency"])
    if one_in(draw, 2):
        event |= {"store_id": pick(draw, _PLACES), "channel": pick(draw, _PLACES)}
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
        event["order_id"] = f"o{between(draw, 0, 3)}"
    event["amount"] = story.sum_of(minor, event["currency"])
    story.rate(event)


def _signup(story: Story, event: Step) -> None:
    for name, values in _SIGNUP.items():
        if one_in(story.draw, 2):
            event[name] = pick(story.draw, values)
    if one_in(story.draw, 2):
        others = [each for each in CUSTOMERS if each != event["customer_id"]]
        event["referred_by"] = pick(story.draw, (*others, "nobody", event["customer_id"]))
    if not one_in(story.draw, 3):
        birthday = moments.text(min(max(story.told) + pick(story.draw, _SOON_DAYS) * moments.DAY_MS, LAST_MS))
        event["birth_date"] = "1968-02-29" if one_in(story.draw, 6) else f"1968{birthday[4:10]}"


def _consent(story: Story, event: Step) -> None:
    event["channel"] = pick(story.draw, ("email", "all", "sms"))
    event["granted"] = one_in(story.draw, 2)


def _contact(story: Story, event: Step) -> None:
    """Tell of a contact: of a message that was sent, to this customer or another, or may be sent one day."""
    draw = story.draw
    event["message_id"] = f"{event['customer_id']}:{pick(draw, (1, 2, 3))}:{pick(draw, NAMES)}:{pick(draw, (1, 2, 3))}"
    sent = story.messages()
    whose = pick(draw, list(sent)) if sent and one_in(draw, 8) else event["customer_id"]
    if whose in sent and not one_in(draw, 8):
        event["message_id"] = pick(draw, sent[whose][:-4:-1])
    event["kind"] = pick(draw, _CONTACTS)
    if one_in(draw, 3):
        event["currency"] = pick(draw, CURRENCIES)
        event["cost"] = story.sum_of(pick(draw, (1, 100, 0)), event["currency"])
    if event["kind"] == "bounced":
        event["permanent"] = not one_in(draw, 3)


def _erasure(_story: Story, _event: Step) -> None:
    """An erasure says nothing more."""


_WHENS: Final[Mapping[str, Sequence[str]]] = {
    "purchase": ("moment", "soon", "moment", "due", "soon"),
    "contact": ("soon",) * 8 + ("moment", "due"),
}
_WHEN: Final[Mapping[str, Callable[[Story, str, Step | None], int]]] = {
    "moment": lambda story, _, like: story.moment(like),
    "soon": lambda story, customer_id, _: story.later(customer_id, pick(story.draw, (0, *_GAPS_MS[:2]))),
    "due": lambda story, *_: story.due(),
}
_FILL: Final[Mapping[str, Callable[[Story, Step], None]]] = {
    "purchase": _purchase,
    "refund": _refund,
    "signup": _signup,
    "consent": _consent,
    "contact": _contact,
    "erasure": _erasure,
}
_TELL: Final[Mapping[str, Callable[[Story, str], None]]] = {
    "contact": _contacted,
    "tick": _tick,
    "due": _due,
    "habit": _habit,
    "policy": _policy,
    "campaigns": _campaigns,
    "retry": _retry,
    "crowd": _crowd,
}
_OWN_IDS: Final = {"purchase": "order_id", "refund": "refund_id"}
