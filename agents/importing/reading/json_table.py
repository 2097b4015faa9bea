"""JSON and JSON Lines as a table."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from agents.importing.findings import Assumption, FileError, LeftOut
from agents.importing.reading.json_flattening import NumberText, flatten
from agents.importing.reading.source_table import ROWS_PER_BATCH, RowBatch, unique_names


class JsonTable:
    """Reads a JSON file; the attributes are those of `SourceTable`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file_format = "jsonl"
        self.size = path.stat().st_size
        self.assumptions: list[Assumption] = []
        self.left_out = LeftOut()
        self.typed: frozenset[str] = frozenset()
        self._position = 0
        names: dict[str, None] = {}
        for _, row in self._rows():
            names |= dict.fromkeys(row)
        self.names = unique_names(list(names))
        self._names = tuple(names)

    def position(self) -> int:
        """Return how many of the file's bytes have been read."""
        return self._position

    def batches(self) -> Iterator[RowBatch]:
        """Yield the rows in the order of the file."""
        text: set[str] = set()
        lines: list[int] = []
        rows: list[dict[str, str]] = []
        for line, row in self._rows():
            lines.append(line)
            rows.append(row)
            text.update(name for name, cell in row.items() if not isinstance(cell, NumberText))
            if len(rows) == ROWS_PER_BATCH:
                yield self._batch(lines, rows)
                lines, rows = [], []
        if rows:
            yield self._batch(lines, rows)
        self.typed = frozenset(self.names) - text
        self._position = self.size

    def _batch(self, lines: list[int], rows: list[dict[str, str]]) -> RowBatch:
        return RowBatch(lines, [[row.get(name) for row in rows] for name in self._names])

    def _rows(self) -> Iterator[tuple[int, dict[str, str]]]:
        decode = msgspec.json.Decoder(float_hook=NumberText).decode
        content = self.path.read_bytes()
        if content.lstrip().startswith(b"["):
            records: Any = enumerate(decode(content), 1)
        else:
            records = ((line, decode(raw)) for line, raw in enumerate(content.splitlines(), 1) if raw.strip())
        try:
            for line, record in records:
                yield line, flatten(record)
        except msgspec.MsgspecError as error:
            raise FileError(f"{self.path} is not JSON ({error}); export it again") from error
