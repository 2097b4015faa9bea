"""Open a file as a table, whatever its format."""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from agents.importing.findings import Assumption, FileError
from agents.importing.reading.byte_source import ByteSource
from agents.importing.reading.csv_files.table import CsvTable
from agents.importing.reading.file_kinds import FORMATS, SUFFIXES, file_kind
from agents.importing.reading.json_files.table import JsonTable
from agents.importing.reading.parquet_table import ParquetTable
from agents.importing.reading.sheets.table import SheetTable
from agents.importing.reading.source_table import ReadOptions, SourceTable, have_same_form

_READERS: Final[dict[str, Callable[[ByteSource, ReadOptions], SourceTable]]] = {
    "csv": CsvTable,
    "xlsx": SheetTable,
    "json": JsonTable,
    "parquet": ParquetTable,
}
_COLUMNS_OF_SUMMARY: Final = 3
"""A sheet with more columns, and without some of the main one's, is rather another export of the same kind."""


def open_source(path: Path, options: ReadOptions | None = None) -> SourceTable:
    """Return a file as a table. Its format is decided by its content, whatever its name.

    Raises:
        FileError: the file cannot be read, or is no table; the message is one line that states what to do.
    """
    options = options or ReadOptions()
    if options.file_format not in {None, *FORMATS}:
        raise FileError(f"--format {options.file_format} must be one of {', '.join(FORMATS)}")
    source = ByteSource(path)
    kind = file_kind(source)
    if options.file_format is not None and not _same(options.file_format, kind):
        if {options.file_format, kind} & {"xlsx", "parquet"}:
            raise FileError(f"{path} contains {kind}, not {options.file_format}; leave --format out")
        kind = options.file_format
    table = _READERS[kind.removesuffix("l")](source, options)
    named = named_format(path)
    if options.file_format is None and named is not None and not _same(named, table.file_format):
        evidence = f"its content, although its name ends with {path.suffix}"
        table.assumptions.insert(0, Assumption("format", table.file_format, evidence, "--format"))
    return table


def open_sources(path: Path, options: ReadOptions | None = None) -> list[SourceTable]:
    """Return a file as tables: of a workbook all sheets with the columns of the likeliest one, such as months.

    Raises:
        FileError: as `open_source`.
    """
    options = options or ReadOptions()
    main = open_source(path, options)
    if not isinstance(main, SheetTable) or options.sheet is not None or options.header is not None:
        return [main]
    sheets = {main.sheet: main}
    for name in main.sheets:
        if name != main.sheet:
            with contextlib.suppress(FileError):  # it is no table
                other = open_source(path, msgspec.structs.replace(options, sheet=name))
                is_near = have_same_form(main.names, other.names) or _is_summary(main.names, other.names)
                if isinstance(other, SheetTable) and is_near:
                    sheets[name] = other
    whole = next((other for other in sheets.values() if _is_summary(main.names, other.names)), None)
    if whole is not None:
        evidence = f"it has all columns of {main.sheet}, which seems to sum it up, and more"
        whole.assumptions.append(Assumption("sheet", whole.sheet, evidence, "--sheet"))
        main = whole
    found = {
        name: other
        for name, other in sheets.items()
        if have_same_form(main.names, other.names) and not _is_summary(other.names, main.names)
    }
    if len(found) > 1:
        tables = [found[name] for name in main.sheets if name in found]
        left = [name for name in main.sheets if name not in found]
        evidence = "they have the same columns" + (f"; not read: {', '.join(left)}" if left else "")
        main.assumptions = [each for each in main.assumptions if each.subject != "sheet"]
        tables[0].assumptions.append(Assumption("sheet", ", ".join(each.sheet for each in tables), evidence, "--sheet"))
        return [*tables]
    return [main]


def _is_summary(names: Sequence[str], main: Sequence[str]) -> bool:
    """Return whether a sheet has few columns, all of the main one's, and lacks some: a pivot table of it."""
    return len(names) <= _COLUMNS_OF_SUMMARY and {*names} < {*main}


def named_format(path: Path) -> str | None:
    """Return the format that a file's name tells, apart from `.gz`; None if it tells none."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    return SUFFIXES.get(suffixes[-1]) if suffixes else None


def _same(one: str, other: str) -> bool:
    """Return whether two formats are told apart by content only: JSON and JSON Lines are not by name."""
    return one.removesuffix("l") == other.removesuffix("l")
