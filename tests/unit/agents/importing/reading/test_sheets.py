"""Workbooks as accountants send them."""

import gzip
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from agents.importing.findings import FileError
from agents.importing.reading.opening import open_sources
from agents.importing.reading.source_table import ReadOptions
from tests.unit.agents.importing.reading.import_files import Serial, read_bytes, read_table, write_workbook
from tests.unit.agents.importing.understood_files import understand_files

DAY = 45_658.0  # 2025-01-01
ROWS: list[list[object]] = [
    ["Sales in January"],
    [],
    ["No.", "Day", "Customer", "Sum", "Paid", None, "Comment of Ann"],
    [1001, Serial(DAY + 0.4375), "k-1", 0.1 + 0.2, True],
    [1002, Serial(DAY + 1), "k-2", 1990.5],
    [],
    [1003.0, Serial(DAY + 2 + 1 / 3), " k-1 ", 12345678901234567, False],
    ["Total", None, None, 2480],
]


def test_titles_sums_blank_rows_and_kinds_of_cells(tmp_path: Path) -> None:
    table = read_table(write_workbook(tmp_path / "sales.xlsx", {"Sales": ROWS}))
    assert table.names[:5] == ("No.", "Day", "Customer", "Sum", "Paid")
    assert [row[:6] for row in table.rows] == [
        (4, "1001", "2025-01-01 10:30:00", "k-1", "0.3", "true"),
        (5, "1002", "2025-01-02", "k-2", "1990.5", None),
        (7, "1003", "2025-01-03 08:00:00", "k-1", "12345678901234600", "false"),
    ]
    assert table.typed >= {"No.", "Day", "Sum"}
    assert "Customer" not in table.typed
    assert table.left_out == {"title": [1], "total_row": [8]}
    assert (table.file_format, table.assumed) == ("xlsx", {"header": "line 3"})


def test_the_sheet_with_most_rows_is_read_unless_another_is_named(tmp_path: Path) -> None:
    few: list[list[object]] = [["a", "b"], ["x", 1]]
    many: list[list[object]] = [["day", "sum"], *[["x", number] for number in range(5)]]
    hidden: list[list[object]] = [["c", "d"], *[["y", number] for number in range(9)]]
    sheets: dict[str, list[list[object]]] = {"About": few, "Orders & more": many, "Secret": hidden}
    path = write_workbook(tmp_path / "sales.xlsx", sheets, hidden=["Secret"])
    table = read_table(path)
    assert (table.names, table.assumed) == (("day", "sum"), {"sheet": "Orders & more"})
    named = read_table(path, ReadOptions(sheet="Secret"))
    assert (named.names, named.assumed) == (("c", "d"), {})
    with pytest.raises(FileError, match="no sheet 'secret'; its sheets are 'About', 'Orders & more', 'Secret'"):
        read_table(path, ReadOptions(sheet="secret"))


def test_a_sheet_with_dates_wins_over_a_longer_one_without(tmp_path: Path) -> None:
    orders: list[list[object]] = [["day", "sum"], *[[Serial(DAY + number), number] for number in range(3)]]
    goods: list[list[object]] = [["sku", "price"], *[[f"a{number}", number] for number in range(9)]]
    table = read_table(write_workbook(tmp_path / "a.xlsx", {"Goods": goods, "Orders": orders}))
    assert table.assumed == {"sheet": "Orders"}


@pytest.mark.parametrize("rows", [0, 9])
@pytest.mark.parametrize("left", [["day", "sum"], ["client", "sum"]])
def test_a_pivot_table_of_the_orders_is_not_read_with_them(tmp_path: Path, left: list[object], rows: int) -> None:
    orders: list[list[object]] = [
        ["day", "client", "sum"],
        *[[Serial(DAY + number), f"c{number}@example.com", 10.5 + number] for number in range(4)],
    ]
    pivot: list[list[object]] = [left, *[[Serial(DAY + number), 10.5 + number] for number in range(2)]]
    pivot += [["Total", 46.0]] * rows
    path = write_workbook(tmp_path / "a.xlsx", {"Pivot": pivot, "Orders": orders})
    assert [table.names for table in open_sources(path)] == [("day", "client", "sum")]


@pytest.mark.parametrize("name", ["sales.csv", "sales.xls", "sales", "sales.xlsx.gz"])
def test_a_workbook_is_recognised_by_its_content(tmp_path: Path, name: str) -> None:
    content = write_workbook(tmp_path / "a.xlsx", {"S": [["day", "sum"], ["x", 1]]}).read_bytes()
    table = read_bytes(tmp_path, name, gzip.compress(content) if name.endswith("gz") else content)
    assert (table.rows, table.file_format) == ([(2, "x", "1")], "xlsx")
    assert table.assumed == ({"format": "xlsx"} if name.endswith("csv") else {})


def test_many_rows_arrive_in_their_order(tmp_path: Path) -> None:
    rows = [[f"2025-01-{number % 28 + 1:02d}", number] for number in range(12_345)]
    table = read_table(write_workbook(tmp_path / "sales.xlsx", {"S": [["day", "no"], *rows]}))
    assert [(row[0], row[2]) for row in table.rows] == [(number + 2, str(number)) for number in range(12_345)]


def test_a_sheet_that_claims_to_be_huge_is_refused(tmp_path: Path) -> None:
    path = write_workbook(tmp_path / "a.xlsx", {"S": [["day", "sum"], ["x", 1]]})
    far = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    _replace(path, "xl/worksheets/sheet1.xml", lambda content: content.replace(b"</sheetData>", far))
    with pytest.raises(FileError, match="needs more than 2 GiB of memory; save the sheet as CSV"):
        read_table(path)


def test_a_workbook_that_unpacks_to_gigabytes_is_refused(tmp_path: Path) -> None:
    path = write_workbook(tmp_path / "a.xlsx", {"S": [["day", "sum"], ["x", 1]]})
    content = bytearray(path.read_bytes())
    entry = content.rindex(b"PK\x01\x02")  # of the last part in the directory; its unpacked size follows
    content[entry + 24 : entry + 28] = (1_200_000_000).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(FileError, match=r"unpacks to 1,200,\d{3},\d{3} bytes, too many for a workbook"):
        read_table(path)


@pytest.mark.parametrize("damage", ["cut off", "no sheet", "no XML"])
def test_a_damaged_workbook_is_refused(tmp_path: Path, damage: str) -> None:
    path = write_workbook(tmp_path / "a.xlsx", {"S": [["day", "sum"], ["x", 1]]})
    if damage == "cut off":
        path.write_bytes(path.read_bytes()[:-200])
    else:
        name = "xl/workbook.xml" if damage == "no XML" else "xl/worksheets/sheet1.xml"
        _replace(path, name, lambda content: content[: len(content) // 2] if damage == "no XML" else None)
    with pytest.raises(FileError, match=r"a\.xlsx (is damaged|is a damaged|cannot be read as a workbook).*; ") as error:
        read_table(path)
    assert "\n" not in str(error.value)


def test_an_archive_of_other_files_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "orders.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("may/orders.csv", "day,sum\n")
    with pytest.raises(FileError, match=r"archive \(ZIP\) of 'may/orders.csv'; unpack it"):
        read_table(path)


def _replace(path: Path, name: str, change: Callable[[bytes], bytes | None]) -> None:
    with zipfile.ZipFile(path) as archive:
        parts = {part: archive.read(part) for part in archive.namelist()}
    changed = change(parts.pop(name))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, content in parts.items():
            archive.writestr(part, content)
        if changed is not None:
            archive.writestr(name, changed)


HEADER: list[object] = ["Order ID", "Date", "Customer", "Sum"]


def _formula(path: Path, result: str = "<v/>", *, calculates: bool = False) -> Path:
    """Give each cell with the text `=…` of a workbook a formula and a result, as programs that write workbooks do."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    parts[sheet] = re.sub(
        r'<c r="(\w+)" t="inlineStr"><is><t>=([^<]*)</t></is></c>', rf'<c r="\1"><f>\2</f>{result}</c>', parts[sheet]
    )
    if calculates:
        parts["xl/workbook.xml"] = parts["xl/workbook.xml"].replace(
            "</workbook>", '<calcPr calcId="124519" fullCalcOnLoad="1"/></workbook>'
        )
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return path


FORMULAS: list[list[object]] = [HEADER]
FORMULAS += [[f"o{n}", Serial(DAY + n), f"c{n}", f"=B{n}*2"] for n in range(1, 4)]


@pytest.mark.parametrize(
    ("result", "calculates"), [("<v/>", False), ("<v></v>", True), ("", False), ("<v>0</v>", True)]
)
def test_formulas_that_nobody_has_calculated_are_refused(tmp_path: Path, result: str, calculates: bool) -> None:  # noqa: FBT001 - drawn by name
    path = _formula(write_workbook(tmp_path / "a.xlsx", {"Sales": FORMULAS}), result, calculates=calculates)
    with pytest.raises(
        FileError, match=r"formulas of sheet 'Sales' have never been calculated, such as D2 \(3 cells\)"
    ):
        read_table(path)


@pytest.mark.parametrize("result", ["<v>0</v>", "<v>12.5</v>"])
def test_formulas_with_results_are_numbers(tmp_path: Path, result: str) -> None:
    path = _formula(write_workbook(tmp_path / "a.xlsx", {"Sales": FORMULAS}), result)
    assert {row[4] for row in read_table(path).rows} == {result[3:-4]}


def test_a_row_of_totals_need_not_be_calculated(tmp_path: Path) -> None:
    rows: list[list[object]] = [
        HEADER,
        ["o1", Serial(DAY), "c1", 5],
        ["o2", Serial(DAY), "c2", 6],
        ["Total", None, None, "=SUM(D2:D3)"],
    ]
    table = read_table(_formula(write_workbook(tmp_path / "a.xlsx", {"Sales": rows})))
    assert [row[1] for row in table.rows] == ["o1", "o2"]


def test_sheets_with_the_same_columns_are_one_table(tmp_path: Path) -> None:
    sheets: dict[str, list[list[object]]] = {
        "Prices": [["Item", "Price"], ["Tea", 5]],
        "May": [["Sales"], [], HEADER, ["o1", Serial(DAY), "c1", 5], ["o2", Serial(DAY), "c2", 6]],
        "June": [HEADER, ["o3", Serial(DAY + 30), "c1", 7], ["o2", Serial(DAY), "c2", 6], ["o4", Serial(DAY), "c3", 8]],
        "Old": [HEADER, ["o5", Serial(DAY), "c9", 100]],
    }
    write_workbook(tmp_path / "a.xlsx", sheets, hidden=["Old"])
    found = understand_files(tmp_path, {"a.xlsx": (tmp_path / "a.xlsx").read_bytes()})
    assert found.amounts() == {"o1": "5.00", "o2": "6.00", "o3": "7.00", "o4": "8.00"}
    assert (found.assumed["sheet"], found.left_out["duplicate"][0]) == ("May, June", 1)
