"""CSV as people have it: delimiters, quotes, headers, totals, ragged rows."""

import gzip
from pathlib import Path

import pytest

from agents.importing.findings import FileError
from agents.importing.reading.source_table import ReadOptions
from tests.unit.agents.importing.reading.import_files import read_bytes, read_text

ROWS = [(2, "2025-03-01", "ann", "10.50"), (3, "2025-03-02", "bob", "7")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_and_reported_unless_it_is_a_comma(tmp_path: Path, delimiter: str) -> None:
    lines = ["day,customer,sum", "2025-03-01,ann,10.50", "2025-03-02,bob,7"]
    table = read_text(tmp_path, "\n".join(lines).replace(",", delimiter))
    assert table.names == ("day", "customer", "sum")
    assert table.rows == ROWS
    assert table.assumed == ({} if delimiter == "," else {"delimiter": {"\t": "tab"}.get(delimiter, delimiter)})


def test_a_decimal_comma_in_every_row_is_no_delimiter(tmp_path: Path) -> None:
    table = read_text(tmp_path, "day;sum, EUR\n01.03.2025;10,50\n02.03.2025;7,00\n")
    assert table.names == ("day", "sum, EUR")
    assert table.rows == [(2, "01.03.2025", "10,50"), (3, "02.03.2025", "7,00")]


def test_a_file_with_one_column_has_one_column(tmp_path: Path) -> None:
    table = read_text(tmp_path, "customer\nann, the first\nbob\n")
    assert (table.names, table.rows) == (("customer",), [(2, "ann, the first"), (3, "bob")])


def test_the_line_that_names_the_delimiter_is_no_row(tmp_path: Path) -> None:
    table = read_text(tmp_path, "\ufeffsep=;\r\nday;note\r\n2025-03-01;a,b,c\r\n")
    assert (table.names, table.rows) == (("day", "note"), [(3, "2025-03-01", "a,b,c")])
    assert table.assumed == {"delimiter": ";"}


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_cells_may_contain_delimiters_quotes_and_line_breaks(tmp_path: Path, ending: str) -> None:
    lines = ["day,note,sum", '2025-03-01,"6"" mug, ""blue""",1', f'2025-03-02,"two{ending}lines",2', "2025-03-03,x,3"]
    table = read_text(tmp_path, ending.join(lines))
    assert table.rows == [
        (2, "2025-03-01", '6" mug, "blue"', "1"),
        (3, "2025-03-02", f"two{ending}lines", "2"),
        (5, "2025-03-03", "x", "3"),
    ]


def test_quotes_that_enclose_nothing_are_part_of_the_text(tmp_path: Path) -> None:
    lines = ["order\titem\tsum", '1\t"Large" mug 6"\t2', '2\t"Small\t3', '3\tmug 4" tall\t4', '4\tmug 5"\t5']
    table = read_text(tmp_path, "\n".join(lines))
    assert [row[2] for row in table.rows] == ['"Large" mug 6"', '"Small', 'mug 4" tall', 'mug 5"']
    assert table.assumed["quotes"] == "part of the text"


def test_a_damaged_quote_damages_its_own_row_only(tmp_path: Path) -> None:
    good = [f'"2025-03-01","item {number}","{number}"' for number in range(2, 60)]
    good[20] = '"2025-03-01","17" screen","22"'
    good[30] = '"2025-03-01","never closed,32'
    table = read_text(tmp_path, "\n".join(['"day","item","sum"', *good]))
    assert len(table.rows) == 58
    assert table.rows[20] == (22, "2025-03-01", '17" screen', "22")
    assert table.left_out == {}
    assert (32, "2025-03-01", '"never closed', "32") in table.rows


def test_a_quote_that_is_never_closed_does_not_swallow_the_rows_after_it(tmp_path: Path) -> None:
    rows = [f'"2025-03-01","item {number}",{number}' for number in range(2, 5_000)]
    rows[100] = '"2025-03-01","screen,102'
    table = read_text(tmp_path, "\n".join(["day,item,sum", *rows]))
    assert len(table.rows) == 4_998
    assert table.rows[100] == (102, "2025-03-01", '"screen', "102")
    assert table.rows[-1] == (4_999, "2025-03-01", "item 4999", "4999")
    assert "stray_quotes" in table.assumed


@pytest.mark.parametrize(
    ("line", "cell"),
    [("1,'a, b',2", "a, b"), ('1,"a \\"b\\", c",2', 'a "b", c'), ('1, "a, b", 2', "a, b")],
    ids=["single quotes", "backslash", "space before a quote"],
)
def test_other_ways_to_quote_are_understood(tmp_path: Path, line: str, cell: str) -> None:
    line = "'1','a, b','2'" if line.startswith("1,'") else line
    header = "'n','item','sum'" if line.startswith("'") else "n,item,sum"
    table = read_text(tmp_path, f"{header}\n{line}\n{line}")
    assert [row[1:] for row in table.rows] == [("1", cell, "2")] * 2


def test_lines_that_were_quoted_as_a_whole_are_rows(tmp_path: Path) -> None:
    lines = ['"day,item,sum"', '"2025-03-01,""Mug, blue"",""1,50"""', '"2025-03-02,Tea,2"']
    table = read_text(tmp_path, "\r\n".join(lines))
    assert table.names == ("day", "item", "sum")
    assert table.rows == [(2, "2025-03-01", "Mug, blue", "1,50"), (3, "2025-03-02", "Tea", "2")]
    names = read_text(tmp_path, '"customer"\n"Petrova, Anna"\n"Dane, Jo"\n')
    assert [row[1] for row in names.rows] == ["Petrova, Anna", "Dane, Jo"]


def test_titles_above_the_header_are_left_out(tmp_path: Path) -> None:
    lines = ["Report of sales;;;", "Period: ;01.03.2025;31.03.2025;", "", "Day;Customer;No.;Sum", "01.03.2025;17;A1;10"]
    table = read_text(tmp_path, "\r\n".join(lines))
    assert table.names == ("Day", "Customer", "No.", "Sum")
    assert table.rows == [(5, "01.03.2025", "17", "A1", "10")]
    assert table.assumed["header"] == "line 4"
    assert table.left_out == {"title": [1, 2]}


@pytest.mark.parametrize(
    "titles",
    [
        ["Period;May 2025;", "Made on;01.06.2025;"],
        ["Shop;Mugs & more;;", "Place;Tula;"],
        ["# ----", "# Sales", "# 20250501-20250531", ""],
        [";;", "Sales of May"],
        [f"Parameter {number}: value" for number in range(12)],
    ],
)
def test_titles_may_have_several_cells(tmp_path: Path, titles: list[str]) -> None:
    table = read_text(tmp_path, "\n".join([*titles, "Day;Customer;Sum", "01.05.2025;ann;10", "02.05.2025;bob;20"]))
    assert table.names == ("Day", "Customer", "Sum")
    assert [row[1:] for row in table.rows] == [("01.05.2025", "ann", "10"), ("02.05.2025", "bob", "20")]


def test_skip_names_the_line_of_the_header(tmp_path: Path) -> None:
    options = ReadOptions(skip=2)
    table = read_text(tmp_path, "a,b,c\nd,e,f\nday,customer,sum\n2025-03-01,ann,1\n", options=options)
    assert (table.names, table.rows) == (("day", "customer", "sum"), [(4, "2025-03-01", "ann", "1")])


def test_a_file_without_names_of_columns_needs_them(tmp_path: Path) -> None:
    content = "2025-03-01,ann,10.50\n2025-03-02,bob,7\n"
    with pytest.raises(FileError, match=r"no line that names the columns.*'2025-03-01', 'ann'.*header = "):
        read_text(tmp_path, content)
    table = read_text(tmp_path, content, options=ReadOptions(header=("day", "customer", "sum")))
    assert (table.names, [row[1:] for row in table.rows]) == (("day", "customer", "sum"), [row[1:] for row in ROWS])
    assert table.rows[0][0] == 1


@pytest.mark.parametrize(
    "label",
    [
        "Total",
        "Итого",
        "Итого:",
        "ВСЕГО за март",
        "Summe",
        "Grand total",
        "Sub-total",
        "Celkem",
        "合計",
        "Всего продаж",
        "Average",
    ],
)
def test_sums_in_between_and_at_the_end_are_no_rows(tmp_path: Path, label: str) -> None:
    lines = [
        "day;customer;no;sum",
        "01.03.2025;ann;1;10,50",
        f"{label};;;10,50",
        "02.03.2025;bob;2;7",
        f"{label};;;17,50",
    ]
    table = read_text(tmp_path, "\n".join(lines))
    assert [row[0] for row in table.rows] == [2, 4]
    assert table.left_out == {"total_row": [3, 5]}


def test_a_product_that_is_called_total_is_a_row(tmp_path: Path) -> None:
    lines = [
        "item,order,day,customer,sum",
        "Total,1,2025-03-01,ann,5",
        "Oil,2,2025-03-01,ann,5",
        "Total,3,2025-03-02,,5",
    ]
    table = read_text(tmp_path, "\n".join(lines))
    assert [row[1] for row in table.rows] == ["Total", "Oil", "Total"]


def test_notes_below_the_table_and_repeated_headers_are_no_rows(tmp_path: Path) -> None:
    lines = [
        "\ufeffday,customer,sum",
        "2025-03-01,ann,1",
        "\ufeffday,customer,sum",
        "2025-03-02,bob,2",
        ",,",
        "Made on 3 March,,",
    ]
    table = read_text(tmp_path, "\n".join(lines))
    assert [row[0] for row in table.rows] == [2, 4]
    assert table.left_out == {"header": [3], "note": [6]}


def test_missing_cells_at_the_end_are_empty_and_blank_ones_too_many_are_nothing(tmp_path: Path) -> None:
    lines = [
        "day,customer,sum,coupon",
        "2025-03-01,ann,1",
        "2025-03-01,bob,2,MAY,,",
        "2025-03-01,eve,3,,x",
        "",
        "2025-03-01",
    ]
    table = read_text(tmp_path, "\n".join(lines))
    assert table.rows == [
        (2, "2025-03-01", "ann", "1", None),
        (3, "2025-03-01", "bob", "2", "MAY"),
        (6, "2025-03-01", None, None, None),
    ]
    assert table.assumed == {"short_rows": "the missing cells are empty"}
    assert table.left_out == {"unreadable": [4]}


def test_if_most_rows_are_too_long_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="line 2 has 4 cells where the header has 3, and so have most lines"):
        read_text(tmp_path, "day,customer,sum\n2025-03-01,ann,10,50\n2025-03-02,bob,7,00\n")


def test_names_of_columns_are_unique(tmp_path: Path) -> None:
    table = read_text(tmp_path, " Sum ,Sum,Sum (2),,Line\u00a0one\n1,2,3,4,5\n")
    assert table.names == ("Sum", "Sum (2)", "Sum (2) (2)", "column 4", "Line one")


def test_columns_without_name_and_content_are_none(tmp_path: Path) -> None:
    assert read_text(tmp_path, "day,sum,,\n2025-03-01,1,,\n").names == ("day", "sum")


@pytest.mark.parametrize("suffix", [".csv.gz", ".csv", ".gz"])
def test_gzip_is_recognised_by_content(tmp_path: Path, suffix: str) -> None:
    content = b"day,customer,sum\n2025-03-01,ann,10.50\n"
    packed = gzip.compress(content) + gzip.compress(b"2025-03-02,bob,7\n")  # two members, as `cat` makes them
    assert read_bytes(tmp_path, f"orders{suffix}", packed).rows == ROWS


def test_a_json_file_that_is_called_csv_is_read_and_reported(tmp_path: Path) -> None:
    table = read_bytes(tmp_path, "orders.csv", b'{"day": "2025-03-01", "sum": 1}\n{"day": "2025-03-02", "sum": 2}\n')
    assert table.assumed == {"format": "jsonl"}
    assert table.rows == [(1, "2025-03-01", "1"), (2, "2025-03-02", "2")]


@pytest.mark.parametrize("given", ["\\t", "tab", "\t"])
def test_a_given_delimiter_is_used(tmp_path: Path, given: str) -> None:
    table = read_text(tmp_path, "day;x\tsum;y\n1;2\t3;4\n", options=ReadOptions(delimiter=given))
    assert table.names == ("day;x", "sum;y")
    assert table.assumed == {}
