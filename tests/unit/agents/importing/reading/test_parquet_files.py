"""Parquet as a table of text."""

import datetime as dt
import gzip
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from agents.importing.findings import FileError
from tests.unit.agents.importing.reading.import_files import read_bytes, read_table

MOMENT = 1_735_725_600_123_456_789  # 2025-01-01T10:00:00.123456789Z


def _write(path: Path, **columns: object) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def test_numbers_dates_and_flags_are_texts(tmp_path: Path) -> None:
    path = _write(
        tmp_path / "a.parquet",
        id=[17850.0, None, float("nan")],
        amount=[0.1 + 0.2, 1e20, 5e-7],
        single=pa.array([27.1, 0.1, None], pa.float32()),
        exact=[Decimal("27.50"), Decimal("0.00"), None],
        big=[12345678901234567, 1, 2],
        utc=pa.array([MOMENT, None, 0], pa.timestamp("ns", tz="Europe/Moscow")),
        plain=pa.array([MOMENT // 10**6, None, 0], pa.timestamp("ms")),
        day=[dt.date(2025, 1, 1), None, dt.date(1999, 12, 31)],
        time=[dt.time(10, 5), None, None],
        paid=[True, False, None],
        text=["  x ", "", "ёж"],
        raw=[b"ab", None, b"\xff"],
        word=pa.array(["a", "b", "a"]).dictionary_encode(),
        nothing=pa.nulls(3),
    )
    table = read_table(path)
    (first, second, third) = table.rows
    assert first[1:6] == ("17850", "0.3", "27.1", "27.50", "12345678901234567")
    assert first[6:10] == ("2025-01-01 10:00:00.123Z", "2025-01-01 10:00:00.123", "2025-01-01", "10:05:00")
    assert first[10:] == ("true", "x", "ab", "a", None)
    assert second[1:6] == (None, "100000000000000000000", "0.1", "0.00", "1")
    assert second[6:] == (None, None, None, None, "false", None, None, "b", None)
    assert third[1:6] == (None, "0.0000005", None, None, "2")
    assert third[6:10] == ("1970-01-01 00:00:00.000Z", "1970-01-01 00:00:00.000", "1999-12-31", None)
    assert third[10:] == (None, "ёж", "\ufffd", "a", None)
    assert table.typed == {"id", "amount", "single", "exact", "big", "utc", "plain", "day", "time", "nothing"}
    assert table.file_format == "parquet"


def test_nested_columns_are_dotted(tmp_path: Path) -> None:
    path = _write(
        tmp_path / "a.parquet",
        day=["x", "y"],
        params=[[{"key": "currency", "value": {"string_value": "EUR", "int_value": None}}], []],
        buyer=[{"id": 1, "at": dt.datetime(2025, 1, 1, tzinfo=dt.UTC)}, None],
        items=[[{"price": 1.5}], None],
        labels=pa.array([[("a", "b")], None], pa.map_(pa.string(), pa.string())),
    )
    table = read_table(path)
    assert table.names == ("day", "params.currency", "buyer.id", "buyer.at", "items", "labels.a")
    assert table.rows == [
        (1, "x", "EUR", "1", "2025-01-01 00:00:00Z", '[{"price":1.5}]', "b"),
        (2, "y", None, None, None, None, None),
    ]


def test_many_row_groups_and_gzip(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"n": list(range(30_000))}), path, row_group_size=7_000)
    table = read_bytes(tmp_path, "a.parquet.gz", gzip.compress(path.read_bytes()))
    assert table.rows == [(number + 1, str(number)) for number in range(30_000)]


@pytest.mark.parametrize("cut", [4, 100, -1, -8])
def test_a_damaged_file_is_refused(tmp_path: Path, cut: int) -> None:
    content = _write(tmp_path / "a.parquet", day=["x"] * 100, n=list(range(100))).read_bytes()
    with pytest.raises(FileError, match=r"is damaged|cannot be read") as error:
        read_bytes(tmp_path, "b.parquet", content[:cut])
    assert "\n" not in str(error.value)


def test_rows_that_only_the_footer_knows_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    with pq.ParquetWriter(path, pa.schema([("n", pa.int8())])) as writer:
        batch = pa.record_batch({"n": pa.array(bytes(5_000_000), pa.int8())})
        for _ in range(3):
            writer.write_batch(batch)
    with pytest.raises(FileError, match=r"claims to have 15,000,000 rows"):
        read_table(path)
