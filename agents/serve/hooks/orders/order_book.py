"""Decide what of a delivery is new, by what the order ledger knows of its order: nothing counts twice by two routes.

An order is known by its number, if it came by the same hook or in an export of the same platform, even if its customer
is another one now: it counts for the customer with whom it is known, and so do its refunds. Otherwise it is known by
customer and number. Two orders to which the platform itself gives different numbers are never the same.

Refunds come in three ways, and each must agree with a column of an export that holds the total refunded so far:

* A delivery that has the total (WooCommerce): what the ledger's total lacks is published.
* A refund with an id of its own, of an order whose exports hold totals (Shopify): an export may have contained it. It
  did if it is not later than what the ledger says, and fits into what imports have published beyond the refunds that
  came one by one. Otherwise it is new, and the ledger's total grows.
* A refund with an id of its own, which exports have too (Segment, GA4): known by its id.

What is announced is as good as published: a hook's announcement holds the event, which some server publishes, and an
import that has ended early is repeated.
"""

from decimal import Decimal
from typing import Any, Final

import msgspec

from agents.serve.hooks.delivery import HookEvent
from agents.serve.hooks.hook import Hook
from agents.serve.hooks.orders.order_index import Found, OrderIndex
from agents.serve.hooks.orders.order_refunds import find_refunds
from agents.serve.hooks.platforms.event_building import encode_event
from state.units.currencies import DIGITS
from state.units.money import convert, format_minor, parse_minor
from streams.tables.order_ledger import (
    EVENT,
    NO_ERASURE,
    ORDER,
    PERSON,
    WAITING,
    LedgerEntry,
    PlatformDetails,
)

BY_HOOK: Final = ("", 0)
"""A part of an entry that no import has published."""


class Decision(msgspec.Struct, frozen=True):
    """What to do about an event.

    Attributes:
        events: to publish, before anything is written to the ledger.
        entries: to write to the ledger.
        ignored: why nothing is published; empty if something is.
        warning: what the operator should know of it; empty: nothing.
    """

    events: tuple[HookEvent, ...] = ()
    entries: tuple[LedgerEntry, ...] = ()
    ignored: str = ""
    warning: str = ""

    @property
    def is_anonymous(self) -> bool:
        """Whether it publishes an event without a customer, for which no profile notices that it comes twice.

        Then it has one event and one entry.
        """
        return any(not event.customer_id for event in self.events)


KNOWN: Final = Decision(ignored="known")


class OrderBook:
    """Decides by the index. Nothing is written to it meanwhile for the same order, which the caller sees to."""

    def __init__(self, index: OrderIndex) -> None:
        self._index = index

    def decide(self, event: HookEvent, hook: Hook) -> Decision:
        """Return what to do about an event of a hook."""
        match event.kind:
            case "purchase":
                return self._purchase(event, hook)
            case "refund":
                return self._refund(event, hook)
            case "erasure":
                return self._erasure(event)
            case "consent":
                return Decision((self._of_person(event),))
            case _:
                return Decision((event,), self._person(event, hook))

    def decide_waiting(self, waiting: LedgerEntry, event: HookEvent, hook: Hook) -> Decision | None:
        """Return what to do about a refund that has waited for its order; None while that is unknown."""
        decision = self._refund(event, hook)
        return None if any(entry.key == waiting.key for entry in decision.entries) else decision

    def _purchase(self, event: HookEvent, hook: Hook) -> Decision:
        if self._is_erased(event):
            return Decision(ignored="erased")
        details = None
        if event.order_reference:
            details = PlatformDetails(event.order_reference, event.rate, event.shop_currency)
        found = self._same_order(event, hook)
        if found is not None:
            known = found.entry
            if details is not None and not (known.details is not None and known.details.reference):
                details = msgspec.structs.replace(details, event=known.announced_event)
                known = msgspec.structs.replace(known, details=details)
            decision = _known(event, found.entry, known)
            if event.customer_id and known.customer_id not in ("", event.customer_id) and known.route != hook.route:
                decision = msgspec.structs.replace(
                    decision,
                    warning=f"{hook.route}: ignored an order that {known.route} has with another customer; if these "
                    "are two shops, give one a source (docs/hooks/README.md), and its imports the same --source",
                )
            return decision
        entry = self._entry(ORDER, event.customer_id, event.order_id, hook, details)
        return Decision((event,), (entry, *self._person(event, hook)))

    def _refund(self, event: HookEvent, hook: Hook) -> Decision:
        order = self._order_of(event, hook)
        if order is not None:
            event = _of_order(event, order)
        elif event.needs_order:
            return Decision(ignored="unknown_order")
        elif event.names_order:
            return Decision(entries=(self._waiting(event, hook),), ignored="waiting")
        if self._is_erased(event):
            return Decision(ignored="erased")
        if event.refunded_minor is not None:
            return self._refund_of_total(event, event.refunded_minor, hook)
        refund_id = event.fields["refund_id"]
        found = self._index.find(event.customer_id, EVENT, refund_id)
        if found is not None:
            return _known(event, found.entry, found.entry)
        if event.order_reference:
            return self._refund_one_by_one(event, hook)
        return self._refund_with_own_id(event, hook)

    def _refund_of_total(self, event: HookEvent, total: int, hook: Hook) -> Decision:
        refunded = find_refunds(self._index, event.customer_id, event.order_id).total
        if total <= refunded:
            return KNOWN
        currency = event.fields["currency"]
        before = max(refunded, total - parse_minor(event.fields["amount"], DIGITS[currency]))
        fields = {**event.fields, "amount": format_minor(total - before, DIGITS[currency])}
        entry = self._refund_entry(event, hook, total - refunded)
        return Decision((msgspec.structs.replace(event, fields=fields),), (entry,))

    def _refund_one_by_one(self, event: HookEvent, hook: Hook) -> Decision:
        minor = _in_shops_currency(event)
        refunded = find_refunds(self._index, event.customer_id, event.order_id)
        if minor <= refunded.beyond and event.occurred_at_ms <= refunded.imported_ms:
            return Decision(entries=(self._refund_entry(event, hook, minor, is_contained=True),), ignored=KNOWN.ignored)
        return Decision((event,), (self._refund_entry(event, hook, minor),))

    def _refund_with_own_id(self, event: HookEvent, hook: Hook) -> Decision:
        currency = event.fields["currency"]
        minor = parse_minor(event.fields["amount"], DIGITS[currency])
        if event.needs_order:  # a cancellation gives back what is left
            minor -= find_refunds(self._index, event.customer_id, event.order_id).total
            if minor <= 0:
                return KNOWN
            fields = {**event.fields, "amount": format_minor(minor, DIGITS[currency])}
            event = msgspec.structs.replace(event, fields=fields)
        return Decision((event,), (self._refund_entry(event, hook, minor),))

    def _refund_entry(self, event: HookEvent, hook: Hook, minor: int, *, is_contained: bool = False) -> LedgerEntry:
        """Return the entry of a refund that adds so much to those of its order, or is part of them."""
        details = PlatformDetails(order_id=event.order_id, minor=minor, is_contained=is_contained)
        return self._entry(EVENT, event.customer_id, event.fields["refund_id"], hook, details)

    def _erasure(self, event: HookEvent) -> Decision:
        """Return erasures of everybody whom the platform calls by the same id: addresses change."""
        others = {found.entry.customer_id for found in self._index.find_all(PERSON, event.customer_reference)}
        events = [event]
        for number, customer_id in enumerate(sorted(others - {event.customer_id}), 1):
            fields = {**event.fields, "customer_id": customer_id, "event_id": f"{event.fields['event_id']}:{number}"}
            events.append(msgspec.structs.replace(event, fields=fields))
        return Decision(tuple(events))

    def _of_person(self, event: HookEvent) -> HookEvent:
        """Return a consent with the customer by whom the platform's id is known, if it names only that."""
        if not event.names_reference:
            return event
        known = max(self._index.find_all(PERSON, event.customer_reference), key=lambda found: found.at_ms, default=None)
        if known is None:
            return event
        return msgspec.structs.replace(event, fields={**event.fields, "customer_id": known.entry.customer_id})

    def _person(self, event: HookEvent, hook: Hook) -> tuple[LedgerEntry, ...]:
        """Return the entry that says what the platform calls a customer, unless it is known."""
        reference = event.customer_reference
        if not reference or not event.customer_id or self._is_erased(event):
            return ()
        if self._index.find(event.customer_id, PERSON, reference) is not None:
            return ()
        return (self._entry(PERSON, event.customer_id, reference, hook),)

    def _order_of(self, event: HookEvent, hook: Hook) -> LedgerEntry | None:
        """Return the order of a refund."""
        if event.order_id:
            found = self._same_order(event, hook)
            return None if found is None else found.entry
        orders = self._index.by_number(event.order_reference)
        return orders[0].entry if orders else None

    def _same_order(self, event: HookEvent, hook: Hook) -> Found | None:
        """Return the entry of an event's order: that of its customer, otherwise one that must be the same order."""
        own = self._index.find(event.customer_id, ORDER, event.order_id)
        if own is not None:
            return own
        routes = (hook.route, f"import:{hook.platform}")
        others = [found for found in self._index.find_all(ORDER, event.order_id) if found.entry.route in routes]
        return next((found for found in others if not _has_other_number(found.entry, event.order_reference)), None)

    def _waiting(self, event: HookEvent, hook: Hook) -> LedgerEntry:
        number = event.order_reference or order_number(hook, event.order_id)
        details = PlatformDetails(number, event=_encode_waiting(event))
        return LedgerEntry(WAITING, "", event.fields["refund_id"], hook.route, (BY_HOOK,), details=details)

    def _entry(
        self, kind: str, customer_id: str, entry_id: str, hook: Hook, details: PlatformDetails | None = None
    ) -> LedgerEntry:
        erasure = self._index.erasure(customer_id) if customer_id else None
        erasure_offset = NO_ERASURE if erasure is None else erasure.offset
        return LedgerEntry(kind, customer_id, entry_id, hook.route, (BY_HOOK,), None, erasure_offset, details)

    def _is_erased(self, event: HookEvent) -> bool:
        """Whether an event happened before its customer was erased."""
        erasure = self._index.erasure(event.customer_id) if event.customer_id else None
        return erasure is not None and event.occurred_at_ms <= erasure.occurred_at


def _has_other_number(order: LedgerEntry, reference: str) -> bool:
    """Whether the platform gives an order another number than this; one that is not known may be the same."""
    known = order.details.reference if order.details is not None else ""
    return bool(known and reference) and known != reference


def _known(event: HookEvent, entry: LedgerEntry, completed: LedgerEntry) -> Decision:
    """Return that an event is known, by its entry; `completed` is what its entry should be.

    If an import has announced it, but may not have published it, the entry gets the event, so that a server can.
    """
    if completed.announced is not None and not completed.announced_event:
        fields = _of_customer(event.fields, completed.customer_id)
        completed = completed.with_event(encode_event(msgspec.structs.replace(event, fields=fields)))
    return KNOWN if completed == entry else Decision(entries=(completed,), ignored=KNOWN.ignored)


def order_number(hook: Hook, order_id: str) -> str:
    """Return by what refunds wait for an order of a platform that has no number beside the order's id."""
    return f"{hook.platform}:order:{order_id}"


_encode_waiting: Final = msgspec.msgpack.Encoder().encode
_decode_waiting: Final = msgspec.msgpack.Decoder(HookEvent).decode


def decode_waiting(value: bytes) -> HookEvent:
    """Return a refund that has waited for its order."""
    return _decode_waiting(value)


def _of_customer(fields: dict[str, Any], customer_id: str) -> dict[str, Any]:
    """Return the fields of an event with another customer, or without one."""
    others = {name: value for name, value in fields.items() if name != "customer_id"}
    return {**others, "customer_id": customer_id} if customer_id else others


def _of_order(event: HookEvent, order: LedgerEntry) -> HookEvent:
    """Return a refund with the customer and the id of its order, and with its rate where it has another currency."""
    fields = {**_of_customer(event.fields, order.customer_id), "order_id": order.id}
    details = order.details
    if details is None or not details.rate:
        return msgspec.structs.replace(event, fields=fields)
    if event.base_rates is None:
        fields["rate"] = details.rate
    elif rate := event.base_rates.of_order(fields["currency"], details.rate, details.currency):
        fields["rate"] = rate
    return msgspec.structs.replace(event, fields=fields, rate=details.rate, shop_currency=details.currency)


def _in_shops_currency(event: HookEvent) -> int:
    """Return the amount of a refund in minor units of the currency that exports of the shop have."""
    currency = event.fields["currency"]
    minor = parse_minor(event.fields["amount"], DIGITS[currency])
    if not event.rate or currency == event.shop_currency:
        return minor
    return convert(minor, DIGITS[currency], Decimal(event.rate), DIGITS[event.shop_currency])
