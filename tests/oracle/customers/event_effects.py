"""Applying an event: whether it is a duplicate, and what it adds to the history."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeAlias

from tests.oracle import money
from tests.oracle.active_rules import ActiveRules
from tests.oracle.campaigns.runs import Contact
from tests.oracle.customers.arrivals import is_of_new_rules
from tests.oracle.customers.consents import SIGNUP_FIELDS
from tests.oracle.customers.history import History, Order, Refund
from tests.oracle.policy import Policy

Event: TypeAlias = dict[str, Any]

REMEMBERED_EVENTS = 64


def is_duplicate(history: History, event: Event, as_of: int) -> bool:
    """Return whether the event repeats one that is still remembered at ``as_of``."""
    if event["type"] == "purchase":
        return history.remembered_order(event["order_id"], as_of) is not None
    if event["type"] == "refund":
        return history.remembers_refund(event["refund_id"], as_of)
    return event["event_id"] in history.event_ids[-REMEMBERED_EVENTS:]


def apply(history: History, event: Event, occurred_at: int, as_of: int, rules: ActiveRules) -> None:
    """Add an event that is no duplicate to the history."""
    _APPLY[event["type"]](history, event, occurred_at, as_of, rules)
    if event["type"] not in ("purchase", "refund"):
        history.event_ids.append(event["event_id"])


def grants_consent(event: Event) -> bool:
    """Return whether the event grants a consent, even if a later one for the channel is known."""
    if event["type"] == "consent":
        return bool(event["granted"])
    return event["type"] == "signup" and any(event.get("consent", {}).values())


def _purchase(history: History, event: Event, occurred_at: int, as_of: int, rules: ActiveRules) -> None:
    currency = event["currency"]
    rate = rate_of(event, rules.policy)
    if rate is None:
        message = f"purchase {event['event_id']!r} in {currency} without a rate cannot have been admitted"
        raise ValueError(message)
    order = Order(
        order_id=event["order_id"],
        occurred_at=occurred_at,
        applied_at=as_of,
        amount_minor=money.minor(event["amount"], currency),
        discount_minor=money.minor(event.get("discount", 0), currency),
        currency=currency,
        rate=rate,
        base=history.base,
        store=event.get("store_id", ""),
        channel=event.get("channel", ""),
    )
    history.orders.append(order)
    for refund in [refund for refund in history.waiting_refunds if refund.order_id == order.order_id]:
        history.waiting_refunds.remove(refund)
        refund.applied_at = as_of
        _refund_order(order, refund, rules)


def _refund(history: History, event: Event, occurred_at: int, as_of: int, rules: ActiveRules) -> None:
    refund = Refund(
        refund_id=event["refund_id"],
        order_id=event.get("order_id"),
        occurred_at=occurred_at,
        applied_at=as_of,
        amount_minor=money.minor(event["amount"], event["currency"]),
        currency=event["currency"],
        rate=rate_of(event, rules.policy),
        base=history.base,
    )
    history.refunds.append(refund)
    if refund.order_id is None:
        history.refunds_without_order.append(refund)
        rules.result.daily_notes.refunds.append((refund.occurred_at, refund.value))
        return
    order = history.remembered_order(refund.order_id, as_of)
    if order is None:
        history.waiting_refunds.append(refund)
    else:
        _refund_order(order, refund, rules)


def _refund_order(order: Order, refund: Refund, rules: ActiveRules) -> None:
    """Subtract a refund from its order; drop it if it has no rate and its currency is not the order's."""
    if refund.currency != order.currency and refund.rate is None:
        rules.result.dropped["no_rate"] += 1
        return
    before = order.refunded
    order.refunds.append(refund)
    rules.result.daily_notes.refunds.append((refund.occurred_at, order.refunded - before))
    if order.over_refunded:
        rules.result.dropped["excess"] += 1


def _signup(history: History, event: Event, occurred_at: int, _as_of: int, rules: ActiveRules) -> None:
    facts = ((name, event[name]) for name in SIGNUP_FIELDS if name in event)
    history.person.signup_facts.extend((occurred_at, name, value) for name, value in facts)
    consents = event.get("consent", {}).items()
    history.person.consents.extend(
        (occurred_at, channel, granted) for channel, granted in consents if granted is not None
    )
    for channel in [channel for channel, granted in consents if granted]:
        _revive(history, channel, event, occurred_at, rules)


def _consent(history: History, event: Event, occurred_at: int, _as_of: int, rules: ActiveRules) -> None:
    history.person.consents.append((occurred_at, event["channel"], event["granted"]))
    if event["granted"]:
        _revive(history, event["channel"], event, occurred_at, rules)


def _revive(history: History, channel: str, event: Event, occurred_at: int, rules: ActiveRules) -> None:
    if is_of_new_rules(event) and history.campaigns.revive(channel, occurred_at):
        rules.result.rules_met.add("a channel is revived")


def _contact(history: History, event: Event, occurred_at: int, _as_of: int, rules: ActiveRules) -> None:
    history.contacts[event["kind"]] += 1
    contact = Contact(event["message_id"], event["kind"], _cost(history, event, rules))
    how = {"permanent": event.get("permanent", False), "new_rules": is_of_new_rules(event)}
    if not history.campaigns.apply_contact(contact, occurred_at, history.person, **how):
        rules.result.dropped["unknown_message"] += 1


def _cost(history: History, event: Event, rules: ActiveRules) -> int:
    """Return a contact's cost in base minor units by the active policy; 0, and count it, without a rate."""
    if "cost" not in event:
        return 0
    rate = rate_of({"currency": event["currency"]}, rules.policy)  # contacts have no rate
    if rate is None:
        rules.result.dropped["cost_without_rate"] += 1
        return 0
    cost = money.minor(event["cost"], event["currency"])
    return money.converted(cost, event["currency"], rate, history.base)


_APPLY: dict[str, Callable[[History, Event, int, int, ActiveRules], None]] = {
    "purchase": _purchase,
    "refund": _refund,
    "signup": _signup,
    "consent": _consent,
    "contact": _contact,
}


def rate_of(event: Event, policy: Policy) -> Fraction | None:
    """Return the rate in the journal: 1 for the base currency, else the event's, else the policy's."""
    if event["currency"] == policy.currency:
        return Fraction(1)
    if "rate" in event:
        return money.exact(event["rate"])
    return policy.rates.get(event["currency"])
