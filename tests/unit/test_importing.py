"""Import: rows of files become events, and unreadable rows are reported with their line."""

import contextlib
import datetime as dt
import gzip
import json
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from agents.importing.cell_values import CellError
from agents.importing.column_names import FIELDS_BY_KIND, find_columns, kind_from_word
from agents.importing.event_builder import EventBuilder, ImportedEvent
from agents.importing.event_sorter import EventSorter
from agents.importing.parquet_reader import ParquetReader
from agents.importing.row_mapping import Mapping, read_mapping
from agents.importing.row_reader import FileError, Row, RowReader, UnreadableRow, format_of
from state.config.config_errors import ConfigErrors
from state.intake.admission import AdmissionRules

ROUBLES = AdmissionRules("RUB", 2, {"EUR": Decimal("98.40")})


def rows_of(path: Path, mapping: Mapping | None = None) -> list[Row | UnreadableRow]:
    """Return the rows of a CSV or JSON Lines file."""
    return list(RowReader(path, format_of(path) or "csv", mapping or Mapping()).rows())


def events_of(
    path: Path, mapping: Mapping | None = None, *, topic: str = "events", backfill: bool = False
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the events of a file, and its errors with line numbers."""
    mapping = mapping or Mapping()
    is_parquet = format_of(path) == "parquet"
    source: RowReader | ParquetReader = (
        ParquetReader(path) if is_parquet else RowReader(path, format_of(path) or "", mapping)
    )
    may_vary = source.file_format == "jsonl"
    builder = EventBuilder(path, mapping, ROUBLES, topic, backfill=backfill, may_vary=may_vary)
    events, errors = [], []
    for row in source.rows():
        if isinstance(row, UnreadableRow):
            errors.append(f"{row.line}: {row.error}")
            continue
        try:
            events.append(json.loads(builder.build(row, None).value))
        except CellError as error:
            errors.append(f"{row.line}: {error}")
    return events, errors


def write_file(tmp_path: Path, name: str, content: str | bytes) -> Path:
    """Write a file and return its path."""
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def only(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the only event."""
    (event,) = events
    return event


def test_a_row_with_plain_columns_is_a_purchase(tmp_path: Path) -> None:
    path = write_file(tmp_path, "a.csv", "customer_id,date,amount,order_id\nc1,2025-05-12 10:30,12.40,o1\n")
    event = only(events_of(path)[0])
    event_id = event.pop("event_id")
    assert event_id.startswith("imp-")
    assert event == {
        "type": "purchase",
        "customer_id": "c1",
        "order_id": "o1",
        "amount": "12.40",
        "currency": "RUB",
        "occurred_at": "2025-05-12T10:30:00.000Z",
    }


@pytest.mark.parametrize(
    "header",
    [
        "client;timestamp;sum;receipt",
        "Customer ID;Order Date;Revenue;Invoice No",
        "CustomerId;PurchasedAt;TotalAmount;TransactionId",
        "Клиент;Дата покупки;Сумма чека;Номер чека",
        "\ufeffКод клиента;ДАТА;Итого;Чек",
        '"card_number";"date";"paid";"check"',
    ],
)
def test_columns_are_recognized_in_english_and_russian(tmp_path: Path, header: str) -> None:
    path = write_file(tmp_path, "a.csv", f"{header}\n7;12.05.2025 10:30;12.40;15\n")
    event = only(events_of(path)[0])
    assert (event["customer_id"], event["occurred_at"]) == ("7", "2025-05-12T10:30:00.000Z")
    assert (event["amount"], event["order_id"]) == ("12.40", "15")


def test_a_moment_may_be_in_a_date_and_a_time_column(tmp_path: Path) -> None:
    path = write_file(tmp_path, "a.csv", "customer,date,time,amount\nc1,2025-05-12,10:30:15,5\n")
    assert only(events_of(path)[0])["occurred_at"] == "2025-05-12T10:30:15.000Z"


def test_every_field_of_an_event_is_recognized_by_its_own_name() -> None:
    for fields in FIELDS_BY_KIND.values():
        assert set(find_columns(fields, fields)) == set(fields)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-05-12T10:30:00+03:00", "2025-05-12T07:30:00.000Z"),
        ("2025-05-12T10:30:00.123999Z", "2025-05-12T10:30:00.123Z"),
        ("2025-05-12 10:30", "2025-05-12T07:30:00.000Z"),
        ("2025-05-12", "2025-05-11T21:00:00.000Z"),
        ("20250512", "2025-05-11T21:00:00.000Z"),
        ("12.05.2025 10:30:05", "2025-05-12T07:30:05.000Z"),
        ("2.5.2025", "2025-05-01T21:00:00.000Z"),
    ],
)
def test_times_without_an_offset_are_in_the_given_time_zone(tmp_path: Path, text: str, moment: str) -> None:
    path = write_file(tmp_path, "a.csv", f"customer,date,amount\nc1,{text},5\n")
    assert only(events_of(path, Mapping(timezone="Europe/Moscow"))[0])["occurred_at"] == moment


@pytest.mark.parametrize(
    ("time_format", "text", "moment"),
    [
        ("%d/%m/%y %H.%M", "12/05/25 10.30", "2025-05-12T10:30:00.000Z"),
        ("unix", "1747045800", "2025-05-12T10:30:00.000Z"),
        ("unix", "1747045800.5", "2025-05-12T10:30:00.500Z"),
        ("unix_ms", "1747045800123", "2025-05-12T10:30:00.123Z"),
    ],
)
def test_other_time_formats_are_configured(tmp_path: Path, time_format: str, text: str, moment: str) -> None:
    path = write_file(tmp_path, "a.csv", f"customer,date,amount\nc1,{text},5\n")
    assert only(events_of(path, Mapping(time_format=time_format))[0])["occurred_at"] == moment


@pytest.mark.parametrize(
    ("decimal", "text", "amount"),
    [
        (".", "12.4", "12.4"),
        (".", "1 234.50", "1234.50"),
        (".", "1\u00a0234", "1234"),
        (".", " 5 ", "5"),
        (".", "+5", "5"),
        (".", "29.330000000000002", "29.33"),
        (",", "12,40", "12.40"),
        (",", "1.234,50", "1234.50"),
        (",", "1234.50", "1234.50"),
    ],
)
def test_amounts_are_read_in_common_notations(tmp_path: Path, decimal: str, text: str, amount: str) -> None:
    path = write_file(tmp_path, "a.csv", f"customer;date;amount\nc1;2025-05-12;{text}\n")
    assert only(events_of(path, Mapping(decimal=decimal))[0])["amount"] == amount


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ("c1;2025-05-12;12,40", "amount must be a number"),
        ("c1;2025-05-12;12,40", 'if "," is the decimal sign, give --decimal ","'),
        ("c1;2025-05-12;abc", 'amount must be a number: got "abc"'),
        ("c1;2025-05-12;12.345", "amount"),
        ("c1;2025-05-12;-5", "amount"),
        ("c1;2025-05-12;", "amount"),
        ("c1;yesterday;5", 'occurred_at must be a date and time: got "yesterday"'),
        ("c1;05/12/2025;5", "state whether day or month comes first"),
        ("c1;1969-12-31;5", "1970"),
        ("c1;;5", "occurred_at has no value"),
        ("c1;2025-05-12", "has 2 cells where the header has 3"),
        ('c1;2025-05-12;"5', "is not CSV"),
        (f"{'c' * 129};2025-05-12;5", "customer_id"),
    ],
)
def test_an_unreadable_row_is_reported_with_its_line_and_skipped(tmp_path: Path, row: str, error: str) -> None:
    path = write_file(tmp_path, "a.csv", f"customer;date;amount\nc0;2025-05-12;1\n\n{row}\n")
    events, errors = events_of(path)
    assert [event["customer_id"] for event in events] == ["c0"]
    (reported,) = errors
    assert reported.startswith("4: ")
    assert error in reported


def test_an_error_names_the_first_line_of_its_row(tmp_path: Path) -> None:
    path = write_file(tmp_path, "a.csv", 'customer,date,amount\n"c\n1",2025-05-12,1\nc2,2025-05-12,x\n')
    assert events_of(path)[1] == ['4: amount must be a number: got "x"']


def test_another_encoding_is_detected_and_can_be_given(tmp_path: Path) -> None:
    path = write_file(tmp_path, "a.csv", "Клиент;Дата;Сумма\nИванов;12.05.2025;5\n".encode("cp1251"))
    assert "is not utf-8; give the file's encoding" in str(rows_of(path)[-1])
    assert only(events_of(path, Mapping(encoding="cp1251"))[0])["customer_id"] == "Иванов"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_detected_from_the_first_line(tmp_path: Path, delimiter: str) -> None:
    lines = (("customer", "date", "amount", '"a,b;c"'), ("c1", "2025-05-12", "5", "x"))
    path = write_file(tmp_path, "a.txt", "\n".join(delimiter.join(line) for line in lines))
    assert only(events_of(path)[0])["amount"] == "5"


def test_gzip_is_read_and_broken_gzip_is_reported(tmp_path: Path) -> None:
    compressed = gzip.compress(b"customer,date,amount\n" + b"c1,2025-05-12,5\n" * 1_000)
    assert len(rows_of(write_file(tmp_path, "a.csv.gz", compressed))) == 1_000
    for name, content in (("b.csv.gz", compressed[:-20]), ("c.jsonl.gz", b"not gzip")):
        with pytest.raises(FileError, match="damaged or not gzip"):
            rows_of(write_file(tmp_path, name, content))


def test_json_lines_can_have_events_of_all_kinds(tmp_path: Path) -> None:
    records: list[dict[str, Any]] = [
        {"type": "signup", "event_id": "1", "customer_id": "c", "consent": {"email": True, "sms": False}},
        {"type": "consent", "event_id": "2", "customer_id": "c", "channel": "email", "granted": False},
        {"type": "purchase", "event_id": "3", "customer_id": "c", "order_id": "o", "amount": "5", "currency": "RUB"},
        {"type": "refund", "event_id": "4", "customer_id": "c", "refund_id": "r", "amount": "5", "currency": "RUB"},
        {"type": "contact", "event_id": "5", "customer_id": "c", "message_id": "m", "kind": "opened"},
        {"type": "erasure", "event_id": "6", "customer_id": "c"},
    ]
    expected = [each | {"occurred_at": "2025-05-12T10:30:00.000Z"} for each in records]
    path = write_file(tmp_path, "a.jsonl", "\n".join(json.dumps(each | {"extra": [1]}) for each in expected))
    assert events_of(path) == (expected, [])


def test_numbers_of_json_are_never_floats(tmp_path: Path) -> None:
    line = '{"customer_id": 12345678901234567890, "occurred_at": "2025-05-12T10:30:00Z", "amount": 4503599627370497.50}'
    events, errors = events_of(write_file(tmp_path, "a.jsonl", line))
    assert events == []
    assert "450359962737049750" in errors[0] or "4503599627370497.50" in errors[0]
    line = line.replace("4503599627370497.50", "9007199254740.93")
    event = only(events_of(write_file(tmp_path, "b.jsonl", line))[0])
    assert (event["customer_id"], event["amount"]) == ("12345678901234567890", "9007199254740.93")


def test_lines_that_are_not_objects_are_reported(tmp_path: Path) -> None:
    _, errors = events_of(write_file(tmp_path, "a.jsonl", b'nope\n[1]\n\n"x"\n{"a": "\xff"}\n'))
    assert [error.split(":")[0] for error in errors] == ["1", "2", "4", "5"]
    assert "write one object per line" in errors[1]


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
    path = tmp_path / "a.parquet"
    parquet.write_table(table, path)
    events, errors = events_of(path, Mapping(timezone="Europe/Moscow"))
    assert errors == []
    assert [event.get("customer_id") for event in events] == ["1", "2", None]
    assert [event["amount"] for event in events] == ["0.30", "29.33", "5.0"]
    assert [event.get("discount") for event in events] == ["1.50", None, "0.00"]
    assert {event["occurred_at"] for event in events} == {"2025-05-12T07:30:00.123Z"}
    assert [event["order_id"] for event in events] == ["7", "8", "9"]


def test_a_file_that_is_not_parquet_is_reported(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be read as Parquet"):
        ParquetReader(write_file(tmp_path, "a.parquet", b"PAR1 but not really"))
    with pytest.raises(FileError, match=r"nowhere\.parquet"):
        ParquetReader(tmp_path / "nowhere.parquet")


def test_derived_ids_are_stable_and_differ_between_rows_and_files(tmp_path: Path) -> None:
    content = "customer,date,amount\nc1,2025-05-12,5\nc1,2025-05-12,5\n"
    first, again = events_of(write_file(tmp_path, "a.csv", content))[0], events_of(tmp_path / "a.csv")[0]
    other = events_of(write_file(tmp_path, "b.csv", content))[0]
    assert first == again
    assert len({event["order_id"] for event in (*first, *other)}) == 4
    assert len({event["event_id"] for event in (*first, *other)}) == 4


def test_a_type_column_may_use_words_of_retail(tmp_path: Path) -> None:
    lines = "тип;клиент;дата;сумма\nпродажа;c1;12.05.2025;5\nВозврат;c1;13.05.2025;5\nподарок;c1;14.05.2025;5\n"
    events, errors = events_of(write_file(tmp_path, "a.csv", lines))
    assert [event["type"] for event in events] == ["purchase", "refund"]
    assert events[1]["refund_id"] == events[1]["event_id"]
    assert "type must be one of" in only([{"error": error} for error in errors])["error"]
    assert kind_from_word("Order") == "purchase"


@pytest.mark.parametrize(
    ("header", "kind"),
    [("refund_id,amount", "refund"), ("channel,granted", "consent"), ("message_id,kind", "contact")],
)
def test_without_a_type_column_the_columns_determine_the_kind(tmp_path: Path, header: str, kind: str) -> None:
    cells = {"refund_id,amount": "r1,5", "channel,granted": "email,да", "message_id,kind": "m1,opened"}[header]
    path = write_file(tmp_path, "a.csv", f"customer,date,{header}\nc1,2025-05-12,{cells}\n")
    assert only(events_of(path)[0])["type"] == kind


def test_consent_columns_become_the_consents_of_a_signup(tmp_path: Path) -> None:
    path = write_file(tmp_path, "a.csv", "customer,date,consent_email,Consent SMS\nc1,2025-05-12,yes,0\n")
    event = only(events_of(path, Mapping(kind="signup"))[0])
    assert event["consent"] == {"email": True, "sms": False}


def test_backfill_marks_every_event_as_history(tmp_path: Path) -> None:
    path = write_file(tmp_path, "a.csv", "customer,date,amount\nc1,2025-05-12,5\n")
    assert only(events_of(path, backfill=True)[0])["backfill"] is True


def test_a_topic_of_one_kind_needs_no_type(tmp_path: Path) -> None:
    path = write_file(tmp_path, "a.csv", "customer,date,amount\nc1,2025-05-12,5\n")
    assert "type" not in only(events_of(path, Mapping(kind="purchase"), topic="purchases")[0])


def test_a_mapping_file_sets_columns_constants_and_formats(tmp_path: Path) -> None:
    mapping = read_mapping(
        write_file(
            tmp_path,
            "map.toml",
            """
            kind = "purchase"
            timezone = "Europe/Moscow"
            time_format = "%d-%m-%Y %H:%M"
            decimal = ","
            delimiter = ";"
            header = ["who", "day", "hour", "sum", "till"]
            [fields]
            customer_id = "who"
            occurred_at = ["day", "hour"]
            store_id = "till"
            [set]
            currency = "EUR"
            channel = "store"
            """,
        )
    )
    path = write_file(tmp_path, "a.csv", "c1;12-05-2025;10:30;1,50;t7\n")
    event = only(events_of(path, mapping)[0])
    assert event["occurred_at"] == "2025-05-12T07:30:00.000Z"
    assert (event["amount"], event["currency"]) == ("1.50", "EUR")
    assert (event["channel"], event["store_id"]) == ("store", "t7")


def test_all_errors_of_a_mapping_file_are_reported_together(tmp_path: Path) -> None:
    path = write_file(
        tmp_path,
        "map.toml",
        """
        kind = "sale"
        timezone = "Moscow"
        time_format = "dd.mm"
        decimal = ";"
        delimiter = ";;"
        encoding = "utf-9"
        header = [1]
        colour = "red"
        [fields]
        amont = "sum"
        amount = 5
        [set]
        currency = 1.5
        """,
    )
    with pytest.raises(ConfigErrors) as caught:
        read_mapping(path)
    assert all(error.startswith(f"{path}: ") for error in caught.value.errors)
    names = {error.removeprefix(f"{path}: ").split()[0] for error in caught.value.errors}
    expected = {"kind", "timezone", "time_format", "decimal", "delimiter", "encoding", "header", "colour"}
    assert names == expected | {"fields.amont", "fields.amount", "set.currency"}
    assert "did you mean amount?" in " ".join(caught.value.errors)


def test_a_missing_mapped_column_is_an_error(tmp_path: Path) -> None:
    path = write_file(tmp_path, "a.csv", "customer,date,amount\nc1,2025-05-12,5\n")
    with pytest.raises(FileError, match="no column 'sum'"):
        events_of(path, Mapping(fields={"amount": ("sum",)}))


@pytest.mark.parametrize(
    ("name", "file_format"),
    [("a.csv", "csv"), ("A.CSV.GZ", "csv"), ("a.tsv", "csv"), ("a.ndjson", "jsonl"), ("a.pq", "parquet"), ("a", None)],
)
def test_the_suffix_determines_the_format(name: str, file_format: str | None) -> None:
    assert format_of(Path(name)) == file_format


@given(st.lists(st.tuples(st.integers(-(2**40), 2**40), st.binary(max_size=20), st.binary(max_size=50)), max_size=60))
def test_events_are_sorted_whether_or_not_they_fit_into_memory(events: list[tuple[int, bytes, bytes]]) -> None:
    expected = sorted(events, key=lambda each: each[0])
    for memory_bytes in (1, 1_000, 1_000_000):
        with EventSorter(memory_bytes) as ordered:
            for event in events:
                ordered.add(*event)
            assert [(each.occurred_at_ms, each.customer_id, each.value) for each in ordered] == expected


@given(st.binary(max_size=400), st.sampled_from(["csv", "jsonl"]))
def test_no_content_of_a_file_stops_the_import(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, file_format: str
) -> None:
    head = b"customer,date,amount\n" if file_format == "csv" else b""
    path = write_file(tmp_path_factory.getbasetemp(), f"any.{file_format}", head + content)
    events_of(path)


cells = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.decimals(),
    st.text(max_size=30),
    st.datetimes(),
    st.dates(),
    st.dictionaries(st.text(max_size=5), st.booleans(), max_size=2),
    st.lists(st.integers(), max_size=2),
)


@given(st.sampled_from(sorted(FIELDS_BY_KIND)), st.data())
def test_no_cell_stops_the_import(kind: str, data: st.DataObject) -> None:
    names = ("customer_id", "occurred_at", "event_id", "backfill", *FIELDS_BY_KIND[kind])
    valid = {"customer_id": "c", "occurred_at": "2025-05-12", "amount": "5"}
    row = Row(1, names, tuple(data.draw(st.one_of(cells, st.just(valid.get(name)))) for name in names))
    builder = EventBuilder(Path("a"), Mapping(kind=kind), ROUBLES, "events", backfill=False, may_vary=False)
    with contextlib.suppress(CellError):
        assert isinstance(builder.build(row, None), ImportedEvent)
