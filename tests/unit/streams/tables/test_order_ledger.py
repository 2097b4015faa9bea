"""The order ledger: keys that name nobody, partitions of customers, and entries without an import."""

import pytest

from state.records.erasure import erasure_key
from state.records.events import UnknownFormatVersion
from streams.kafka.writing.publisher import partition_of
from streams.tables.order_ledger import (
    EVENT,
    ORDER,
    REFUNDS,
    Announcement,
    LedgerEntry,
    customer_part,
    decode_entry,
    encode_entry,
    entry_key,
    entry_partition,
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


@pytest.mark.parametrize("value", [b"", b"\x02\x97"])
def test_an_entry_of_another_format_version_is_not_read(value: bytes) -> None:
    with pytest.raises(UnknownFormatVersion):
        decode_entry(value)
    assert decode_entry(encode_entry(LedgerEntry(ORDER, "c", "o", "r"))).id == "o"
