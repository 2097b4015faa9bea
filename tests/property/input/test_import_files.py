"""Any bytes are read or refused, and the same table is the same rows in every dialect, encoding and format."""

import csv
import gzip
import io
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.importing.findings import FileError
from agents.importing.reading.opening import open_source
from agents.importing.staging.stage import stage
from tests.unit.agents.importing.reading.import_files import read_bytes, write_workbook

Rows = list[tuple[str | None, ...]]

SUFFIXES: Final = (".csv", ".txt", ".tsv", ".json", ".jsonl", ".parquet", ".xlsx", ".xls", ".ods", ".gz", ".csv.gz", "")
NAMES: Final = ("day", "customer", "sum")
EXAMPLE: Final[list[tuple[str, str, float]]] = [
    (f"2025-01-{day:02d}", f"c{day % 5}", day * 1.5) for day in range(1, 25)
]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


# --- Any bytes


def _valid_files() -> list[bytes]:
    """Return the example in every format."""
    rows = [NAMES, *EXAMPLE]
    objects = [dict(zip(NAMES, row, strict=True)) for row in EXAMPLE]
    columns = {name: [str(row[index]) for row in EXAMPLE] for index, name in enumerate(NAMES)}
    with tempfile.TemporaryDirectory() as name:
        workbook = write_workbook(Path(name, "a.xlsx"), {"S": rows}).read_bytes()
        pq.write_table(pa.table(columns), Path(name, "a.parquet"))
        parquet = Path(name, "a.parquet").read_bytes()
    lines = [",".join(map(str, row)) for row in rows]
    text = "\r\n".join(lines)
    return [
        text.encode(),
        text.replace(",", ";").encode("utf-16"),
        "\n".join(f'"{line}"' for line in lines).encode(),
        gzip.compress(text.encode()),
        json.dumps(objects).encode(),
        json.dumps({"orders": objects}, indent=1).encode(),
        "\n".join(map(json.dumps, objects)).encode(),
        workbook,
        parquet,
    ]


VALID: Final = _valid_files()
signs: Final = st.sampled_from(
    [*"\",;\t|\n\r \\'{}[]:0123456789.-eE", "ж", "é", "\0", "\ufeff", "Total", "a", "sep=;\n"]
)
likely_texts: Final = st.lists(signs, max_size=120).map("".join)


@st.composite
def damaged_files(draw: st.DrawFn) -> bytes:
    """Return a valid file in which bytes are changed, removed or repeated."""
    content = bytearray(draw(st.sampled_from(VALID)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, max(0, len(content) - 1)))
        end = min(len(content), start + draw(st.sampled_from([0, 1, 1, 2, 8, 100, 10_000])))
        content[start:end] = draw(st.binary(max_size=8) | st.just(bytes(content[start:end]) * 2) | st.just(b""))
    return bytes(content)


files = st.one_of(
    st.binary(max_size=300),
    likely_texts.map(str.encode),
    likely_texts.map(lambda text: text.encode("utf-16")),
    likely_texts.map(lambda text: text.encode("cp1251", "replace")),
    likely_texts.map(lambda text: gzip.compress(text.encode())),
    damaged_files(),
)


@given(content=files, suffix=st.sampled_from(SUFFIXES))
def test_any_bytes_under_any_name_are_staged_or_refused_in_one_line(folder: Path, content: bytes, suffix: str) -> None:
    path = folder / f"file{suffix}"
    path.write_bytes(content)
    try:
        with stage([open_source(path)], lambda _: None) as staging:
            for table in staging.tables:
                assert table.rows > 0
                for name in table.names:
                    assert staging.filled(table, name) <= table.rows
                    assert all(value.text == value.text.strip() != "" for value in staging.values(table, name))
    except FileError as error:
        message = str(error)
        assert message.startswith(str(path)) or "in --" in message
        assert len(message.splitlines()) == 1
        assert ";" in message, "what is wrong; what to do"


# --- The same table, however it is written


names = st.sampled_from(
    ["Day", "Customer", "Order no.", "Сумма", "Größe", "Notes, if any", "E-mail", 'The "name"', "品名"]
)
cells = st.one_of(
    st.dates().map(str),
    st.integers(-99_999, 99_999).map(str),
    st.decimals(-9_999, 9_999, places=2).map(lambda number: str(number).replace(".", ",")),
    st.sampled_from(
        ["Анна Петрова", "Jörg Müller", "a@example.com", "x", "Tea, green", "Bowl; deep", '6" tall', "a|b"]
    ),
    st.sampled_from(['"quoted"', "two\nlines", "", "  ", "O'Neil", "tab\there", "=1+1", "#7", "50 %", "東京都"]),
)


@st.composite
def tables(draw: st.DrawFn) -> tuple[tuple[str, ...], list[list[str]]]:
    """Return names of columns and rows, the first cell of which is a date."""
    header = draw(st.lists(names, min_size=3, max_size=5, unique=True))
    row = st.tuples(st.dates().map(str), cells, *[cells] * (len(header) - 2)).map(list)
    return tuple(header), draw(st.lists(row, min_size=5, max_size=15))


def _as_csv(header: Sequence[str], rows: list[list[str]], encoding: str, **dialect: object) -> bytes:
    text = io.StringIO()
    csv.writer(text, **dialect).writerows([header, *rows])  # type: ignore[arg-type]
    return text.getvalue().encode(encoding)


@st.composite
def csv_writers(draw: st.DrawFn) -> Callable[[Sequence[str], list[list[str]]], bytes]:
    """Return a function that writes CSV in one dialect and encoding."""
    delimiter = draw(st.sampled_from([",", ";", "\t", "|"]))
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    ending = draw(st.sampled_from(["\n", "\r\n"]))
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "gb18030"][:5]))
    return lambda header, rows: _as_csv(
        header, rows, encoding, delimiter=delimiter, quoting=quoting, lineterminator=ending
    )


def _objects(header: Sequence[str], rows: list[list[str]]) -> list[dict[str, str]]:
    return [dict(zip(header, row, strict=True)) for row in rows]


def _as_workbook(header: Sequence[str], rows: list[list[str]]) -> bytes:
    with tempfile.TemporaryDirectory() as name:
        return write_workbook(Path(name, "a.xlsx"), {"S": [header, *rows]}).read_bytes()


def _as_parquet(header: Sequence[str], rows: list[list[str]]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({name: [row[index] for row in rows] for index, name in enumerate(header)}), sink)
    return sink.getvalue()


writers = st.one_of(
    csv_writers(),
    csv_writers(),
    st.sampled_from(
        [
            lambda header, rows: json.dumps(_objects(header, rows)).encode(),
            lambda header, rows: json.dumps({"orders": _objects(header, rows)}, indent=2, ensure_ascii=False).encode(
                "utf-16"
            ),
            lambda header, rows: "\n".join(map(json.dumps, _objects(header, rows))).encode(),
            _as_workbook,
            _as_parquet,
        ]
    ),
)


@given(table=tables(), write=writers, packed=st.booleans())
def test_the_same_table_is_the_same_rows_however_it_is_written(
    folder: Path,
    table: tuple[tuple[str, ...], list[list[str]]],
    write: Callable[[Sequence[str], list[list[str]]], bytes],
    packed: bool,  # noqa: FBT001 - drawn by name
) -> None:
    header, rows = table
    content = write(header, rows)
    read = read_bytes(folder, "table", gzip.compress(content) if packed else content)
    filled = [name for index, name in enumerate(header) if any(row[index].strip() for row in rows)]
    assert set(filled) <= set(read.names) <= set(header)
    assert [[_cell(read.names, row, name) for name in filled] for row in read.rows] == [
        [row[header.index(name)].strip() or None for name in filled] for row in rows
    ]


def _cell(names: tuple[str, ...], row: tuple[int | str | None, ...], name: str) -> str | None:
    cell = row[1 + names.index(name)]
    assert cell is None or isinstance(cell, str)
    return cell.replace("\r\n", "\n") if cell else None
