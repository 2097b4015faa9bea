"""The spool returns events as they were added, with the entry of the ledger by which each is known again."""

import pytest

from agents.importing.events.imported_event import ImportedEvent
from agents.importing.publication.event_spool import EventSpool
from streams.tables.order_ledger import EVENT, ORDER, REFUNDS, entry_key

PURCHASE = ImportedEvent("purchase", 1, "ann", "#1001", b'{"event_id":"#1001:placed"}', 2)
ANONYMOUS = ImportedEvent("purchase", -5, "", "№ 7", b"{}", 9_000_000_000)
COLUMN_REFUND = ImportedEvent("refund", 3, "ann", "#1001", b"{}", 2, 0)
ROW_REFUND = ImportedEvent("refund", 3, "ann", "#1001", b'{"event_id": "e", "refund_id": "r"}', 4)
SIGNUP = ImportedEvent("signup", 4, "Анна", "", b'{"event_id": "s"}', 5)
ERASURE = ImportedEvent("erasure", 5, "ann", "", b'{"event_id": "x"}', 6)


@pytest.mark.parametrize(
    ("event", "entry"),
    [
        (PURCHASE, (ORDER, "#1001")),
        (ANONYMOUS, (ORDER, "№ 7")),
        (COLUMN_REFUND, (REFUNDS, "#1001")),
        (ROW_REFUND, (EVENT, "r")),
        (SIGNUP, (EVENT, "s")),
        (ERASURE, ("", "")),
    ],
)
def test_an_event_is_known_again_by_its_order_or_by_its_own_id(event: ImportedEvent, entry: tuple[str, str]) -> None:
    with EventSpool() as spool:
        spooled = spool.add(event)
        assert (spooled.entry_kind, spooled.entry_id) == entry
        assert spooled.key == (entry_key(event.customer_id, *entry) if entry[0] else b"")
        assert list(spool) == [spooled]
        assert list(spool) == [spooled], "it can be read again"
        assert spool.count == 1


def test_events_keep_their_order() -> None:
    events = [PURCHASE, ERASURE, ANONYMOUS, SIGNUP, COLUMN_REFUND, ROW_REFUND] * 3
    with EventSpool() as spool:
        for event in events:
            spool.add(event)
        assert [spooled.event for spooled in spool] == events
