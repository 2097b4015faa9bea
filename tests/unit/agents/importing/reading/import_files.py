"""Read files as the import does, and make workbooks."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple
from xml.sax.saxutils import escape

from agents.importing.reading.opening import open_source
from agents.importing.reading.source_table import ReadOptions
from agents.importing.staging.stage import stage

DATE_STYLE: Final = 1
_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"


class ReadTable(NamedTuple):
    """What was read of a file.

    Attributes:
        names: of the columns.
        rows: line and cells of each row.
        assumed: subject and value of each assumption.
        left_out: reason, and the lines left out for it.
        typed: columns that came as numbers or dates.
        file_format: as detected.
    """

    names: tuple[str, ...]
    rows: list[tuple[int | str | None, ...]]
    assumed: dict[str, str]
    left_out: dict[str, list[int]]
    typed: frozenset[str]
    file_format: str


class Serial(NamedTuple):
    """A cell of a workbook with a date: days since the end of 1899."""

    days: float


def read_table(path: Path, options: ReadOptions | None = None) -> ReadTable:
    """Return what a file is read as."""
    with stage([open_source(path, options)], lambda _: None) as staging:
        (table,) = staging.tables
        rows = staging.con.table("t0").project("* EXCLUDE file").order("line").fetchall()
        return ReadTable(
            table.names,
            rows,
            {assumption.subject: assumption.value for assumption in table.assumptions},
            {reason: lines for reason, _, lines, _ in table.left_out.rows()},
            table.typed,
            table.file_format,
        )


def read_bytes(folder: Path, name: str, content: bytes, options: ReadOptions | None = None) -> ReadTable:
    """Return what a file with the content is read as."""
    path = folder / name
    path.write_bytes(content)
    return read_table(path, options)


def read_text(folder: Path, content: str, encoding: str = "utf-8", options: ReadOptions | None = None) -> ReadTable:
    """Return what a CSV file with the content is read as."""
    return read_bytes(folder, "orders.csv", content.encode(encoding), options)


def write_workbook(path: Path, sheets: Mapping[str, Sequence[Sequence[object]]], hidden: Sequence[str] = ()) -> Path:
    """Write an XLSX file: texts, numbers, flags, dates (`Serial`), empty cells (None)."""
    numbers = {name: number for number, name in enumerate(sheets, 1)}
    relation = f'<Relationship Type="{_RELATIONS}/%s" Target="%s" Id="%s"/>'
    parts = {
        "[Content_Types].xml": _types(len(sheets)),
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        + relation % ("officeDocument", "xl/workbook.xml", "r0")
        + "</Relationships>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        + relation % ("styles", "styles.xml", "r0")
        + "".join(relation % ("worksheet", f"worksheets/sheet{n}.xml", f"r{n}") for n in numbers.values())
        + "</Relationships>",
        "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}"><cellXfs count="2"><xf numFmtId="0"/>'
        '<xf numFmtId="22" applyNumberFormat="1"/></cellXfs></styleSheet>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>'
        + "".join(
            f'<sheet name="{escape(name)}" sheetId="{n}" r:id="r{n}"{_state(name in hidden)}/>'
            for name, n in numbers.items()
        )
        + "</sheets></workbook>",
    }
    for name, number in numbers.items():
        parts[f"xl/worksheets/sheet{number}.xml"] = (
            f'<worksheet xmlns="{_MAIN}"><sheetData>{_rows(sheets[name])}</sheetData></worksheet>'
        )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, content in parts.items():
            archive.writestr(part, f'<?xml version="1.0" encoding="UTF-8"?>{content}')
    return path


def _types(sheets: int) -> str:
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    names = {"/xl/workbook.xml": "sheet.main", "/xl/styles.xml": "styles"}
    names |= {f"/xl/worksheets/sheet{number}.xml": "worksheet" for number in range(1, sheets + 1)}
    overrides = "".join(
        f'<Override PartName="{part}" ContentType="{kind}.{name}+xml"/>' for part, name in names.items()
    )
    relations = '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    return f'<Types xmlns="{_PACKAGE}/content-types">{relations}{overrides}</Types>'


def _state(hidden: object) -> str:
    return ' state="hidden"' if hidden else ""


def _rows(rows: Sequence[Sequence[object]]) -> str:
    return "".join(
        f'<row r="{number}">{"".join(_cell(cell, f"{_letter(index)}{number}") for index, cell in enumerate(row))}</row>'
        for number, row in enumerate(rows, 1)
        if row
    )


def _letter(index: int) -> str:
    return chr(ord("A") + index)


def _cell(cell: object, place: str) -> str:
    match cell:
        case None:
            return ""
        case bool():
            return f'<c r="{place}" t="b"><v>{int(cell)}</v></c>'
        case Serial():
            return f'<c r="{place}" s="{DATE_STYLE}"><v>{cell.days!r}</v></c>'
        case int() | float():
            return f'<c r="{place}"><v>{cell!r}</v></c>'
        case _:
            return f'<c r="{place}" t="inlineStr"><is><t>{escape(str(cell))}</t></is></c>'
