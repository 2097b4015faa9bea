"""A sheet of a workbook (XLSX, XLS, ODS) as a table."""

import marshal
import shutil
import subprocess
import sys
import tempfile
import weakref
import zipfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from agents.importing.findings import Assumption, FileError, LeftOut
from agents.importing.reading.byte_source import ByteSource, file_errors
from agents.importing.reading.header_row import Header, decide_header
from agents.importing.reading.sheets import sheet_process
from agents.importing.reading.sheets.formulas import check_formulas
from agents.importing.reading.source_table import ReadOptions, RowBatch
from agents.importing.reading.total_labels import is_total_label

_MAX_UNPACKED_BYTES: Final = 1024**3
_MAX_MEMORY_BYTES: Final = 2 * 1024**3
_PROGRAM: Final = Path(sheet_process.__file__)


class _Frame(NamedTuple):
    """Some rows, and their numbers; cells that came as numbers or dates are bytes."""

    lines: list[int]
    rows: list[list[Any]]


class SheetTable:
    """Reads a sheet; the attributes are those of `SourceTable`.

    Attributes:
        sheet: its name.
        sheets: names of all sheets that are not hidden.

    Raises:
        FileError: the workbook cannot be read, has no such sheet, or the sheet is no table.
    """

    file_format = "xlsx"

    def __init__(self, source: ByteSource, options: ReadOptions) -> None:
        self.path = source.path
        self.size = source.size
        self.left_out = LeftOut()
        self._with_text: set[int] = set()
        self._source = source  # which removes the workbook when it ends
        self._workbook = uncompressed(source)
        _check_workbook(self.path, self._workbook)
        self._process = _start(self._workbook, options.sheet or "")
        weakref.finalize(self, _end, self._process)
        self.sheet, sheets, self.sheets, self._height = self._first_frame()
        self._rows_read = 0
        self._beside = False
        self._frames = self._rest()
        first = self._skip(next(self._frames, _Frame([], [])), options.skip or 0)
        self._header: Header = decide_header(self.path, _as_text(first), options.header)
        self._first = first
        self.names = self._header.names
        self.assumptions: list[Assumption] = []
        if len(sheets) > 1 and options.sheet is None:
            evidence = f"it has most rows of {len(sheets)} sheets, those with dates first: {', '.join(sheets)}"
            self.assumptions.append(Assumption("sheet", self.sheet, evidence, "--sheet"))
        if self._header.assumption:
            self.assumptions.append(self._header.assumption)

    @property
    def typed(self) -> frozenset[str]:
        """Names of the columns whose cells, of the rows read so far, all came as numbers or dates."""
        return frozenset(name for number, name in enumerate(self.names) if number not in self._with_text)

    def position(self) -> int:
        """Return about how many of the file's bytes have been read."""
        return self.size * self._rows_read // max(1, self._height)

    def batches(self) -> Generator[RowBatch]:
        """Yield the rows in the order of the sheet; only once.

        Raises:
            FileError: the sheet cannot be read to its end.
        """
        with file_errors(self.path):
            check_formulas(self.path, self._workbook, self.sheet)
        for line in self._header.title_lines:
            self.left_out.add("title", line)
        width = len(self.names)
        above = sum(line <= self._header.line for line in self._first.lines)
        frame: _Frame | None = _Frame(self._first.lines[above:], self._first.rows[above:])
        while frame is not None:
            columns = [list(column) for column in zip(*frame.rows, strict=True)][:width]
            for number, column in enumerate(columns):
                if number not in self._with_text and any(
                    type(cell) is str and not is_total_label(cell.strip()) for cell in column
                ):
                    self._with_text.add(number)
                columns[number] = list(map(_cell, column))
            self._note_wider(frame, width)
            missing = [[None] * len(frame.lines) for _ in range(width - len(columns))]
            if frame.lines:
                self._rows_read = frame.lines[-1]
                yield RowBatch(frame.lines, columns + missing)
            frame = next(self._frames, None)

    def _note_wider(self, frame: _Frame, width: int) -> None:
        """Remember that there are cells beside the table, which have no name."""
        if self._beside:
            return
        for line, row in zip(frame.lines, frame.rows, strict=True):
            if any(cell is not None for cell in row[width:]):
                self._beside = True
                evidence = f"row {line} has cells there, which are not read"
                self.assumptions.append(Assumption("beside_table", "columns without a name", evidence))
                return

    def _skip(self, frame: _Frame, lines: int) -> _Frame:
        start = sum(line <= lines for line in frame.lines)
        return _Frame(frame.lines[start:], frame.rows[start:])

    def _first_frame(self) -> tuple[str, list[str], list[str], int]:
        sheet, sheets, visible, height = self._receive()
        return sheet, sheets, visible, height

    def _rest(self) -> Iterator[_Frame]:
        while (frame := self._receive()) is not None:
            yield _Frame(*frame)

    def _receive(self) -> Any:
        """Return the next frame of the process.

        Raises:
            FileError: it reports an error, or has ended because of one.
        """
        assert self._process.stdout is not None
        try:
            frame = marshal.load(self._process.stdout)  # noqa: S302 - our own program wrote it
        except (EOFError, ValueError, TypeError) as error:
            raise FileError(
                f"{self.path} is damaged, or its sheet needs more than {_MAX_MEMORY_BYTES >> 30} GiB of memory; "
                "save the sheet as CSV and import that"
            ) from error
        if isinstance(frame, str):
            raise FileError(f"{self.path} {_explained(frame)}")
        return frame


def uncompressed(source: ByteSource) -> Path:
    """Return the path of a file that is not gzip: the file itself, or a temporary one that is removed at exit."""
    if not source.compressed:
        return source.path
    folder = tempfile.mkdtemp(prefix="goldstream-import-")
    weakref.finalize(source, shutil.rmtree, folder, ignore_errors=True)
    path = Path(folder, "unpacked")
    with source.opened() as packed, path.open("wb") as file:
        shutil.copyfileobj(packed, file)
    return path


def _check_workbook(path: Path, workbook: Path) -> None:
    """Check that a ZIP file is a workbook and does not unpack to an extreme size.

    Raises:
        FileError: it is not, or does.
    """
    with file_errors(path), workbook.open("rb") as file:
        if file.read(2) != b"PK":
            return  # of an older format
        try:
            entries = zipfile.ZipFile(file).infolist()
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise FileError(f"{path} is a damaged or cut-off workbook or archive; download it again") from error
    names = {entry.filename for entry in entries}
    if not any(name.startswith("xl/workbook.") for name in names) and "content.xml" not in names:
        inside = next((name for name in sorted(names) if not name.endswith("/")), "nothing")
        raise FileError(f"{path} is an archive (ZIP) of {inside[:80]!r}; unpack it and import the files in it")
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > _MAX_UNPACKED_BYTES:
        raise FileError(
            f"{path} unpacks to {unpacked:,} bytes, too many for a workbook; save the sheet as CSV and import that"
        )


def _start(workbook: Path, sheet: str) -> "subprocess.Popen[bytes]":
    argv = [sys.executable, "-P", str(_PROGRAM), str(workbook), sheet, str(_MAX_MEMORY_BYTES)]
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)  # noqa: S603


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    if process.stdout is not None:
        process.stdout.close()
    process.wait()


def _explained(error: str) -> str:
    text = " ".join(error.split())[:300]
    if "ModuleNotFoundError" in text:
        return "needs python-calamine; install it with `pip install 'goldstream[import]'`"
    if "assword" in text:
        return "is protected by a password; save it without one"
    if "cannot be read" in text:
        return f"{text}; open it in a spreadsheet program and save it as XLSX"
    return text


def _as_text(frame: _Frame) -> _Frame:
    return _Frame(frame.lines, [list(map(_cell, row)) for row in frame.rows])


def _cell(cell: str | bytes | None) -> str | None:
    return cell.decode() if isinstance(cell, bytes) else cell
