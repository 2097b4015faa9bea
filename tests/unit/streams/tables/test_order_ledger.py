"""The order ledger: keys that name nobody, partitions of customers, and entries without an import."""

import pytest

from state.records.erasure import erasure_key
from state.records.events import UnknownFormatVersion
from streams.kafka.writing.publisher import partition_of
from streams.tables.order_ledger import (
    EVENT,
    ORDER,
    REFUNDS,
    WAITING,
    Announcement,
    LedgerEntry,
    PlatformDetails,
    customer_part,
    decode_entry,
    encode_entry,
    entry_key,
    entry_partition,
    refunds_key_of,
)

PARTITIONS = 12


def test_the_key_of_an_entry_names_neither_customer_nor_order() -> None:
    key = entry_key("ann@example.com", ORDER, "#1001")
    assert len(key) == 32
    assert b"ann" not in key
    assert b"1001" not in key


def test_the_customer_of_an_entry_is_found_by_the_key_of_the_erasure_ledger() -> None:
    assert customer_part(entry_key("ann", ORDER, "1")) == customer_part(erasure_key("ann"))
    assert customer_part(entry_key("ann", ORDER, "1")) != customer_part(erasure_key("bob"))


def test_entries_of_other_customers_kinds_and_ids_have_other_keys() -> None:
    keys = {
        entry_key(customer, kind, entry_id)
        for customer in ("", "a", "b", "ab")
        for kind in (ORDER, REFUNDS, EVENT)
        for entry_id in ("a", "b", "o1", "r1")
    }
    assert len(keys) == 4 * 3 * 4


def test_an_entry_is_in_the_partition_of_its_customer_and_anonymous_ones_are_spread() -> None:
    for number in range(50):
        customer = f"c-{number}"
        key = entry_key(customer, ORDER, "1")
        assert entry_partition(customer, key, PARTITIONS) == partition_of(customer.encode(), PARTITIONS)
    anonymous = {entry_partition("", entry_key("", ORDER, str(number)), PARTITIONS) for number in range(200)}
    assert anonymous == set(range(PARTITIONS))


def test_the_refunded_total_is_the_sum_of_all_imports() -> None:
    entry = LedgerEntry(REFUNDS, "c", "o", "import:shopify", (("may", 500), ("june", 250)), Announcement("july", 900))
    assert entry.refunded == 750


def test_an_entry_without_an_import_keeps_what_others_published() -> None:
    entry = LedgerEntry(REFUNDS, "c", "o", "import:shopify", (("may", 500), ("june", 250)), Announcement("july", 900))
    without_june = entry.without_imports(frozenset({"june"}))
    assert without_june is not None
    assert (without_june.published, without_june.announced) == ((("may", 500),), entry.announced)
    without_july = entry.without_imports(frozenset({"july"}))
    assert without_july is not None
    assert (without_july.published, without_july.announced) == (entry.published, None)
    assert entry.without_imports(frozenset({"may", "june", "july"})) is None
    assert entry.without_imports(frozenset({"august"})) == entry


def test_parts_of_an_announcement_are_those_after_what_is_published_and_beside_it() -> None:
    announced = Announcement("july", 900, steps=(300, 600), beside=200)
    assert announced.parts(0) == [(100, 300), (300, 600), (300, 900)]
    assert announced.parts(250) == [(150, 600), (300, 900)]


def test_a_confirmed_announcement_adds_what_it_says_without_what_is_beside_it() -> None:
    entry = LedgerEntry(REFUNDS, "c", "o", "import:shopify", (("may", 100),), Announcement("july", 900, beside=200))
    assert entry.confirmed().published == (("may", 100), ("july", 600))
    assert entry.confirmed(600).published == (("may", 100), ("july", 300))


def test_the_event_of_an_announcement_is_gone_when_it_is_confirmed() -> None:
    announced = LedgerEntry(ORDER, "", "o", "hook:shopify/main", (), Announcement("")).with_event(b"{}")
    assert announced.announced_event == b"{}"
    assert announced.confirmed() == LedgerEntry(ORDER, "", "o", "hook:shopify/main", (("", 0),))
    details = PlatformDetails("shopify:1", event=b"{}")
    waiting = LedgerEntry(WAITING, "", "r", "hook:shopify/main", (("", 0),), details=details)
    assert waiting.announced_event == b"", "a refund that waits is not announced"


def test_a_refund_counts_among_those_of_its_order() -> None:
    refund = LedgerEntry(EVENT, "c", "r", "hook:shopify/main", (("", 0),), details=PlatformDetails(order_id="o"))
    others = LedgerEntry(EVENT, "c", "r", "", (("", 0),)), LedgerEntry(ORDER, "c", "o", "", (("", 0),))
    assert refund.refunds_key == refunds_key_of(encode_entry(refund)) == entry_key("c", REFUNDS, "o")
    assert [refunds_key_of(encode_entry(each)) for each in others] == [b"", b""]
    with pytest.raises(UnknownFormatVersion):
        refunds_key_of(b"\x03\x91\xa1o")


@pytest.mark.parametrize("value", [b"", b"\x03\x97"])
def test_an_entry_of_another_format_version_is_not_read(value: bytes) -> None:
    with pytest.raises(UnknownFormatVersion):
        decode_entry(value)
    assert decode_entry(encode_entry(LedgerEntry(ORDER, "c", "o", "r"))).id == "o"
