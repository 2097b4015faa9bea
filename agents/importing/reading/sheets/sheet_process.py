"""A program of its own: reads a sheet of a workbook and writes its rows to standard output.

A library for workbooks holds a whole sheet in memory, and a file of a few kilobytes can declare a sheet of any size. A
process with limited memory can fail alone. It is started by its path, so it imports nothing of ours.

Frames are written with `marshal`: first `(name of the sheet, names of all, names of the visible ones, number of rows)`
or an error's text, then `(row numbers, rows)`. A cell is text, None if it is empty, or bytes if it came as a number or
a date.
"""

import contextlib
import marshal
import re
import resource
import sys
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

ROWS_PER_FRAME: Final = 1_000
_FLOAT_DIGITS: Final = 15  # a spreadsheet shows as many; the others are the noise of binary fractions
_EXACT_WHOLE: Final = 2**53
_DATE: Final = re.compile(r"\s*\d{1,4}[./-]\d{1,2}[./-]\d{1,4}")
_MILLISECOND: Final = timedelta(milliseconds=1)


def main(path: str, sheet: str, memory_bytes: int) -> None:
    """Write the rows of a sheet; an empty name: of the visible sheet with most rows, of those with dates if any has."""
    with contextlib.suppress(ValueError, OSError):  # a system without this limit
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    write = sys.stdout.buffer
    try:
        import python_calamine

        with open(path, "rb") as file:  # noqa: PTH123 - this program imports little
            workbook = python_calamine.load_workbook(file)
        names, visible, chosen = _choose(workbook, python_calamine, sheet)
        if chosen is None:
            marshal.dump(f"has no sheet {sheet!r}; its sheets are {', '.join(map(repr, names))}", write)
            return
        marshal.dump((chosen.name, names, visible, chosen.total_height), write)
        for frame in _frames(chosen):
            marshal.dump(frame, write)
        marshal.dump(None, write)
    except BrokenPipeError:
        pass
    except BaseException as error:  # noqa: BLE001 - also a panic of the library, which is no Exception
        marshal.dump(f"cannot be read as a workbook ({type(error).__name__}: {error})", write)


def _choose(workbook: Any, library: Any, sheet: str) -> tuple[list[str], list[str], Any]:
    """Return the names of all and of visible sheets, and the one that was named or is likeliest; None: none."""
    sheets = [one for one in workbook.sheets_metadata if one.typ == library.SheetTypeEnum.WorkSheet]
    names = [one.name for one in sheets]
    visible = [one.name for one in sheets if one.visible == library.SheetVisibleEnum.Visible] or names
    if sheet:
        return names, visible, workbook.get_sheet_by_name(sheet) if sheet in names else None
    best, most = None, (False, -1)
    for name in visible:
        candidate = workbook.get_sheet_by_name(name)
        rank = _rank(candidate) if len(visible) > 1 else (False, 0)
        if rank > most:
            best, most = candidate, rank
    return names, visible, best


def _rank(sheet: Any) -> tuple[bool, int]:
    """Return whether half of the rows of a sheet have a date, as orders do, and the number of rows."""
    rows = dated = 0
    for row in sheet.iter_rows():
        rows += any(cell != "" for cell in row)
        dated += any(isinstance(cell, date) or (type(cell) is str and _DATE.match(cell)) for cell in row)
    return 0 < rows <= 2 * dated, rows


def _frames(sheet: Any) -> Iterator[tuple[list[int], list[list[Any]]]]:
    lines: list[int] = []
    rows: list[list[Any]] = []
    for number, row in enumerate(sheet.iter_rows(), 1):
        cells = [None if cell == "" else cell if type(cell) is str else _text(cell) for cell in row]
        if any(cell is not None for cell in cells):
            lines.append(number)
            rows.append(cells)
        if len(rows) == ROWS_PER_FRAME:
            yield lines, rows
            lines, rows = [], []
    if rows:
        yield lines, rows


def _text(cell: Any) -> str | bytes | None:
    """Return a number, date or time as bytes, a flag as text."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return _number(cell).encode() if cell == cell else None  # noqa: PLR0124 - NaN is not equal to itself
    if isinstance(cell, datetime):
        return _moment(cell).encode()
    if isinstance(cell, date):
        return cell.isoformat().encode()
    if isinstance(cell, time):
        return _moment(datetime.combine(date(2000, 1, 1), cell)).partition(" ")[2].encode() or b"00:00:00"
    return str(cell).encode()


def _number(number: float) -> str:
    if number.is_integer() and abs(number) <= _EXACT_WHOLE:
        return str(int(number))
    return f"{Decimal(f'{number:.{_FLOAT_DIGITS}g}'):f}"


def _moment(moment: datetime) -> str:
    """Return a moment rounded to milliseconds, which fractions of a day cannot express exactly; midnight as a date."""
    with contextlib.suppress(OverflowError):
        moment += _MILLISECOND / 2
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    if moment.time() == time.min:
        return moment.date().isoformat()
    return moment.isoformat(" ", "milliseconds" if moment.microsecond else "seconds")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
