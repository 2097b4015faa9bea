"""Which of several announcements of an event is in force, and what servers settle later."""

from typing import Final, NamedTuple

import msgspec
import pytest

from agents.serve.hooks.orders.order_index import Applied, OrderIndex
from state.records.events import UnknownFormatVersion
from streams.tables.order_ledger import (
    IMPORT_SETTLED_AFTER_MS,
    ORDER,
    SETTLED_AFTER_MS,
    Announcement,
    LedgerEntry,
    encode_entry,
)

AT_MS: Final = 1_000_000
PUBLISHED: Final = LedgerEntry(ORDER, "", "#1", "hook:shopify/main", (("", 0),))
BY_IMPORT: Final = LedgerEntry(ORDER, "", "#1", "import:shopify", (), Announcement("may", 0, "events", 1, 50))


class Record(NamedTuple):
    """A record of the ledger, as far as the index reads it."""

    key: bytes
    value: bytes | None
    timestamp: int
    offset: int


class Ledger:
    """An index that reads one entry after the other."""

    def __init__(self) -> None:
        self.index = OrderIndex()
        self._next = 0

    def write(self, entry: LedgerEntry, at_ms: int = AT_MS) -> Applied:
        """Read the next record, with an entry."""
        record = Record(entry.key, encode_entry(entry), at_ms, self._next)
        self._next += 1
        return self.index.apply([record])

    @property
    def place(self) -> int:
        """The offset of the record that is in force."""
        found = self.index.find("", ORDER, "#1")
        assert found is not None
        return found.place


def announced(by: str = "a", offset: int = 50) -> LedgerEntry:
    announcement = Announcement("", 0, "events", 1, offset)
    entry = msgspec.structs.replace(PUBLISHED, published=(), announced=announcement)
    return entry.with_event(by.encode())


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def test_the_first_announcement_is_in_force_until_it_is_old(ledger: Ledger) -> None:
    ledger.write(announced("a"))
    ledger.write(announced("b"), AT_MS + SETTLED_AFTER_MS - 1)
    assert ledger.place == 0
    ledger.write(announced("c"), AT_MS + SETTLED_AFTER_MS)
    assert ledger.place == 2
    ledger.write(announced("d"), AT_MS + SETTLED_AFTER_MS + 1)
    assert ledger.place == 2, "of two servers that settle it, too"


def test_an_announcement_of_what_is_published_is_void_and_covered_again(ledger: Ledger) -> None:
    ledger.write(PUBLISHED)
    applied = ledger.write(announced(), AT_MS + 10 * SETTLED_AFTER_MS)
    assert (ledger.place, applied.covered) == (0, [PUBLISHED])
    assert ledger.write(PUBLISHED).covered == []


def test_what_is_announced_is_settled_once_it_is_old_unless_it_is_confirmed(ledger: Ledger) -> None:
    ledger.write(announced())
    assert ledger.index.unsettled(AT_MS + SETTLED_AFTER_MS - 1) == []
    (found,) = ledger.index.unsettled(AT_MS + SETTLED_AFTER_MS)
    assert found.entry == announced()
    ledger.write(announced().confirmed())
    assert ledger.index.unsettled(AT_MS + 10 * SETTLED_AFTER_MS) == []


def test_an_announcement_of_an_import_is_in_force_for_longer_and_settled_once_it_has_the_event(ledger: Ledger) -> None:
    ledger.write(BY_IMPORT)
    assert ledger.index.unsettled(AT_MS + 10 * IMPORT_SETTLED_AFTER_MS) == []
    ledger.write(announced(), AT_MS + IMPORT_SETTLED_AFTER_MS - 1)
    assert ledger.place == 0
    ledger.write(BY_IMPORT.with_event(b"e"), AT_MS + 1)
    assert ledger.place == 2
    assert ledger.index.unsettled(AT_MS + IMPORT_SETTLED_AFTER_MS) == []
    (found,) = ledger.index.unsettled(AT_MS + 1 + IMPORT_SETTLED_AFTER_MS)
    assert found.entry.announced_event == b"e"
    ledger.write(BY_IMPORT.confirmed())
    assert ledger.write(BY_IMPORT.with_event(b"e")).covered == [BY_IMPORT.confirmed()], "the import was faster"


def test_an_import_that_announces_later_is_in_force(ledger: Ledger) -> None:
    ledger.write(announced())
    ledger.write(BY_IMPORT)
    assert ledger.place == 1
    assert ledger.index.unsettled(AT_MS + 10 * IMPORT_SETTLED_AFTER_MS) == []


def test_what_precedes_a_record_of_another_version_is_read(ledger: Ledger) -> None:
    unknown = Record(PUBLISHED.key, b"\x09", AT_MS, 1)
    with pytest.raises(UnknownFormatVersion):
        ledger.index.apply([Record(PUBLISHED.key, encode_entry(PUBLISHED), AT_MS, 0), unknown])
    assert ledger.place == 0
    assert ledger.write(PUBLISHED).covered == []
