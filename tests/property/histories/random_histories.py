"""Random histories of a journal partition: events, ticks, policies and campaigns, as the oracle takes them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from hypothesis import strategies as st

from tests.oracle import moments, money
from tests.property.histories.campaign_strategies import NAMES, ZONES
from tests.property.histories.draws import between, one_in, pick
from tests.property.histories.history_builder import LAST_MS, HistoryBuilder, Step
from tests.property.histories.policy_strategies import CURRENCIES, Rulebook, rulebooks

CUSTOMERS: Final = ("a", "a", "a", "b:1", "в")
EARLIER_FORMAT: Final = 2
"""Of the journal: the last one without horizons."""
BURST_CONTACTS: Final = 63
"""About how many contacts a burst has: with one or two more, more than are remembered."""

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
_TRIGGER_EVENTS: Final = {"birthday": ("signup",) * 3, "overdue": ("habit",) * 6}
"""What is drawn more often if a campaigns file has the trigger."""
_PLACES: Final = ("s-1", "s-1", "s-2", "ы", "")
_CONTACTS: Final = (
    *("opened", "clicked", "bounced", "bounced", "redeemed"),
    *("clicked", "bounced", "opened", "unsubscribed", "complained", "delivered"),
)
_SOON_DAYS: Final = (1, 2, 1, 0, 30)
_GAPS_MS: Final = (1000, 3_600_000, moments.DAY_MS)
_SIGNUP: Final[Mapping[str, tuple[Any, ...]]] = {
    "source": ("web", "till", "ü"),
    "city": ("Z", "z", "Ж", "\uffee", "\U0001f600"),  # the last two sort in the opposite order in UTF-16
    "timezone": ZONES,
    "country": ("RU", "RU", "DE"),
    "language": ("ru", "ru", "de", None),
    "consent": ({"email": True}, {"all": False, "sms": True}, {"push": False, "email": None}, {}, {"all": True}),
}


@dataclass(frozen=True)
class History:
    """The journal of a partition, in order; the first step is a policy."""

    rulebook: Rulebook = field(repr=False)
    steps: tuple[Step, ...]


@st.composite
def histories(draw: st.DrawFn, *, in_order: bool = False, most: int = 17) -> History:
    """Draw a history of a few customers under one rulebook.

    Args:
        draw: Hypothesis's.
        in_order: events are in order of time, there are no ticks, and no rules are activated later on.
        most: the maximum of steps after the first; bursts, regular orders and contacts for a message count once.
    """
    builder = HistoryBuilder(draw, draw(rulebooks()), in_order=in_order)
    usual = _EVENTS if in_order else (*_EVENTS, *_TICKS, *_RULES)
    trigger_kinds = [
        kinds for word, kinds in _TRIGGER_EVENTS.items() if any(word in text for text in builder.rulebook.campaigns)
    ]
    if builder.rulebook.campaigns and between(draw, 0, 2) > 0:
        _add_consenting_customer(builder)
    kinds = (*16 * usual, *(kind for each in trigger_kinds for kind in 16 * each), *_RARE)
    return _build(builder, (pick(draw, kinds) for _ in range(min(most, between(draw, 1, most + most // 2)))))


@st.composite
def window_histories(draw: st.DrawFn) -> History:
    """Draw a history within one window whose events may arrive in any order: no id has two meanings."""
    rulebook = draw(rulebooks())
    builder = HistoryBuilder(draw, rulebook, unique_ids=True)
    builder.latest = min(builder.start + rulebook.window_ms - 1, LAST_MS)
    kinds = ("purchase", "purchase", "purchase", "refund", "refund", "signup", "consent", "retry")
    return _build(builder, (pick(draw, kinds) for _ in range(between(draw, 2, 16))))


def _build(builder: HistoryBuilder, kinds: Iterable[str]) -> History:
    """Return the history of events and other steps of these kinds."""
    for kind in kinds:
        _ADD.get(kind, _add_event)(builder, kind)
        if not builder.unique_ids and builder.has_new_messages() and one_in(builder.draw, 2):
            _add_contact(builder)
        if not (builder.unique_ids or builder.in_order) and one_in(builder.draw, 2):
            _add_late_event(builder)
    cut = between(builder.draw, 1, len(builder.steps)) if one_in(builder.draw, 6) else 0
    return History(builder.rulebook, (*map(in_earlier_format, builder.steps[:cut]), *builder.steps[cut:]))


def in_earlier_format(step: Step) -> Step:
    """Return a step as journaled before events had horizons."""
    return step | {"format": EARLIER_FORMAT} if "occurred_at" in step else step


def _add_event(
    builder: HistoryBuilder, kind: str, repeated: Step | None = None, customer_id: str = "", at: int | None = None
) -> None:
    """Add an event, with a customer and a moment that may be given.

    With `repeated` it has the id of an earlier event, so that it counts as its duplicate.
    """
    draw = builder.draw
    if repeated is None and not customer_id:
        customer_id = pick(draw, CUSTOMERS)
    if at is None:
        when = "moment" if repeated is not None else pick(draw, _MOMENT_KINDS.get(kind, _MOMENT_KINDS["purchase"]))
        at = _MOMENTS[when](builder, customer_id, repeated)
    event: Step = {
        "type": kind,
        "event_id": f"e{len(builder.steps)}",
        "customer_id": customer_id if repeated is None else repeated["customer_id"],
        "occurred_at": builder.moment_text(at),
    }
    if kind in _OWN_IDS and repeated is None and one_in(draw, 20):
        event["customer_id"] = ""  # anonymous
    if one_in(draw, 4):
        _mark_as_backfill(builder, event, at)
    _FILL[kind](builder, event)
    if repeated is not None:
        own_id = _OWN_IDS.get(kind, "event_id")
        event[own_id] = repeated[own_id]
    builder.add(event)


def _mark_as_backfill(builder: HistoryBuilder, event: Step, at: int) -> None:
    """Mark an event as history, mostly; it is admitted at its own moment (event mode), or around what is due next."""
    draw = builder.draw
    event["backfill"] = not one_in(draw, 4)
    if not one_in(draw, 3):
        due = builder.partition_now().due_moments()[:3] or [at]
        admitted_at = pick(draw, due) + pick(draw, (0, 1, -1, *builder.rulebook.spans_ms))
        event["admitted_at"] = moments.text(max(0, min(admitted_at, LAST_MS)))


def _add_consenting_customer(builder: HistoryBuilder) -> None:
    """Add a customer who may be contacted from the start."""
    _add_event(builder, "signup", customer_id=CUSTOMERS[0], at=builder.moment_after(CUSTOMERS[0], 0))
    builder.events[-1]["consent"] = {"all": True}


def _add_regular_orders(builder: HistoryBuilder, _kind: str) -> None:
    """Add two or three orders of one customer at regular intervals."""
    draw = builder.draw
    customer, gap_ms = pick(draw, CUSTOMERS), pick(draw, _GAPS_MS)
    for _ in range(between(draw, 2, 3)):
        _add_event(builder, "purchase", customer_id=customer, at=builder.moment_after(customer, gap_ms))


def _add_contact_or_cause(builder: HistoryBuilder, kind: str) -> None:
    """Add a contact; if no message was sent yet, mostly something that may cause one instead."""
    if builder.messages():
        _add_contact(builder)
    elif one_in(builder.draw, 6):
        _add_event(builder, kind)
    elif builder.in_order:
        _add_event(builder, "purchase")
    else:
        _add_due_tick(builder, kind)


def _add_contact(builder: HistoryBuilder) -> None:
    """Add a contact of a customer who got a message."""
    _add_event(builder, "contact", customer_id=pick(builder.draw, list(builder.messages())))


def _add_late_event(builder: HistoryBuilder) -> None:
    """Add history, or a consent, from around the moment when something began that it might end; of one who has any."""
    draw = builder.draw
    began = list(builder.endable())
    if began:
        customer_id, kind, at = pick(draw, began)
        at = max(0, min(at + pick(draw, (-1, 1, 0, -3_600_000, moments.DAY_MS)), LAST_MS))
        _add_event(builder, kind, customer_id=customer_id, at=at)
        builder.events[-1] |= {"granted": True} if kind == "consent" else {"backfill": True}


def _add_tick(builder: HistoryBuilder, _kind: str) -> None:
    builder.steps.append({"type": "tick", "at": moments.text(builder.moment())})


def _add_due_tick(builder: HistoryBuilder, _kind: str) -> None:
    builder.steps.append({"type": "tick", "at": moments.text(builder.due_moment())})


def _activate_policy(builder: HistoryBuilder, _kind: str) -> None:
    builder.activate_policy(between(builder.draw, 0, len(builder.rulebook.policies) - 1))


def _activate_campaigns(builder: HistoryBuilder, _kind: str) -> None:
    if builder.rulebook.campaigns:
        builder.activate_campaigns(between(builder.draw, 0, len(builder.rulebook.campaigns) - 1))


def _add_retry(builder: HistoryBuilder, _kind: str) -> None:
    """Publish an event again: unchanged, at another moment, or as another event with the same id."""
    if not builder.events:
        return
    earlier = builder.events[-1 - between(builder.draw, 0, min(5, len(builder.events) - 1))]
    variant = "same" if builder.unique_ids else pick(builder.draw, ("same", "same", "moment", "id"))
    if variant == "id":
        _add_event(builder, earlier["type"], repeated=earlier)
    elif variant == "moment" or builder.in_order:
        builder.add(builder.with_rate(earlier | {"occurred_at": moments.text(builder.moment(earlier))}))
    else:
        builder.add(builder.with_rate(earlier))


def _add_burst(builder: HistoryBuilder, _kind: str) -> None:
    """Add contacts at one moment, just enough or just too few to push earlier events out of the remembered ones."""
    customers = sorted({event["customer_id"] for event in builder.events} - {""}) or CUSTOMERS
    contact = {"type": "contact", "customer_id": pick(builder.draw, customers), "message_id": "m", "kind": "opened"}
    contact["occurred_at"] = moments.text(builder.moment())
    number, count = len(builder.steps), BURST_CONTACTS + between(builder.draw, -1, 2)
    builder.steps += [contact | {"event_id": f"c{number}-{each}"} for each in range(count)]


def _fill_purchase(builder: HistoryBuilder, event: Step) -> None:
    draw = builder.draw
    placed = builder.earlier_events(event, "purchase")
    used_ids = {order["order_id"] for order in placed}
    refunds = builder.earlier_events(event, "refund")
    awaited_ids = [each["order_id"] for each in refunds if each.get("order_id") not in {None} | used_ids]
    event["order_id"] = f"o{len(builder.steps)}"
    if awaited_ids and one_in(draw, 2):
        event["order_id"] = pick(draw, awaited_ids)
    elif placed and not builder.unique_ids and one_in(draw, 7):
        event["order_id"] = pick(draw, placed)["order_id"]
    elif builder.unique_ids and event["order_id"] in used_ids:  # a refund named the id before its order
        event["order_id"] += "-2"
    event["currency"] = builder.currency()
    event["amount"] = builder.amount_json(pick(draw, (*builder.rulebook.amounts_minor, 0)), event["currency"])
    if one_in(draw, 3):
        event["discount"] = builder.amount_json(pick(draw, (1, 100, 0)), event["currency"])
    if one_in(draw, 2):
        event |= {"store_id": pick(draw, _PLACES), "channel": pick(draw, _PLACES)}
    builder.add_rate(event)


def _fill_refund(builder: HistoryBuilder, event: Step) -> None:
    draw = builder.draw
    event["refund_id"] = f"r{len(builder.steps)}"
    event["currency"] = builder.currency()
    placed = builder.earlier_events(event, "purchase")
    minor = pick(draw, builder.rulebook.amounts_minor)
    which = pick(draw, ("last", "last", "any", "none", "some", "next"))
    if placed and which in ("last", "any"):
        order = placed[-1] if which == "last" else pick(draw, placed)
        event["order_id"] = order["order_id"]
        if not one_in(draw, 4):
            event["currency"] = order["currency"]
            paid = money.minor(order["amount"], order["currency"])
            minor = max(1, pick(draw, (paid, (paid + 1) // 2, paid - 1, paid + 1, 1)))
    elif which == "next":
        event["order_id"] = f"o{len(builder.steps) + 1}"
    elif which != "none":
        event["order_id"] = f"o{between(draw, 0, 3)}"
    event["amount"] = builder.amount_json(minor, event["currency"])
    builder.add_rate(event)


def _fill_signup(builder: HistoryBuilder, event: Step) -> None:
    for name, values in _SIGNUP.items():
        if one_in(builder.draw, 2):
            event[name] = pick(builder.draw, values)
    if one_in(builder.draw, 2):
        others = [each for each in CUSTOMERS if each != event["customer_id"]]
        event["referred_by"] = pick(builder.draw, (*others, "nobody", event["customer_id"]))
    if not one_in(builder.draw, 3):
        birthday = moments.text(
            min(max(builder.moments_used) + pick(builder.draw, _SOON_DAYS) * moments.DAY_MS, LAST_MS)
        )
        event["birth_date"] = "1968-02-29" if one_in(builder.draw, 6) else f"1968{birthday[4:10]}"


def _fill_consent(builder: HistoryBuilder, event: Step) -> None:
    event["channel"] = pick(builder.draw, ("email", "all", "sms"))
    event["granted"] = one_in(builder.draw, 2)


def _fill_contact(builder: HistoryBuilder, event: Step) -> None:
    """Add the fields of a contact: with a message sent to this customer or another, or one that may be sent later."""
    draw = builder.draw
    event["message_id"] = f"{event['customer_id']}:{pick(draw, (1, 2, 3))}:{pick(draw, NAMES)}:{pick(draw, (1, 2, 3))}"
    sent = builder.messages()
    recipient = pick(draw, list(sent)) if sent and one_in(draw, 8) else event["customer_id"]
    if recipient in sent and not one_in(draw, 8):
        event["message_id"] = pick(draw, sent[recipient][:-4:-1])
    event["kind"] = pick(draw, _CONTACTS)
    if one_in(draw, 3):
        event["currency"] = pick(draw, CURRENCIES)
        event["cost"] = builder.amount_json(pick(draw, (1, 100, 0)), event["currency"])
    if event["kind"] == "bounced":
        event["permanent"] = not one_in(draw, 3)


def _fill_erasure(_builder: HistoryBuilder, _event: Step) -> None:
    """Add nothing: an erasure has no fields of its own."""


_MOMENT_KINDS: Final[Mapping[str, Sequence[str]]] = {
    "purchase": ("moment", "soon", "moment", "due", "soon"),
    "contact": ("soon",) * 8 + ("moment", "due"),
}
_MOMENTS: Final[Mapping[str, Callable[[HistoryBuilder, str, Step | None], int]]] = {
    "moment": lambda builder, _, repeated: builder.moment(repeated),
    "soon": lambda builder, customer_id, _: builder.moment_after(customer_id, pick(builder.draw, (0, *_GAPS_MS[:2]))),
    "due": lambda builder, *_: builder.due_moment(),
}
_FILL: Final[Mapping[str, Callable[[HistoryBuilder, Step], None]]] = {
    "purchase": _fill_purchase,
    "refund": _fill_refund,
    "signup": _fill_signup,
    "consent": _fill_consent,
    "contact": _fill_contact,
    "erasure": _fill_erasure,
}
_ADD: Final[Mapping[str, Callable[[HistoryBuilder, str], None]]] = {
    "contact": _add_contact_or_cause,
    "tick": _add_tick,
    "due": _add_due_tick,
    "habit": _add_regular_orders,
    "policy": _activate_policy,
    "campaigns": _activate_campaigns,
    "retry": _add_retry,
    "crowd": _add_burst,
}
_OWN_IDS: Final = {"purchase": "order_id", "refund": "refund_id"}
