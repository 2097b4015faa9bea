"""What the ledger knows decides: another shop is refused, refunds find their orders, the report shows what is new."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from agents.cli.importing.publication import Publication
from agents.importing.events.imported_event import ImportedEvent
from agents.importing.findings import ImportRefused, LeftOut
from agents.importing.publication.event_spool import EventSpool
from agents.importing.publication.import_plan import UNKNOWN_ORDER, ImportPlan
from agents.importing.publication.known_events import Known, OtherCustomers
from agents.importing.publication.known_refusals import check_known
from agents.importing.publication.ledger_reading import Unfinished
from streams.tables.order_ledger import ORDER, LedgerEntry
from tests.unit.agents.importing.understood_files import UTC, understand_files

ENTRY = LedgerEntry(ORDER, "ann", "#1000", "import:shopify", (("may", 0),))


def event(kind: str, line: int, customer_id: str = "ann") -> ImportedEvent:
    value = {"type": kind, "event_id": f"{kind}:{line}", "amount": "1.00"}
    return ImportedEvent(
        kind, line, customer_id, str(line) if kind == "purchase" else "", json.dumps(value).encode(), line
    )


@pytest.mark.parametrize(("others", "own"), [(0, 0), (1, 0), (2, 2)])
def test_a_few_orders_that_are_known_with_other_customers_are_no_other_shop(others: int, own: int) -> None:
    check_known("a.csv", OtherCustomers(frozenset(range(others)), own, ENTRY), LeftOut(), Counter())


@pytest.mark.parametrize(("others", "own"), [(2, 0), (3, 2)])
def test_another_shop_is_refused_and_the_source_option_named(others: int, own: int) -> None:
    with pytest.raises(ImportRefused, match=r"such as #1000, which came by import may: .* give --source NAME; "):
        check_known("a.csv", OtherCustomers(frozenset(range(others)), own, ENTRY), LeftOut(), Counter())


def test_refunds_of_nobody_whose_orders_nobody_knows_are_refused_if_there_is_nothing_else() -> None:
    left_out = LeftOut()
    left_out.add(UNKNOWN_ORDER, 2)
    with pytest.raises(ImportRefused, match="import the orders first"):
        check_known("a.csv", OtherCustomers(), left_out, Counter())
    check_known("a.csv", OtherCustomers(), left_out, Counter({"refund": 1}))


def _counted(events: Iterable[ImportedEvent], published: bytes) -> tuple[list[str], LeftOut]:
    left_out = LeftOut()
    with EventSpool() as spool:
        for each in events:
            spool.add(each)
        plan = ImportPlan(Known({}, bytearray(published), []), {}, "june", "import:generic")
        new = Publication(plan, Unfinished([], []), {}).count(spool, left_out)
    return [json.loads(sample.value)["event_id"] for sample in new.examples.samples()], left_out


def test_a_row_that_is_several_known_events_is_left_out_once() -> None:
    events = [event("signup", 2), event("purchase", 2), event("purchase", 3), event("purchase", 3, "bob")]
    _, left_out = _counted(events, b"\1\1\1\1")
    assert [(reason, count) for reason, count, _, _ in left_out.rows()] == [("known", 3)]


def test_the_samples_are_what_is_new() -> None:
    samples, _ = _counted([event("purchase", 2), event("signup", 3), event("purchase", 4)], b"\1\0\0")
    assert samples == ["signup:3", "purchase:4"]


def test_refunds_alone_that_name_their_orders_need_no_customer(tmp_path: Path) -> None:
    files = {"refunds.csv": "refund_id;order_id;refund date;refund amount\nr1;t1;2025-05-10 10:00:00;20.00\n"}
    found = understand_files(tmp_path, files, UTC)
    assert found.asked == {}
    (refund,) = found.imported
    assert (refund.customer_id, refund.mentioned_order) == ("", "t1")
