"""An order book whose decisions are carried out, and the events of a made-up order."""

from typing import Any, Final, NamedTuple

from agents.serve.hooks.delivery import HookEvent
from agents.serve.hooks.hook import Hook
from agents.serve.hooks.orders.order_book import Decision, OrderBook
from agents.serve.hooks.orders.order_index import OrderIndex
from state.records.erasure import Erasure, encode_erasure, erasure_key
from streams.tables.order_ledger import (
    NO_ERASURE,
    LedgerEntry,
    PlatformDetails,
    encode_entry,
)

SHOPIFY: Final = Hook("shopify", "main")
WOO: Final = Hook("woocommerce", "main")
SEGMENT: Final = Hook("segment", "main")
NUMBER: Final = "shopify:5001"
IMPORTED_MS: Final = 2_000
WAITS_SINCE_0_1: Final = bytes.fromhex(
    "8ba46b696e64a6726566756e64a66669656c647384a86576656e745f6964a9726566756e643a7231a9726566756e645f6964a27231a661"
    "6d6f756e74a531302e3030a863757272656e6379a3555344ae6f636375727265645f61745f6d73cd05dcae726566756e6465645f6d696e"
    "6f72c0af6f726465725f7265666572656e6365ac73686f706966793a35303031a472617465a0ad73686f705f63757272656e6379a0b263"
    "7573746f6d65725f7265666572656e6365a0af6e616d65735f7265666572656e6365c2ab6e616d65735f6f72646572c3ab6e656564735f"
    "6f72646572c2"
)
"""A refund that waits, as it was written before the policy's rates were noted in it."""


class Record(NamedTuple):
    """A record of a ledger, as far as the index reads it."""

    key: bytes
    value: bytes | None
    timestamp: int = IMPORTED_MS
    offset: int = 0


class Book:
    """An order book whose decisions are carried out."""

    def __init__(self) -> None:
        self.index = OrderIndex()
        self._book = OrderBook(self.index)
        self._now_ms = 10_000

    def take(self, event: HookEvent, hook: Hook = SHOPIFY) -> Decision:
        """Decide about an event, and enter what is decided."""
        decision = self._book.decide(event, hook)
        self._now_ms += 1
        for entry in decision.entries:
            self.index.put(entry, encode_entry(entry), self._now_ms)
        return decision

    def sums(self, event: HookEvent, hook: Hook = SHOPIFY) -> list[str]:
        """Return the amounts that are published."""
        return [each.fields["amount"] for each in self.take(event, hook).events]

    def imported(self, kind: str, customer_id: str, entry_id: str, *, minor: int = 0, reference: str = "") -> None:
        """Note what an import has entered."""
        details = PlatformDetails(reference) if reference else None
        entry = LedgerEntry(kind, customer_id, entry_id, "import:shopify", (("may", minor),), None, NO_ERASURE, details)
        self.index.apply([Record(entry.key, encode_entry(entry))])

    def entries_of(self, *events: HookEvent) -> list[LedgerEntry]:
        """Return what is decided to be entered about events, without entering it."""
        return [entry for event in events for entry in self._book.decide(event, SHOPIFY).entries]

    def enter(self, entries: list[LedgerEntry]) -> None:
        """Read entries from the ledger."""
        self.index.apply(Record(entry.key, encode_entry(entry)) for entry in entries)

    def erased(self, customer_id: str, occurred_at: int, offset: int = 7) -> None:
        """Note an erasure."""
        self.index.apply_erasures([Record(erasure_key(customer_id), encode_erasure(Erasure(1, occurred_at, offset)))])


def purchase(customer_id: str = "ann", at: int = 1_000, **known: Any) -> HookEvent:
    fields = {"event_id": "p", "customer_id": customer_id, "order_id": "#1", "amount": "100.00", "currency": "EUR"}
    return HookEvent(
        kind="purchase",
        fields=fields,
        occurred_at_ms=at,
        **{"order_reference": NUMBER, "customer_reference": "shopify:7", **known},
    )


def sale() -> HookEvent:
    event = purchase("", customer_reference="")
    del event.fields["customer_id"]
    return event


def refund(refund_id: str, amount: str, at: int = 1_500, currency: str = "EUR", **known: Any) -> HookEvent:
    fields = {"event_id": f"refund:{refund_id}", "refund_id": refund_id, "amount": amount, "currency": currency}
    return HookEvent(kind="refund", fields=fields, occurred_at_ms=at, order_reference=NUMBER, names_order=True, **known)


def total(after: int, amount: str, **known: Any) -> HookEvent:
    fields = {"refund_id": f"#1:refunded:{after / 100:.2f}", "customer_id": "ann", "order_id": "#1"}
    money = {"event_id": "r", "amount": amount, "currency": "EUR"}
    return HookEvent(kind="refund", fields={**fields, **money}, occurred_at_ms=1_500, refunded_minor=after, **known)
