"""JSON and JSON Lines as a table."""

import contextlib
import io
from collections.abc import Generator, Iterator
from json import JSONDecodeError
from typing import Any, Final

from agents.importing.findings import Assumption, FileError, LeftOut
from agents.importing.reading.byte_source import ByteSource
from agents.importing.reading.encodings.text_encoding import TextEncoding, decide_encoding
from agents.importing.reading.json_files.flattening import DECODER, field_paths, flatten
from agents.importing.reading.json_files.records import Records, find_records, read_records
from agents.importing.reading.json_files.stream import MAX_VALUE, JsonStream
from agents.importing.reading.source_table import MAX_COLUMNS, ReadOptions, RowBatch, rows_per_batch

_LINES_SUFFIXES: Final = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")


class JsonTable:
    """Reads a JSON file; the attributes are those of `SourceTable`.

    Raises:
        FileError: the file is not JSON, or has no objects.
    """

    def __init__(self, source: ByteSource, options: ReadOptions) -> None:
        self.path = source.path
        self.size = source.size
        self.left_out = LeftOut()
        self._with_text: set[str] = set()
        self._source = source
        self._encoding: TextEncoding = decide_encoding(source, options.encoding)
        self.assumptions = [self._encoding.assumption] if self._encoding.assumption else []
        self._records = self._find_records(named_lines=options.file_format == "jsonl")
        self.file_format = "json" if self._records.array else "jsonl"
        if self._records.path:
            path = ".".join(self._records.path)
            self.assumptions.append(Assumption("rows", path, f"the file is an object, and `{path}` its longest list"))
        self.names = self._read_names()

    @property
    def typed(self) -> frozenset[str]:
        """Names of the columns whose cells, of the rows read so far, all came as numbers."""
        return frozenset(self.names) - self._with_text

    def position(self) -> int:
        """Return how many of the file's bytes have been read."""
        return self._source.position()

    def batches(self) -> Generator[RowBatch]:
        """Yield the rows in the order of the file.

        Raises:
            FileError: the file cannot be read to its end.
        """
        lines: list[int] = []
        rows: list[dict[str, str]] = []
        most = rows_per_batch(len(self.names))
        for line, value in self._values():
            row = _row(value)
            if isinstance(row, str):
                self.left_out.add("unreadable", line, row)
                continue
            lines.append(line)
            rows.append(row)
            if len(rows) == most:
                yield self._batch(lines, rows)
                lines, rows = [], []
        if rows:
            yield self._batch(lines, rows)

    def _batch(self, lines: list[int], rows: list[dict[str, str]]) -> RowBatch:
        columns: list[list[str | None]] = []
        for name in self.names:
            column = [row.get(name) for row in rows]
            if name not in self._with_text and any(type(cell) is str for cell in column):
                self._with_text.add(name)
            columns.append(column)
        return RowBatch(lines, columns)

    def _read_names(self) -> tuple[str, ...]:
        names: dict[str, None] = {}
        error = ""
        for line, value in self._values():
            try:
                paths = field_paths(value if isinstance(value, dict) else {})
            except RecursionError:
                paths = {}.keys()
            if not paths:
                error = error or f" (line {line} {_row(value)})"
            elif not paths <= names.keys():
                names |= dict.fromkeys(paths)
                self._check_number(names, line)
        if not names:
            raise FileError(f"{self.path} has no objects with fields{error}; export a list of orders")
        return tuple(names)

    def _check_number(self, names: dict[str, None], line: int) -> None:
        if len(names) > MAX_COLUMNS:
            raise FileError(
                f"{self.path} has more than {MAX_COLUMNS:,} different fields up to line {line}, such as "
                f"{next(reversed(names))[:80]!r}; export only those that are needed"
            )

    def _values(self) -> Iterator[tuple[int, Any]]:
        """Yield line numbers with values, or with why there is none."""
        with self._opened() as text:
            yield from self._lines(text) if self._records.lines else read_records(JsonStream(text.read), self._records)

    def _lines(self, text: io.TextIOWrapper) -> Iterator[tuple[int, Any]]:
        line = 0
        while content := text.readline(MAX_VALUE):
            line += 1
            if len(content) == MAX_VALUE:
                raise FileError(f"has a line {line} of more than {MAX_VALUE:,} characters; write an object a line")
            if content.isspace():
                continue
            try:
                yield line, DECODER.decode(content.lstrip("\ufeff"))
            except (JSONDecodeError, RecursionError) as error:
                yield line, error

    def _find_records(self, *, named_lines: bool) -> Records:
        named = named_lines or self.path.name.lower().endswith(_LINES_SUFFIXES)
        with self._opened() as text:
            first = _first_line(text)
            second = _first_line(text)
        if _is_object(first) and (second.lstrip().startswith("{") or (named and not second)):
            return Records(lines=True)
        with self._opened() as text:
            return find_records(JsonStream(text.read), named_lines=named)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[io.TextIOWrapper]:
        with self._source.opened() as file:
            try:
                yield io.TextIOWrapper(file, self._encoding.name, self._encoding.errors, newline="\n")
            except FileError as error:
                if str(error).startswith(str(self.path)):
                    raise
                raise FileError(f"{self.path} {error}") from error


def _first_line(text: io.TextIOWrapper) -> str:
    """Return the next line that is not blank, or the beginning of a long one; an empty text at the end."""
    while line := text.readline(MAX_VALUE):
        if not line.isspace():
            return line.lstrip("\ufeff")
    return ""


def _is_object(line: str) -> bool:
    try:
        return isinstance(DECODER.decode(line), dict)
    except (JSONDecodeError, RecursionError):
        return False


def _row(value: Any) -> dict[str, str] | str:
    """Return a value as a row, or why it is none."""
    if isinstance(value, RecursionError):
        return "is nested too deeply"
    if isinstance(value, JSONDecodeError):
        return f"is not JSON: {value.msg}"
    if not isinstance(value, dict):
        return "is not a JSON object"
    try:
        row = flatten(value)
        if not "".join(row.values()).isascii():
            "".join((*row, *row.values())).encode()
    except RecursionError:
        return "is nested too deeply"
    except UnicodeEncodeError:
        return "has half of a surrogate pair, or bytes that are not in the file's encoding"
    return row
