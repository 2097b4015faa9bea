"""What of a delivery is new, by what the order ledger knows: both orders of arrival, whatever an export says."""

import msgspec
import pytest

from agents.serve.hooks.delivery import HookEvent
from agents.serve.hooks.hook import Hook
from agents.serve.hooks.orders.order_book import KNOWN, OrderBook, decode_waiting
from agents.serve.hooks.platforms.event_building import encode_event
from streams.tables.order_ledger import (
    ORDER,
    PERSON,
    WAITING,
    Announcement,
    LedgerEntry,
    encode_entry,
)
from tests.unit.agents.serve.hooks.order_books import (
    NUMBER,
    SEGMENT,
    SHOPIFY,
    WAITS_SINCE_0_1,
    Book,
    Record,
    purchase,
    refund,
    sale,
)


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


def test_an_order_by_the_same_hook_is_the_same_with_another_customer(book: Book) -> None:
    book.take(purchase("ann"))
    decision = book.take(purchase("ann@new.example"))
    assert (decision.ignored, decision.warning) == ("known", "")
    (event,) = book.take(refund("r1", "10.00")).events
    assert event.customer_id == "ann"


def test_an_order_that_the_export_has_without_a_customer_is_the_same(book: Book) -> None:
    book.imported(ORDER, "", "#1")
    assert book.take(purchase("115")).ignored == "known"


def test_an_order_that_the_export_has_with_an_earlier_address_is_the_same(book: Book) -> None:
    book.imported(ORDER, "ann", "#1")
    decision = book.take(purchase("ann@new.example"))
    assert decision.ignored == "known"
    assert "import:shopify has with another customer; if these are two shops" in decision.warning
    assert "ann" not in decision.warning
    assert not book.take(purchase("ann")).warning
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
def test_a_refund_belongs_to_the_customer_of_its_order_not_to_the_one_it_names(book: Book, owner: str) -> None:
    book.take(purchase(owner, order_reference=""), SEGMENT)
    fields = {"event_id": "r", "refund_id": "r", "order_id": "#1", "amount": "10.00", "currency": "EUR"}
    named = HookEvent(kind="refund", fields={**fields, "customer_id": "bob"}, occurred_at_ms=1_500)
    (event,) = book.take(named, SEGMENT).events
    assert (event.customer_id, event.order_id) == (owner, "#1")
    (unknown,) = book.take(msgspec.structs.replace(named, fields={**named.fields, "order_id": "#2"}), SEGMENT).events
    assert unknown.customer_id == "bob"


def test_a_sale_of_nobody_is_one_event_and_one_entry(book: Book) -> None:
    decision = book.take(sale())
    assert decision.is_anonymous
    assert (len(decision.events), len(decision.entries)) == (1, 1)
    refunded = book.take(refund("r1", "10.00"))
    assert refunded.is_anonymous
    assert (len(refunded.events), len(refunded.entries)) == (1, 1)
    assert not book.take(purchase("ann", order_reference="", customer_reference="")).is_anonymous


def test_a_sale_that_a_hook_has_announced_is_known(book: Book) -> None:
    (entry,) = book.entries_of(sale())
    announced = msgspec.structs.replace(entry.with_event(b"{}"), published=(), announced=Announcement("", 0, "events"))
    book.enter([announced])
    assert book.take(sale()) == KNOWN
    assert book.take(refund("r1", "10.00")).is_anonymous, "its order is known, too"


def test_a_sale_that_an_import_has_announced_gets_the_event_so_that_servers_can_publish_it(book: Book) -> None:
    announced = LedgerEntry(ORDER, "", "#1", "import:shopify", (), Announcement("may", 0, "events", 1, 7))
    book.enter([announced])
    decision = book.take(sale())
    assert (decision.events, decision.ignored) == ((), "known")
    (entry,) = decision.entries
    assert (entry.announced, entry.announced_event) == (announced.announced, encode_event(sale()))
    assert entry.details is not None
    assert entry.details.reference == NUMBER
    assert book.take(sale()) == KNOWN
    book.enter([announced])
    (entry,) = book.take(purchase("ann")).entries
    assert entry.announced_event == encode_event(sale()), "the ledger has the order without a customer"


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
