"""Read the rows of CSV and JSON Lines files, plain or gzipped, with their line numbers."""

import codecs
import csv
import gzip
import io
import itertools
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple, cast

import msgspec

from agents.importing.row_mapping import Mapping

if TYPE_CHECKING:
    from _csv import Reader

FORMATS: Final = ("csv", "jsonl", "parquet")
_SUFFIXES: Final = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_DELIMITERS: Final = (",", ";", "\t", "|")

# Numbers of JSON become Decimal, never float: they are money. A whole number stays an int.
_decode: Final = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode


class Row(NamedTuple):
    """A row: its line number, the names of its columns, and their cells."""

    line: int
    names: tuple[str, ...]
    cells: tuple[Any, ...]


class UnreadableRow(NamedTuple):
    """A row that cannot be read, and why."""

    line: int
    error: str


class FileError(Exception):
    """A file cannot be read; the message names it and the remedy."""


class RowReader:
    """Reads the rows of a file, and knows how much of it has been read.

    Attributes:
        size: the file's size in bytes.

    Raises:
        FileError: the file does not exist or cannot be read.
    """

    def __init__(self, path: Path, form: str, mapping: Mapping) -> None:
        self.path = path
        self.file_format = form
        self.mapping = mapping
        self._raw: BinaryIO | None = None
        try:
            with path.open("rb"):
                self.size = path.stat().st_size
        except OSError as error:
            raise FileError(f"{path} cannot be read ({error.strerror}); name an existing file") from error

    def position(self) -> int:
        """Return how much of `size` has been read."""
        return self._raw.tell() if self._raw and not self._raw.closed else 0

    def rows(self) -> Iterator[Row | UnreadableRow]:
        """Yield the rows in the order of the file.

        Raises:
            FileError: the compressed data are damaged or end early.
        """
        with self.path.open("rb") as raw:
            plain: BinaryIO = raw
            self._raw = raw
            if self.path.suffix.lower() == ".gz":
                plain = cast("BinaryIO", gzip.GzipFile(fileobj=raw))
            try:
                yield from (self._lines if self.file_format == "jsonl" else self._table)(plain)
            except (EOFError, gzip.BadGzipFile, OSError) as error:
                raise FileError(f"{self.path} is damaged or not gzip ({error}); download it again") from error

    def _table(self, plain: BinaryIO) -> Iterator[Row | UnreadableRow]:
        with io.TextIOWrapper(plain, encoding=self.mapping.encoding, errors="surrogateescape", newline="") as text:
            first = text.readline().removeprefix("\ufeff")
            delimiter = self.mapping.delimiter or _likely_delimiter(first)
            yield from self._cells(
                csv.reader(itertools.chain((first,), text), delimiter=delimiter, strict=True), delimiter
            )

    def _cells(self, reader: "Reader", delimiter: str) -> Iterator[Row | UnreadableRow]:
        names = self.mapping.header
        while True:
            line = reader.line_num + 1
            try:
                cells = tuple(next(reader))
            except StopIteration:
                return
            except csv.Error as error:
                lost = f", nor are the lines up to {reader.line_num}" if reader.line_num > line else ""
                yield UnreadableRow(line, f"is not CSV: {error}{lost}; look for an unclosed quote")
                continue
            if not cells or (len(cells) == 1 and not cells[0].strip()):
                continue
            if not names:
                names = tuple(name.strip() for name in cells)
            elif any(_has_invalid_bytes(cell) for cell in cells):
                yield UnreadableRow(
                    line, f"is not {self.mapping.encoding}; give the file's encoding, such as --encoding cp1251"
                )
            elif len(cells) != len(names):
                yield UnreadableRow(
                    line,
                    f"has {len(cells)} cells where the header has {len(names)}; quote cells that contain {delimiter!r}",
                )
            else:
                yield Row(line, names, cells)

    def _lines(self, plain: BinaryIO) -> Iterator[Row | UnreadableRow]:
        encoding = self.mapping.encoding
        for line, raw in enumerate(plain, 1):
            content = raw.removeprefix(b"\xef\xbb\xbf") if line == 1 else raw
            if not content.strip():
                continue
            try:
                if codecs.lookup(encoding).name != "utf-8":
                    content = content.decode(encoding).encode()
                record = _decode(content)
            except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
                hint = "; write one object per line" if content.lstrip().startswith(b"[") else ""
                yield UnreadableRow(line, f"is not a JSON object: {error}{hint}")
                continue
            yield Row(line, tuple(record), tuple(record.values()))


def format_of(path: Path) -> str | None:
    """Return the format of a file by its suffix, apart from `.gz`; None if the suffix is unknown."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    return _SUFFIXES.get(suffixes[-1]) if suffixes else None


def _has_invalid_bytes(cell: str) -> bool:
    """Return whether a cell has bytes that are invalid in its encoding, which `surrogateescape` let through."""
    return not cell.isascii() and any("\udc80" <= letter <= "\udcff" for letter in cell)


def _likely_delimiter(line: str) -> str:
    """Return the delimiter that is most frequent outside quotes in the first line; a comma if there is none."""
    outside = "".join(line.split('"')[::2])
    return max(_DELIMITERS, key=outside.count)
