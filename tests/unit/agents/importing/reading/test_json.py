"""JSON of every shape as rows: lines, arrays, arrays within objects, objects one after the other."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from agents.importing.findings import FileError
from agents.importing.reading.opening import open_source
from agents.importing.staging.stage import stage
from tests.unit.agents.importing.reading.import_files import ReadTable, read_bytes

ORDERS: list[dict[str, Any]] = [
    {"id": number, "sum": 27.5, "buyer": {"email": f"c{number}@example.com"}, "items": [{"sku": "a", "price": 19}]}
    for number in range(1, 4)
]
NAMES = ("id", "sum", "buyer.email", "items")


def _read(folder: Path, content: str, name: str = "orders.json", encoding: str = "utf-8") -> ReadTable:
    return read_bytes(folder, name, content.encode(encoding))


@pytest.mark.parametrize(
    ("content", "name", "file_format", "path"),
    [
        (json.dumps(ORDERS), "a.json", "json", None),
        (json.dumps(ORDERS, indent=2), "a.json", "json", None),
        ("\n".join(map(json.dumps, ORDERS)), "a.jsonl", "jsonl", None),
        ("\r\n\r\n".join(map(json.dumps, ORDERS)), "a.json", "jsonl", None),
        ("\n".join(json.dumps(order, indent=1) for order in ORDERS), "a.json", "jsonl", None),
        (json.dumps({"count": 3, "next": None, "orders": ORDERS}), "a.json", "json", "orders"),
        (json.dumps({"meta": {"tags": [{"a": 1}]}, "data": {"list": ORDERS}}, indent=1), "a.json", "json", "data.list"),
    ],
    ids=["array", "pretty array", "lines", "lines with blank ones", "pretty objects", "in an object", "deeper"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_the_objects_are_found(
    tmp_path: Path, content: str, name: str, file_format: str, path: str | None, encoding: str
) -> None:
    table = _read(tmp_path, content, name, encoding)
    assert table.file_format == file_format
    assert table.names == NAMES
    assert [row[1:4] for row in table.rows] == [(str(n), "27.5", f"c{n}@example.com") for n in range(1, 4)]
    assert table.typed == {"id", "sum"}
    assert table.assumed.get("rows") == path


def test_one_object_is_one_row_unless_it_only_holds_a_list(tmp_path: Path) -> None:
    order = {**ORDERS[0], "day": "2025-01-01", "status": "paid"}
    assert len(_read(tmp_path, json.dumps(order)).rows) == 1
    assert _read(tmp_path, json.dumps({"orders": [order]})).names[0] == "id"
    assert _read(tmp_path, json.dumps({"items": [{"a": 1}, {"a": 2}]}), "one.jsonl").names == ("items",)


def test_numbers_keep_their_text_and_nothing_is_absent(tmp_path: Path) -> None:
    content = (
        '[{"a": 12345678901234567890123, "b": 27.500, "c": 1E+2, "d": NaN, "e": null, "f": "", "g": false, "h": []}]'
    )
    table = _read(tmp_path, content)
    assert table.names == ("a", "b", "c", "g")
    assert table.rows == [(1, "12345678901234567890123", "27.500", "1E+2", "false")]


def test_a_column_with_one_text_is_not_typed(tmp_path: Path) -> None:
    assert _read(tmp_path, '[{"a": 1, "b": 1}, {"a": "2"}]').typed == {"b"}


def test_lists_of_keys_and_values_are_columns(tmp_path: Path) -> None:
    params = [
        {"key": "currency", "value": {"string_value": "EUR", "int_value": None}},
        {"key": "value", "value": {"double_value": 27.0}},
        {"key": "session", "value": {"int_value": "17", "set_timestamp_micros": "5"}},
        {"key": "nothing", "value": {}},
    ]
    table = _read(tmp_path, json.dumps({"event_params": params, "day": "x", "n": 1, "m": 2, "k": 3}))
    assert table.names[:3] == ("event_params.currency", "event_params.value", "event_params.session")
    assert table.rows[0][1:4] == ("EUR", "27.0", "17")


def test_a_bad_line_is_left_out(tmp_path: Path) -> None:
    lines = ['{"a": 1}', '{"a": 2', "[3]", '{"a": "\\ud800"}', '{"a":' * 5_000, '{"a": 6}']
    table = _read(tmp_path, "\n".join(lines), "a.jsonl")
    assert table.rows == [(1, "1"), (6, "6")]
    assert table.left_out == {"unreadable": [2, 3, 4, 5]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[{"a": 1}, {"a": ', "is not JSON (Expecting value, line 1)"),
        ('[{"a": 1}\n{"a": 2}]', "is not JSON (']' is missing before '{', line 2)"),
        ('[{"a": 1}] [{"a": 2}]', "has more than one JSON value, the second on line 1"),
        ("[" * 100_000, "is nested too deeply on line 1"),
        ('{"a":' * 100_000, "is nested too deeply on line 1"),
        ("[1, 2]", "has no objects with fields (line 1 is not a JSON object)"),
        ("[]", "has no objects"),
        ("{}", "has no objects"),
        (json.dumps([{f"k{n}-{m}": 1 for m in range(99)} for n in range(99)]), "more than 1,000 different fields"),
    ],
)
def test_what_is_no_table_is_refused_in_one_line(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(FileError) as error:
        _read(tmp_path, content)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_value_longer_than_what_is_read_at_once_is_whole(tmp_path: Path) -> None:
    long = [{"a": number, "text": "ж" * 200_000} for number in range(8)]
    table = read_bytes(tmp_path, "a.json.gz", gzip.compress(json.dumps({"orders": long}).encode()))
    assert [(row[1], len(str(row[2]))) for row in table.rows] == [(str(n), 200_000) for n in range(8)]


def test_an_object_too_large_for_memory_is_read_member_by_member(tmp_path: Path) -> None:
    orders = [{"a": number, "text": "x" * 100_000} for number in range(300)]
    table = _read(tmp_path, json.dumps({"before": [{"z": 1}], "data": {"orders": orders}, "after": 1}))
    assert (len(table.rows), table.names, table.assumed) == (300, ("a", "text"), {"rows": "data.orders"})


def test_elements_of_a_list_become_rows(tmp_path: Path) -> None:
    path = tmp_path / "orders.json"
    orders = [
        {"id": 1, "day": "x", "items": [{"sku": "a", "price": 1.50, "size": {"w": 2}}, {"sku": "b", "price": 2}]},
        {"id": 2, "day": "y", "items": []},
        {"id": 3, "day": "z", "items": [{"sku": "c", "note": "n"}]},
    ]
    path.write_text(json.dumps(orders).replace("1.5,", "1.50,"))
    with stage([open_source(path)], lambda _: None) as staging:
        table = staging.tables[0]
        staging.explode(table, "items")
        assert table.names == ("id", "day", "items", "items.sku", "items.price", "items.size.w", "items.note")
        assert table.rows == 4
        assert table.typed == {"id", "items.price", "items.size.w"}
        columns = ", ".join(staging.column(table, name) for name in table.names if name != "items")
        rows = staging.con.table("t0").project(f"line, {columns}").order("ALL").fetchall()
        assert rows == [
            (1, "1", "x", "a", "1.50", "2", None),
            (1, "1", "x", "b", "2", None, None),
            (2, "2", "y", None, None, None, None),
            (3, "3", "z", "c", None, None, "n"),
        ]
