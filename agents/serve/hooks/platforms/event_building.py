"""Build events from what a delivery says, with the ids of imports, and check each by the rules of admission."""

from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from agents.importing.events.customer_ids import bounded_id, normalize_email
from agents.importing.mapping.known_names import known_names
from agents.serve.hooks.delivery import HookEvent, Ignored, Outcome, Receiver, Refused
from agents.serve.hooks.hook import Hook
from agents.serve.hooks.platforms.rejection import NotOurs, NotValid
from state.intake.admission import Rejected, admit
from state.records.reasons import RejectionReason
from state.units.timestamps import format_ms

_encode: Final = msgspec.json.encode
_TOPIC: Final = "events"


def customer_of(hook: Hook, email: str, own_id: str, guests: tuple[str, ...] = ()) -> str:
    """Return the id of a customer by the hook's `identify`, as an import makes it; empty for a guest.

    Args:
        hook: with the prefix and the key of a hash.
        email: address; empty if unknown.
        own_id: the platform's id; empty if unknown.
        guests: texts that stand for nobody, besides those that stand for nobody everywhere.
    """
    candidates = (own_id, email) if hook.identify.by == "id" else (email, own_id)
    nobody = (*known_names().guests, *guests)
    for candidate in candidates:
        text = normalize_email(candidate) if "@" in candidate else candidate.strip()
        if text and text.lower() not in nobody:
            return hook.prefixes.customer(text)
    return ""


def purchase_event_id(order_id: str) -> str:
    """Return the id of the event of a purchase that has no other."""
    return bounded_id("purchase", order_id)


def refund_event_id(refund_id: str) -> str:
    """Return the id of the event of a refund that has no other."""
    return bounded_id("refund", refund_id)


def build(receiver: Receiver, kind: str, fields: dict[str, Any], at_ms: int, **known: Any) -> HookEvent:
    """Return an event with these fields, without those that are empty; `known` are further attributes of `HookEvent`.

    Raises:
        NotOurs: it would be one of a customer, but there is none.
        NotValid: it would be rejected.
    """
    filled = {name: value for name, value in fields.items() if value is not None and value != ""}
    event = HookEvent(kind=kind, fields=filled, occurred_at_ms=at_ms, **known)
    if event.needs_customer and not event.customer_id:
        raise NotOurs("no_customer")
    try:
        value = encode_event(event)
        f"{event.order_reference}{event.customer_reference}".encode()  # they become keys of the order ledger
    except (OverflowError, ValueError, RecursionError):
        raise NotValid(RejectionReason.INVALID, "the event must consist of Unicode text") from None
    admitted = admit(_TOPIC, 0, 0, value, receiver.rules, receiver.latest_ms)
    if isinstance(admitted, Rejected):
        raise NotValid(admitted.reason, admitted.detail, value)
    return event


def encode_event(event: HookEvent) -> bytes:
    """Return an event as it is published."""
    return _encode({"type": event.kind, **event.fields, "occurred_at": format_ms(event.occurred_at_ms)})


def outcomes_of(read: Callable[[], Iterable[Outcome]]) -> tuple[Outcome, ...]:
    """Return what a function reads, or why it reads nothing, as outcomes; it may raise `NotOurs` and `NotValid`."""
    try:
        return tuple(read())
    except NotOurs as error:
        return (Ignored(error.reason, error.warning),)
    except NotValid as error:
        return (Refused(error.reason, error.detail, error.value),)
    except (RecursionError, UnicodeEncodeError):
        return (Refused(RejectionReason.MALFORMED, "the body must be JSON of Unicode text, not nested too deeply"),)
