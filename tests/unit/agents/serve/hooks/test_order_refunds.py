"""What of the refunds of an order is new, in whatever order hooks and exports bring them."""

from decimal import Decimal

import msgspec
import pytest

from agents.serve.hooks.base_rates import BaseRates
from agents.serve.hooks.delivery import HookEvent
from agents.serve.hooks.orders.order_refunds import find_refunds
from streams.tables.order_ledger import (
    ORDER,
    REFUNDS,
    Announcement,
    LedgerEntry,
    PlatformDetails,
)
from tests.unit.agents.serve.hooks.order_books import (
    IMPORTED_MS,
    NUMBER,
    SEGMENT,
    WOO,
    Book,
    purchase,
    refund,
    total,
)


@pytest.fixture
def book() -> Book:
    return Book()


def test_refunds_that_came_one_by_one_are_the_total_of_an_export(book: Book) -> None:
    book.take(purchase())
    assert book.sums(refund("r1", "10.00")) == ["10.00"]
    assert book.sums(refund("r2", "5.00")) == ["5.00"]
    assert book.sums(refund("r1", "10.00")) == []
    assert find_refunds(book.index, "ann", "#1").total == 1_500


def test_refunds_that_two_servers_take_at_once_add_up(book: Book) -> None:
    other = Book()
    for each in (book, other):
        each.take(purchase())
    entries = [*book.entries_of(refund("r1", "10.00")), *other.entries_of(refund("r2", "5.00"))]
    for each in (book, other):
        each.enter(entries)
        assert find_refunds(each.index, "ann", "#1").total == 1_500
        assert each.sums(refund("r1", "10.00")) == []


def test_totals_that_two_servers_take_at_once_add_up_to_the_larger_one(book: Book) -> None:
    other = Book()
    earlier, later = [total(1_000, "10.00")], [total(1_000, "10.00"), total(1_500, "5.00")]
    for each, deliveries in ((book, earlier), (other, later)):
        for delivery in deliveries:
            each.take(delivery, WOO)
    found = [entry for each in (other, book) for entry in each.index.refunds_of("ann", "#1")]
    book.enter(found)
    assert find_refunds(book.index, "ann", "#1").total == 1_500
    assert book.sums(total(1_500, "5.00"), WOO) == []
    assert book.sums(total(1_700, "2.00"), WOO) == ["2.00"]


def test_refunds_that_an_earlier_version_has_counted_in_the_total_still_count() -> None:
    book = Book()
    book.imported(ORDER, "ann", "#1", reference=NUMBER)
    counted = LedgerEntry(REFUNDS, "ann", "#1", "import:shopify", (("may", 1_000), ("", 500)))
    book.enter([msgspec.structs.replace(counted, details=PlatformDetails(one_by_one=700))])
    assert find_refunds(book.index, "ann", "#1") == (1_500, 800, IMPORTED_MS)
    assert book.sums(refund("r3", "8.00")) == []
    assert book.sums(refund("r4", "8.00")) == ["8.00"]
    assert find_refunds(book.index, "ann", "#1") == (2_300, 0, IMPORTED_MS)


def test_what_an_import_has_announced_will_be_published_so_it_counts(book: Book) -> None:
    book.imported(ORDER, "ann", "#1", reference=NUMBER)
    announced = Announcement("may", 1_500, beside=500)
    book.enter([LedgerEntry(REFUNDS, "ann", "#1", "import:shopify", (), announced)])
    assert find_refunds(book.index, "ann", "#1") == (1_000, 1_000, IMPORTED_MS)
    assert book.sums(refund("r1", "10.00")) == []


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


@pytest.mark.parametrize("customer", ["ann", ""])
def test_a_cancellation_gives_back_what_is_left(book: Book, customer: str) -> None:
    book.take(purchase(customer, order_reference=""), SEGMENT)
    given_back = {"event_id": "r", "refund_id": "r", "order_id": "#1", "amount": "30.00", "currency": "EUR"}
    book.take(HookEvent(kind="refund", fields=given_back, occurred_at_ms=1_500, names_order=True), SEGMENT)
    rest = {**given_back, "event_id": "c", "refund_id": "#1:cancelled", "amount": "100.00"}
    cancelled = HookEvent(kind="refund", fields=rest, occurred_at_ms=1_600, needs_order=True)
    assert book.sums(cancelled, SEGMENT) == ["70.00"]
    assert book.take(cancelled, SEGMENT).ignored == "known"
    again = msgspec.structs.replace(cancelled, fields={**rest, "refund_id": "other"})
    assert book.take(again, SEGMENT).ignored == "known"


def test_a_refund_in_the_buyers_currency_is_compared_in_the_shops(book: Book) -> None:
    book.take(purchase(rate="0.5", shop_currency="EUR"))
    (event,) = book.take(refund("r1", "10.00", currency="USD")).events
    assert event.fields["rate"] == "0.5"
    assert find_refunds(book.index, "ann", "#1").total == 500


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
