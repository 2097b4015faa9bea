"""Find formulas of a workbook whose results nobody has calculated: to a reader their cells are empty, or 0.

Programs that write workbooks, other than spreadsheet programs, store formulas without results, or with 0 in their place
and the order to calculate when the file is opened.
"""

import contextlib
import html
import re
import zipfile
import zlib
from pathlib import Path
from typing import IO, Final

from agents.importing.findings import FileError

_CELL: Final = re.compile(
    rb"<c ([^<>]*)>\s*<f(?:[^<>]*/>|[^<>]*>[^<]*</f>)\s*(?:<v\s*/>|<v(?: [^<>]*)?>([^<]*)</v>)?\s*</c>"
)
_PLACE: Final = re.compile(rb'\br="([A-Z]+)(\d+)"')
_SHEET: Final = re.compile(r"<(?:\w+:)?sheet [^<>]*>")
_RELATION: Final = re.compile(r"<Relationship [^<>]*>")
_ATTRIBUTE: Final = re.compile(r'([\w:]+)="([^"]*)"')
_CALCULATES_LATER: Final = re.compile(r"<calcPr [^<>]*fullCalcOnLoad=\"(?:1|true)\"")
_CHUNK: Final = 1024 * 1024
_MAX_PART: Final = 16 * 1024 * 1024


def check_formulas(path: Path, workbook: Path, sheet: str) -> None:
    """Check that the formulas of a sheet have results.

    A single row without results is a row of totals, which is no data.

    Args:
        path: for messages.
        workbook: the file, not compressed with gzip.
        sheet: its name.

    Raises:
        FileError: several rows have formulas without results.
    """
    places = set[tuple[str, str]]()
    # Other formats always have results; damage is reported by the reader of the cells.
    ignored = contextlib.suppress(zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
    with ignored, zipfile.ZipFile(workbook) as archive:
        part, is_pending = _part_of(archive, sheet)
        if part is not None:
            with archive.open(part) as file:
                places = _without_results(file, zeros_too=is_pending)
    rows = {row for _, row in places}
    if len(rows) < 2:
        return
    column, row = min(places, key=lambda place: (int(place[1]), len(place[0]), place[0]))
    raise FileError(
        f"{path}: formulas of sheet {sheet!r} have never been calculated, such as {column}{row} ({len(places):,} "
        "cells), so their values are unknown; open the file in Excel or LibreOffice, save it, and import it again"
    )


def _part_of(archive: zipfile.ZipFile, sheet: str) -> tuple[str | None, bool]:
    """Return the part with the cells of a sheet, and whether the workbook is calculated when it is opened."""
    names = set(archive.namelist())
    if not {"xl/workbook.xml", "xl/_rels/workbook.xml.rels"} <= names:
        return None, False
    book, relations = (_text(archive, part) for part in ("xl/workbook.xml", "xl/_rels/workbook.xml.rels"))
    targets = {each.get("Id"): each.get("Target", "") for each in _attributes(_RELATION, relations)}
    ids = {each.get("name"): each.get("r:id") for each in _attributes(_SHEET, book)}
    target = targets.get(ids.get(sheet), "")
    part = target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
    return part if part in names else None, _CALCULATES_LATER.search(book) is not None


def _text(archive: zipfile.ZipFile, part: str) -> str:
    with archive.open(part) as file:
        return file.read(_MAX_PART).decode("utf-8", "replace")


def _attributes(pattern: re.Pattern[str], text: str) -> list[dict[str, str]]:
    return [
        {name: html.unescape(value) for name, value in _ATTRIBUTE.findall(element)} for element in pattern.findall(text)
    ]


def _without_results(file: IO[bytes], *, zeros_too: bool) -> set[tuple[str, str]]:
    """Return the columns and rows of formulas without a result; with `zeros_too`, of all if all results are 0."""
    empty, zeros, others = set[tuple[str, str]](), set[tuple[str, str]](), 0
    rest = b""
    while chunk := file.read(_CHUNK):
        text = rest + chunk
        end = max(text.rfind(b"<c "), text.rfind(b"</row>"), 0)
        for attributes, result in _CELL.findall(text, 0, end) if b"<f" in text else ():
            place = _PLACE.search(attributes)
            if place is None or b't="str"' in attributes:
                continue  # a formula whose result is a text, perhaps an empty one
            where = place[1].decode(), place[2].decode()
            if not result.strip():
                empty.add(where)
            elif result.strip() == b"0":
                zeros.add(where)
            else:
                others += 1
        rest = text[end:]
        if len(rest) > _MAX_PART:
            break  # no sheet has such a cell
    return empty | zeros if zeros_too and not others else empty
