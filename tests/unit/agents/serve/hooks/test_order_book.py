"""What of a delivery is new, by what the order ledger knows: both orders of arrival, whatever an export says."""

from decimal import Decimal
from typing import Any, Final, NamedTuple

import msgspec
import pytest

from agents.serve.hooks.base_rates import BaseRates
from agents.serve.hooks.delivery import HookEvent
from agents.serve.hooks.hook import Hook
from agents.serve.hooks.orders.order_book import Decision, OrderBook, decode_waiting
from agents.serve.hooks.orders.order_index import OrderIndex
from state.records.erasure import Erasure, encode_erasure, erasure_key
from streams.tables.order_ledger import (
    NO_ERASURE,
    ORDER,
    PERSON,
    REFUNDS,
    WAITING,
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


def refund(refund_id: str, amount: str, at: int = 1_500, currency: str = "EUR", **known: Any) -> HookEvent:
    fields = {"event_id": f"refund:{refund_id}", "refund_id": refund_id, "amount": amount, "currency": currency}
    return HookEvent(kind="refund", fields=fields, occurred_at_ms=at, order_reference=NUMBER, names_order=True, **known)


def total(after: int, amount: str, **known: Any) -> HookEvent:
    fields = {"refund_id": f"#1:refunded:{after / 100:.2f}", "customer_id": "ann", "order_id": "#1"}
    money = {"event_id": "r", "amount": amount, "currency": "EUR"}
    return HookEvent(kind="refund", fields={**fields, **money}, occurred_at_ms=1_500, refunded_minor=after, **known)


@pytest.fixture
def book() -> Book:
    return Book()


def test_an_order_counts_once_by_hook_and_once_by_import(book: Book) -> None:
    assert len(book.take(purchase()).events) == 1
    assert book.take(purchase()).ignored == "known"
    other = Book()
    other.imported(ORDER, "ann", "#1")
    assert other.take(purchase()).ignored == "known"


def test_an_order_of_an_import_gets_the_number_by_which_refunds_name_it(book: Book) -> None:
    book.imported(ORDER, "ann", "#1")
    book.take(purchase())
    (event,) = book.take(refund("r1", "10.00")).events
    assert (event.customer_id, event.order_id) == ("ann", "#1")


def test_an_order_by_the_same_hook_is_the_same_whoever_its_customer_is_now(book: Book) -> None:
    book.take(purchase("ann"))
    assert book.take(purchase("ann@new.example")).ignored == "known"
    (event,) = book.take(refund("r1", "10.00")).events
    assert event.customer_id == "ann"


def test_an_order_that_the_export_has_without_a_customer_is_the_same(book: Book) -> None:
    book.imported(ORDER, "", "#1")
    assert book.take(purchase("115")).ignored == "known"


def test_an_order_that_the_export_has_with_an_earlier_address_is_the_same(book: Book) -> None:
    book.imported(ORDER, "ann", "#1")
    assert book.take(purchase("ann@new.example")).ignored == "known"
    (event,) = book.take(refund("r1", "10.00")).events
    assert event.customer_id == "ann"


def test_equal_numbers_of_two_shops_are_two_orders(book: Book) -> None:
    book.take(purchase("ann"))
    assert len(book.take(purchase("bob"), Hook("shopify", "second")).events) == 1


def test_orders_to_which_the_platform_gives_different_numbers_are_two(book: Book) -> None:
    book.imported(ORDER, "ann", "#1", reference="shopify:4001")
    assert len(book.take(purchase("bob")).events) == 1
    (event,) = book.take(refund("r1", "10.00")).events
    assert event.customer_id == "bob"


@pytest.mark.parametrize("owner", ["ann", ""])
def test_a_refund_belongs_to_the_customer_of_its_order_whomever_it_names(book: Book, owner: str) -> None:
    book.take(purchase(owner, order_reference=""), SEGMENT)
    fields = {"event_id": "r", "refund_id": "r", "order_id": "#1", "amount": "10.00", "currency": "EUR"}
    named = HookEvent(kind="refund", fields={**fields, "customer_id": "bob"}, occurred_at_ms=1_500)
    (event,) = book.take(named, SEGMENT).events
    assert (event.customer_id, event.order_id) == (owner, "#1")
    (unknown,) = book.take(msgspec.structs.replace(named, fields={**named.fields, "order_id": "#2"}), SEGMENT).events
    assert unknown.customer_id == "bob"


def test_refunds_that_came_one_by_one_are_the_total_of_an_export(book: Book) -> None:
    book.take(purchase())
    assert book.sums(refund("r1", "10.00")) == ["10.00"]
    assert book.sums(refund("r2", "5.00")) == ["5.00"]
    assert book.sums(refund("r1", "10.00")) == []
    found = book.index.find("ann", REFUNDS, "#1")
    assert found is not None
    assert found.entry.refunded == 1_500


def test_a_total_of_an_export_contains_the_refunds_before_it(book: Book) -> None:
    book.imported(ORDER, "ann", "#1", reference=NUMBER)
    book.imported(REFUNDS, "ann", "#1", minor=1_500)
    assert book.sums(refund("r1", "10.00")) == []
    assert book.sums(refund("r2", "5.00")) == []
    assert book.sums(refund("r2", "5.00")) == []
    assert book.sums(refund("r3", "5.00")) == ["5.00"], "more than the total can contain"


def test_a_refund_after_the_import_is_new(book: Book) -> None:
    book.imported(ORDER, "ann", "#1", reference=NUMBER)
    book.imported(REFUNDS, "ann", "#1", minor=1_500)
    assert book.sums(refund("r9", "5.00", at=IMPORTED_MS + 1)) == ["5.00"]
    assert book.sums(refund("r1", "10.00")) == [], "delivered late, it is part of the total"


def test_a_refund_larger_than_what_a_total_lacks_is_new(book: Book) -> None:
    book.imported(ORDER, "ann", "#1", reference=NUMBER)
    book.imported(REFUNDS, "ann", "#1", minor=1_000)
    assert book.sums(refund("r2", "15.00")) == ["15.00"]


def test_totals_publish_what_the_ledger_lacks(book: Book) -> None:
    book.take(purchase(), WOO)
    assert book.sums(total(1_000, "10.00"), WOO) == ["10.00"]
    assert book.sums(total(1_000, "10.00"), WOO) == []
    assert book.sums(total(1_500, "5.00"), WOO) == ["5.00"]
    other = Book()
    other.imported(REFUNDS, "ann", "#1", minor=1_200)
    assert other.sums(total(1_000, "10.00"), WOO) == []
    assert other.sums(total(1_500, "5.00"), WOO) == ["3.00"]


def test_a_cancellation_of_an_order_that_never_counted_is_nothing(book: Book) -> None:
    assert book.take(total(10_000, "100.00", needs_order=True), WOO).ignored == "unknown_order"
    book.take(purchase(), WOO)
    assert book.sums(total(10_000, "100.00", needs_order=True), WOO) == ["100.00"]


def test_a_refund_in_the_buyers_currency_is_compared_in_the_shops(book: Book) -> None:
    book.take(purchase(rate="0.5", shop_currency="EUR"))
    (event,) = book.take(refund("r1", "10.00", currency="USD")).events
    assert event.fields["rate"] == "0.5"
    found = book.index.find("ann", REFUNDS, "#1")
    assert found is not None
    assert found.entry.refunded == 500


@pytest.mark.parametrize(
    ("shop", "currency", "rate"),
    [
        ("EUR", "USD", "0.5"),  # the shop's currency is the base currency
        ("EUR", "EUR", None),  # given back in the shop's currency
        ("GBP", "USD", "0.6"),
        ("GBP", "GBP", None),  # the policy has it
        ("GBP", "EUR", None),  # the base currency needs none
        ("CHF", "USD", None),  # nothing leads to the base currency
    ],
)
def test_a_refund_has_the_rate_of_its_order_to_the_base_currency(
    book: Book, shop: str, currency: str, rate: str | None
) -> None:
    book.take(purchase(rate="0.5", shop_currency=shop))
    rates = BaseRates("EUR", {"GBP": Decimal("1.2")})
    (event,) = book.take(refund("r1", "10.00", currency=currency, base_rates=rates)).events
    assert event.fields.get("rate") == rate


def test_a_refund_that_an_earlier_version_has_put_to_wait_is_read(book: Book) -> None:
    event = decode_waiting(WAITS_SINCE_0_1)
    assert (event.kind, event.base_rates) == ("refund", None)
    book.take(purchase(rate="0.5", shop_currency="EUR"))
    (published,) = book.take(event).events
    assert (published.fields["amount"], published.fields["rate"]) == ("10.00", "0.5")


def test_a_refund_waits_for_its_order(book: Book) -> None:
    decision = book.take(refund("r1", "10.00"))
    assert decision.ignored == "waiting"
    (waiting,) = book.index.waiting_for(NUMBER)
    assert (waiting.entry.kind, waiting.entry.customer_id) == (WAITING, "")
    assert waiting.entry.details is not None
    event = decode_waiting(waiting.entry.details.event)
    assert OrderBook(book.index).decide_waiting(waiting.entry, event, SHOPIFY) is None
    book.take(purchase())
    settled = OrderBook(book.index).decide_waiting(waiting.entry, event, SHOPIFY)
    assert settled is not None
    assert [each.customer_id for each in settled.events] == ["ann"]
    book.index.remove(waiting.entry.key)
    assert (book.index.waiting_for(NUMBER), book.index.count_waiting()) == ([], 0)


def test_what_an_erased_customer_did_before_does_not_return(book: Book) -> None:
    book.take(purchase())
    book.erased("ann", occurred_at=1_200)
    assert book.take(purchase()).ignored == "erased"
    assert book.take(refund("r1", "10.00")).ignored == "waiting", "its order is gone"
    (entry, *_) = book.take(purchase(at=1_300)).entries
    assert (entry.kind, entry.erasure_offset) == (ORDER, 7)


def test_an_entry_that_an_erasure_should_have_removed_is_noticed(book: Book) -> None:
    book.erased("ann", occurred_at=1_200)
    entry = LedgerEntry(ORDER, "ann", "#1", "import:shopify", (("may", 0),))
    applied = book.index.apply([Record(entry.key, encode_entry(entry))])
    assert applied.outdated == [(entry.key, "ann")]
    assert book.index.find("ann", ORDER, "#1") is None


def test_a_redaction_erases_every_id_of_the_person(book: Book) -> None:
    book.take(purchase("old@example.com"))
    book.index.remove(LedgerEntry(ORDER, "old@example.com", "#1", "").key)
    book.take(purchase("new@example.com"))
    fields = {"event_id": "erasure:1", "customer_id": "new@example.com"}
    erasure = HookEvent(kind="erasure", fields=fields, occurred_at_ms=5_000, customer_reference="shopify:7")
    erased = book.take(erasure).events
    assert [each.customer_id for each in erased] == ["new@example.com", "old@example.com"]
    assert len({each.fields["event_id"] for each in erased}) == 2


def test_a_consent_that_names_only_the_platforms_id_reaches_the_customer(book: Book) -> None:
    book.take(purchase("ann@example.com"))
    assert book.index.find("ann@example.com", PERSON, "shopify:7") is not None
    fields = {"event_id": "c", "customer_id": "7", "channel": "sms", "granted": True}
    consent = HookEvent(
        kind="consent", fields=fields, occurred_at_ms=5_000, customer_reference="shopify:7", names_reference=True
    )
    assert [each.customer_id for each in book.take(consent).events] == ["ann@example.com"]
