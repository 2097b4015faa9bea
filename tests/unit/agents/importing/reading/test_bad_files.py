"""What is no table, or is damaged, ends with one line that says what is wrong and what to do."""

import gzip
import os
import random
import struct
from pathlib import Path

import pytest

from agents.importing.findings import FileError
from agents.importing.reading import byte_source
from agents.importing.reading.opening import open_source
from agents.importing.reading.source_table import ReadOptions
from agents.importing.staging.stage import stage
from tests.unit.agents.importing.reading.import_files import ReadTable, read_bytes, read_table, write_workbook

CSV = b"day,customer,sum\n2025-01-01,ann,1\n2025-01-02,bob,2\n"
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01" + bytes(range(256)) * 8
LONG = b"day,customer,sum\n2025-01-01," + b"x" * (11 * 1024 * 1024) + b",1\n"


def _refused(folder: Path, name: str, content: bytes, options: ReadOptions | None = None) -> str:
    with pytest.raises(FileError) as error:
        read_bytes(folder, name, content, options)
    message = str(error.value)
    assert message.startswith(str(folder / name))
    assert "\n" not in message
    return message.removeprefix(f"{folder / name}").lstrip(" :")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "is empty; export it again"),
        ("a.csv.gz", gzip.compress(b""), "is empty; export it again"),
        ("a.csv", b"\n \n\n", "is empty, apart from blank lines; export it again"),
        ("a.csv", b",,\n , \n", "has no rows; export it again"),
        ("a.csv", b"day,customer,sum\n", "has names of columns, but no rows; export it again, with orders"),
        ("a.csv", b"day,customer,sum\n,,\n", "has names of columns, but no rows; export it again, with orders"),
        ("a.csv", JPEG, "is a photo (JPEG); export the orders as CSV or XLSX"),
        ("a.xlsx", b"\x89PNG\r\n\x1a\n" + bytes(100), "is an image (PNG); export the orders as CSV or XLSX"),
        ("a.csv", b"%PDF-1.7\n", "is a PDF document; export the orders as CSV or XLSX"),
        ("a.parquet", b"SQLite format 3\0" + bytes(84), "is an SQLite database; export the orders as CSV or XLSX"),
        ("a.csv", gzip.compress(gzip.compress(CSV)), "is gzip within gzip; unpack it with gunzip"),
        ("a.7z", b"7z\xbc\xaf\x27\x1c" + bytes(99), "is a 7-Zip archive; unpack it and import the files in it"),
        ("a.zst", b"\x28\xb5\x2f\xfd" + bytes(99), "is compressed with zstd; unpack it with unzstd"),
        ("a.csv", bytes(5_000), "is neither text nor a workbook; export the orders as CSV or XLSX"),
        (
            "a.csv",
            random.Random(1).randbytes(5_000),
            "is neither text nor a workbook; export the orders as CSV or XLSX",
        ),
        ("a.xlsx", b"PK\x03\x04" + bytes(99), "is a damaged or cut-off workbook or archive; download it again"),
        ("a.csv", LONG, "a line is longer than 10,485,760 characters; write each row on its own line"),
    ],
)
def test_the_message_says_what_it_is_and_what_to_do(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    assert _refused(tmp_path, name, content) == message


@pytest.mark.parametrize(
    "content", [b"<!DOCTYPE html><table>", b'\n<?xml version="1.0"?><Workbook>', b"<TABLE border=1>"]
)
def test_web_pages_that_are_called_workbooks_are_refused(tmp_path: Path, content: bytes) -> None:
    assert "save it as XLSX" in _refused(tmp_path, "orders.xls", content)


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, message in (
        (tmp_path, "is a directory; name the files in it"),
        (tmp_path / "none.csv", "does not exist; name an existing file"),
        (tmp_path / "pipe", "is not a regular file; save its contents to a file"),
        (Path("/dev/zero"), "is not a regular file; save its contents to a file"),
    ):
        with pytest.raises(FileError) as error:
            open_source(path)
        assert str(error.value) == f"{path} {message}"


@pytest.mark.parametrize("name", ["orders.csv", "orders.json", "orders.xlsx.gz", "orders.parquet"])
def test_a_file_that_vanishes_is_reported(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    content = {"json": b'[{"a": 1}]', "csv": CSV}.get(name.rpartition(".")[2], b"")
    if name.endswith("xlsx.gz"):
        rows: list[list[object]] = [["day", "sum"], *[["x", number] for number in range(5)]]
        content = gzip.compress(write_workbook(tmp_path / "a.xlsx", {"S": rows}).read_bytes())
    elif name.endswith("parquet"):
        pq = pytest.importorskip("pyarrow.parquet")
        pq.write_table(pytest.importorskip("pyarrow").table({"a": ["x"]}), path)
        content = path.read_bytes()
    path.write_bytes(content)
    source = open_source(path)
    path.unlink()
    if name.endswith("xlsx.gz"):  # it was unpacked when it was opened
        stage([source], lambda _: None).close()
        return
    with pytest.raises(FileError, match="does not exist; name an existing file"):
        stage([source], lambda _: None)


@pytest.mark.parametrize("damage", ["cut off", "changed"])
def test_damaged_gzip_is_reported(tmp_path: Path, damage: str) -> None:
    packed = bytearray(gzip.compress(CSV + b"2025-01-01,ann,1\n" * 500_000, mtime=0))
    if damage == "cut off":
        del packed[-100:]
    else:
        packed[len(packed) // 2] ^= 0xFF
    assert "is damaged or cut off" in _refused(tmp_path, "a.csv.gz", bytes(packed))


def test_gzip_that_unpacks_without_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(byte_source, "_RATIO_FROM_BYTES", 4 * 1024 * 1024)
    packed = gzip.compress(CSV + b"2025-01-01,ann,1\n" * 1_000_000)
    assert "unpacks to more than 250 times its size" in _refused(tmp_path, "a.csv.gz", packed)


def test_rows_with_nul_characters_are_left_out(tmp_path: Path) -> None:
    table = read_bytes(tmp_path, "a.csv", CSV + b"2025-01-03,e\0ve,3\n" + bytes(1) + b"\n2025-01-04,kim,4\n")
    assert [row[2] for row in table.rows] == ["ann", "bob", "kim"]
    assert table.left_out == {"unreadable": [4, 5]}


def test_if_no_row_can_be_read_the_first_error_is_shown(tmp_path: Path) -> None:
    message = _refused(tmp_path, "a.csv", b"day,customer,sum\n2025-01-01,\0ann,1\n2025-01-01,\0,2\n")
    assert message == "none of its 2 rows can be read; line 2 has NUL characters; export the file again"


def test_too_many_columns_are_refused(tmp_path: Path) -> None:
    names = ",".join(f"c{number}" for number in range(1_001))
    assert "has 1,001 columns; export at most 1,000" in _refused(tmp_path, "a.csv", f"{names}\n{names}\n".encode())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (ReadOptions(file_format="xls"), "--format xls must be one of csv, xlsx, json, jsonl, parquet"),
        (ReadOptions(file_format="parquet"), "contains csv, not parquet; leave --format out"),
        (ReadOptions(file_format="json"), "is not JSON"),
        (ReadOptions(delimiter="::"), "--delimiter '::' must be one character"),
        (ReadOptions(skip=9), "has no rows"),
    ],
)
def test_options_that_do_not_fit_are_refused(tmp_path: Path, options: ReadOptions, message: str) -> None:
    with pytest.raises(FileError, match=message):
        read_bytes(tmp_path, "a.csv", CSV, options)


@pytest.mark.parametrize("quotes", ["never closed", "closed after many lines"])
def test_damaged_quotes_do_not_take_time_without_end(tmp_path: Path, quotes: str) -> None:
    closed = [f'2025-01-01,"item {number}",{number}' for number in range(30_000)]
    rows = [*closed, *['2025-01-01,"x,1'] * 4_000]
    if quotes != "never closed":
        rows = [
            line for number in range(0, 30_000, 600) for line in [*closed[number : number + 600], '2025-01-01,"x,1']
        ]
    table = _read(tmp_path, "\n".join(["day,item,sum", *rows]))
    assert len(table.rows) == len(rows)


def _read(folder: Path, content: str) -> ReadTable:
    path = folder / "a.csv"
    path.write_text(content)
    return read_table(path)


def test_a_directory_of_a_workbook_is_not_trusted(tmp_path: Path) -> None:
    path = write_workbook(tmp_path / "a.xlsx", {"S": [["day", "sum"], ["x", 1]]})
    content = bytearray(path.read_bytes())
    entry = content.rindex(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = struct.pack("<I", 10)  # the part unpacks to more than it says
    assert "cannot be read as a workbook" in _refused(tmp_path, "b.xlsx", bytes(content))
