"""Rows of files in DuckDB tables of text."""

from pathlib import Path

import pytest

from agents.importing.reading.opening import open_source
from agents.importing.reading.source_table import ReadOptions
from agents.importing.staging.stage import Staging, stage


def _staged(folder: Path, *contents: str, suffix: str = "csv") -> Staging:
    paths = [folder / f"{number}.{suffix}" for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_text(content, encoding="utf-8")
    return stage([open_source(path, ReadOptions()) for path in paths], lambda _: None)


def test_cells_are_stripped_and_blank_cells_are_null(tmp_path: Path) -> None:
    with _staged(tmp_path, "day,customer\n2025-01-01, ann\u00a0\n2025-01-02,  \n") as staging:
        assert staging.con.execute("SELECT line, file, c0, c1 FROM t0 ORDER BY line").fetchall() == [
            (2, 0, "2025-01-01", "ann"),
            (3, 0, "2025-01-02", None),
        ]
        table = staging.tables[0]
        assert (table.rows, staging.filled(table, "customer"), staging.column(table, "customer")) == (2, 1, "c1")


def test_a_column_can_be_examined_as_a_whole(tmp_path: Path) -> None:
    rows = ["12.05.2025;1 500", "13.05.2025;1 200", "13.05.2025;7", "13.06.2025;", "1.6.2025;1 500"]
    with _staged(tmp_path, "\n".join(["day;sum", *rows])) as staging:
        table = staging.tables[0]
        assert staging.examples(table, "sum") == [("1 500", 2), ("1 200", 3), ("7", 4)]
        assert staging.distinct(table, "sum") == 3
        assert list(staging.number_shapes(table, "sum")) == [("1 500", 3, 2), ("7", 1, 4)]
        assert list(staging.date_shapes(table, "day")) == [
            ("12.05.2025", 1, 2),
            ("13.05.2025", 2, 3),
            ("13.06.2025", 1, 5),
            ("1.6.2025", 1, 6),
        ]
        assert sorted(staging.values(table, "sum")) == [("1 200", 1, 3), ("1 500", 2, 2), ("7", 1, 4)]


def test_each_different_text_is_converted_once(tmp_path: Path) -> None:
    seen: list[str] = []

    def read(text: str) -> int | None:
        seen.append(text)
        return int(text) if text.isdigit() else None

    with _staged(tmp_path, "a\n1\nx\n1\n\n22\n") as staging:
        name = staging.map_values(staging.tables[0], "a", "BIGINT", read)
        assert sorted(seen) == ["1", "22", "x"]
        joined = staging.con.table("t0").join(staging.con.table(name), "c0 = text", "left")
        assert joined.project("line, value").order("line").fetchall() == [(2, 1), (3, None), (4, 1), (6, 22)]


def test_files_with_the_same_columns_share_a_table(tmp_path: Path) -> None:
    with _staged(tmp_path, "a,b\n1,2\n", "b,a\n3,4\n", "a,c\n5,6\n") as staging:
        assert [(table.name, len(table.paths), table.rows) for table in staging.tables] == [("t0", 2, 2), ("t1", 1, 1)]
        assert staging.con.execute("SELECT file, c0, c1 FROM t0 ORDER BY file").fetchall() == [
            (0, "1", "2"),
            (1, "4", "3"),
        ]


def test_files_with_about_the_same_columns_share_a_table_and_say_so(tmp_path: Path) -> None:
    files = ("day,customer,sum\n1,ann,2\n", "day,customer,sum,tip\n3,bob,4,5\n", "customer,day,sum\neve,6,7\n")
    with _staged(tmp_path, *files) as staging:
        (table,) = staging.tables
        assert table.names == ("day", "customer", "sum", "tip")
        assert [assumption.subject for assumption in table.assumptions] == ["files", "files"]
        assert staging.con.table("t0").project("c0, c1, c2, c3").order("c0").fetchall() == [
            ("1", "ann", "2", None),
            ("3", "bob", "4", "5"),
            ("6", "eve", "7", None),
        ]


@pytest.mark.parametrize("form", ["array", "lines"])
def test_nested_json_has_dotted_columns_and_keeps_its_numbers(tmp_path: Path, form: str) -> None:
    objects = [
        '{"id": 7, "total": 27.50, "paid": true, "buyer": {"email": "a@example.com", "phone": null}}',
        '{"id": 8, "total": 30, "params": [{"key": "currency", "value": {"string_value": "EUR"}}], "tags": []}',
    ]
    content = f"[{','.join(objects)}]" if form == "array" else "\n".join(objects)
    with _staged(tmp_path, content, suffix="json") as staging:
        table = staging.tables[0]
        assert table.names == ("id", "total", "paid", "buyer.email", "params.currency")
        assert staging.con.execute("SELECT * EXCLUDE file FROM t0 ORDER BY line").fetchall() == [
            (1, "7", "27.50", "true", "a@example.com", None),
            (2, "8", "30", None, None, "EUR"),
        ]
        assert table.typed == {"id", "total"}


def test_duckdb_writes_no_progress_bar_to_standard_output() -> None:
    with Staging() as staging:
        for connection in (staging.con, staging.con.cursor()):
            assert connection.execute("SELECT current_setting('enable_progress_bar')").fetchall() == [(False,)]
