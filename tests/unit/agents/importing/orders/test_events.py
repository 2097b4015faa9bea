"""From files to events: every kind of event, in every format; no content stops the import."""

import datetime as dt
import json
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from agents.importing.findings import FileError, ImportRefused
from agents.importing.mapping.event_fields import FIELDS_BY_KIND
from agents.importing.mapping.mapping import Mapping
from agents.importing.understanding import UnderstandOptions
from state.intake.admission import AdmissionRules, Admitted, admit
from tests.unit.agents.importing.understood_files import understand_files

MOSCOW: Final = Mapping(timezone="Europe/Moscow")
RULES: Final = AdmissionRules("RUB", 2, {"EUR": Decimal("98.40")})
EVENT: Final = {"occurred_at": "2025-05-12T10:30:00.000Z", "customer_id": "c"}


def events_of(
    folder: Path, name: str, content: str | bytes, mapping: Mapping = MOSCOW, topic: str = "events"
) -> list[dict[str, Any]]:
    """Return the events of a file."""
    options = UnderstandOptions(allow_anonymous=True, topic=topic)
    return understand_files(folder, {name: content}, mapping, options=options).events


def test_our_own_events_of_all_kinds_pass_through(tmp_path: Path) -> None:
    records: list[dict[str, Any]] = [
        {"type": "signup", "event_id": "1", "consent": {"email": True, "sms": False}, "birth_date": "1990-12-31"},
        {"type": "consent", "event_id": "2", "channel": "email", "granted": False},
        {"type": "purchase", "event_id": "3", "order_id": "o", "amount": "5", "currency": "RUB"},
        {"type": "refund", "event_id": "4", "refund_id": "r", "amount": "5", "currency": "RUB"},
        {"type": "contact", "event_id": "5", "message_id": "m", "kind": "opened"},
        {"type": "erasure", "event_id": "6"},
    ]
    expected = [each | EVENT for each in records]
    content = "\n".join(json.dumps(each | {"extra": [1]}) for each in expected)
    found = {each["type"]: each for each in events_of(tmp_path, "a.jsonl", content)}
    assert set(found) == {each["type"] for each in expected}
    for each in expected:
        assert {key: found[each["type"]][key] for key in each} == each


def test_numbers_of_json_are_never_floats(tmp_path: Path) -> None:
    line = (
        '{"order": 1, "customer_id": 12345678901234567890, "occurred_at": "2025-05-12T10:30:00Z", '
        '"amount": 9007199254740.93}'
    )
    (event,) = events_of(tmp_path, "a.jsonl", line)
    assert (event["customer_id"], event["amount"]) == ("12345678901234567890", "9007199254740.93")


def test_parquet_is_read_with_its_own_types(tmp_path: Path) -> None:
    table = pa.table(
        {
            "client": pa.array([1.0, 2.0, None], pa.float64()),
            "date": pa.array([dt.datetime(2025, 5, 12, 10, 30, 0, 123_456)] * 3, pa.timestamp("ns")),  # noqa: DTZ001
            "revenue": pa.array([0.1 + 0.2, 29.33, 5.0], pa.float64()),
            "discount": pa.array([Decimal("1.50"), None, Decimal("0.00")], pa.decimal128(10, 2)),
            "order": pa.array([7, 8, 9], pa.int64()),
        }
    )
    parquet.write_table(table, tmp_path / "written.parquet")
    events = events_of(tmp_path, "a.parquet", (tmp_path / "written.parquet").read_bytes())
    events.sort(key=lambda event: event["order_id"])
    assert [event.get("customer_id") for event in events] == ["1", "2", None]
    assert [event["amount"] for event in events] == ["0.30", "29.33", "5.00"]
    assert events[0]["discount"] == "1.50"
    assert {event["occurred_at"] for event in events} == {"2025-05-12T07:30:00.123Z"}
    assert [event["order_id"] for event in events] == ["7", "8", "9"]


@pytest.mark.parametrize(
    ("header", "cells", "expected"),
    [
        ("refund_id,amount", "r1,5", {"type": "refund", "refund_id": "r1"}),
        ("channel,granted", "email,да", {"type": "consent", "channel": "email", "granted": True}),
        ("message_id,kind", "m1,opened", {"type": "contact", "message_id": "m1", "kind": "opened"}),
    ],
)
def test_without_a_type_column_the_columns_determine_the_kind(
    tmp_path: Path, header: str, cells: str, expected: dict[str, Any]
) -> None:
    (event,) = events_of(tmp_path, "a.csv", f"customer,date,{header}\nc1,2025-05-12,{cells}\n")
    assert expected.items() <= event.items()


def test_consent_columns_become_the_consents_of_a_signup(tmp_path: Path) -> None:
    content = "customer,date,consent_email,Consent SMS\nc1,2025-05-12,yes,0\n"
    (event,) = events_of(tmp_path, "a.csv", content, Mapping(kind="signup", timezone="UTC"))
    assert event["consent"] == {"email": True, "sms": False}


def test_a_topic_of_one_kind_needs_no_type(tmp_path: Path) -> None:
    content = "customer,date,amount,order\nc1,2025-05-12,5,1\n"
    (event,) = events_of(tmp_path, "a.csv", content, Mapping(kind="purchase", timezone="UTC"), "purchases")
    assert isinstance(admit("purchases", 0, 0, json.dumps(event).encode(), RULES, None), Admitted)


def test_ids_depend_on_contents_and_not_on_the_file_or_the_row(tmp_path: Path) -> None:
    rows = ["c1,2025-05-12,5", "c1,2025-05-12,5", "c2,2025-05-13,7"]
    first = events_of(tmp_path, "a.csv", "\n".join(["customer,date,amount", *rows]))
    longer = "\n".join(["customer,date,amount", "c0,2025-06-01,1", *rows[::-1]])
    again = events_of(tmp_path, "b.csv", longer)
    ids = [event["event_id"] for event in first]
    assert len(set(ids)) == 3, "two equal sales are two sales"
    assert set(ids) < {event["event_id"] for event in again}


FEW: Final = settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
"""Each example stages a file."""
CELLS: Final = st.one_of(
    st.sampled_from(
        ["", "5", "12.50", "1.234,56", "-3", "1e999999", "2025-05-12", "9999-12-31", "31.12.2025 25:61", "NaN", "да"]
    ),
    st.text(max_size=20),
    st.integers().map(str),
    st.floats().map(str),
)


def check_whatever_is_read(folder: Path, name: str, content: bytes, mapping: Mapping = MOSCOW) -> None:
    """Check that a file is refused, asked about, or becomes admissible events."""
    options = UnderstandOptions(allow_anonymous=True)
    with suppress(FileError, ImportRefused):
        for event in understand_files(folder, {name: content}, mapping, options=options).imported:
            assert isinstance(admit("events", 0, 0, event.value, RULES, None), Admitted)


@FEW
@given(
    st.sampled_from([b"", b"customer,date,amount\n"]), st.binary(max_size=400), st.sampled_from(["csv", "jsonl", "txt"])
)
def test_no_content_of_a_file_stops_the_import(
    tmp_path_factory: pytest.TempPathFactory, head: bytes, content: bytes, suffix: str
) -> None:
    check_whatever_is_read(tmp_path_factory.getbasetemp(), f"any.{suffix}", head + content)


@FEW
@given(st.sampled_from(sorted(FIELDS_BY_KIND)), st.data())
def test_no_cell_stops_the_import(tmp_path_factory: pytest.TempPathFactory, kind: str, data: st.DataObject) -> None:
    names = ("customer_id", "occurred_at", "event_id", *FIELDS_BY_KIND[kind])
    rows = data.draw(st.lists(st.fixed_dictionaries(dict.fromkeys(names, CELLS)), min_size=1, max_size=4))
    content = "\n".join(json.dumps(row) for row in rows).encode()
    mapping = Mapping(kind=kind, timezone="UTC")
    check_whatever_is_read(tmp_path_factory.getbasetemp(), "any.jsonl", content, mapping)


def test_refunds_of_an_order_count_up_to_what_was_paid_in_files_of_our_own(tmp_path: Path) -> None:
    own = [
        {"type": "purchase", "event_id": "e1", "order_id": "o1", "amount": "100.00"},
        {"type": "refund", "event_id": "e2", "order_id": "o1", "refund_id": "r1", "amount": "70.00"},
        {"type": "refund", "event_id": "e3", "order_id": "o1", "refund_id": "r2", "amount": "70.00"},
        {"type": "refund", "event_id": "e4", "refund_id": "r3", "amount": "5.00"},
    ]
    more = {"customer_id": "c1", "currency": "RUB"}
    lines = [
        json.dumps({**event, **more, "occurred_at": f"2025-05-0{day}T10:00:00Z"}) for day, event in enumerate(own, 1)
    ]
    found = understand_files(tmp_path, {"own.jsonl": "\n".join(lines)})
    assert found.amounts("refund") == {"r1": "70.00", "r2": "70.00", "r3": "5.00"}
    assert (found.totals.gross_minor, found.totals.refunds_minor) == (10_000, 10_500)


def test_rules_leave_out_rows_of_every_kind(tmp_path: Path) -> None:
    text = "customer_id,newsletter,state,date\n1,yes,active,2025-05-01\n2,yes,blocked,no date\n"
    rule = '[[skip]]\ncolumn = "state"\nvalues = ["blocked"]\nreason = "blocked"\n'
    found = understand_files(tmp_path, {"a.csv": text}, f'kind = "signup"\ntimezone = "UTC"\n{rule}')
    assert ([event["customer_id"] for event in found.events], found.left_out) == (["1"], {"blocked": (1, [3])})
