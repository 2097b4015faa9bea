"""Sort events by moment, however many there are.

Event mode is exact for a history in order, and few exports are in order. Events that do not fit into memory are sorted
in parts, written to temporary files and merged from there.
"""

import heapq
import struct
import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import IO, Final, NamedTuple, Self

_RECORD_HEADER: Final = struct.Struct("<qqII")
MEMORY_BYTES: Final = 256 * 1024 * 1024
_OVERHEAD_BYTES: Final = 250  # of a tuple, two bytes objects and an int (measured)


class SortableEvent(NamedTuple):
    """An event with its sort key; events of the same moment keep the order in which they were read."""

    occurred_at_ms: int
    number: int
    customer_id: bytes
    value: bytes


class EventSorter:
    """Accepts events in any order and yields them by moment; a context manager, which deletes its temporary files.

    Args:
        memory_bytes: how much memory to use, approximately.

    Attributes:
        count: events added.
    """

    def __init__(self, memory_bytes: int = MEMORY_BYTES) -> None:
        self.count = 0
        self._memory_bytes = memory_bytes
        self._in_memory: list[SortableEvent] = []
        self._in_memory_bytes = 0
        self._files: list[IO[bytes]] = []

    def __enter__(self) -> Self:
        """Return self."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Delete the temporary files."""
        for file in self._files:
            file.close()

    def add(self, occurred_at_ms: int, customer_id: bytes, value: bytes) -> None:
        """Add an event."""
        self._in_memory.append(SortableEvent(occurred_at_ms, self.count, customer_id, value))
        self.count += 1
        self._in_memory_bytes += len(customer_id) + len(value) + _OVERHEAD_BYTES
        if self._in_memory_bytes > self._memory_bytes:
            self._write_out()

    def __iter__(self) -> Iterator[SortableEvent]:
        """Yield all events, earliest first."""
        self._in_memory.sort()
        return heapq.merge(*(_read_back(file) for file in self._files), self._in_memory)

    def _write_out(self) -> None:
        self._in_memory.sort()
        file = tempfile.TemporaryFile(prefix="goldstream-import-")  # noqa: SIM115 - closed by `__exit__`
        self._files.append(file)
        for moment, number, customer_id, value in self._in_memory:
            file.write(_RECORD_HEADER.pack(moment, number, len(customer_id), len(value)) + customer_id + value)
        self._in_memory.clear()
        self._in_memory_bytes = 0


def _read_back(file: IO[bytes]) -> Iterator[SortableEvent]:
    file.seek(0)
    while header := file.read(_RECORD_HEADER.size):
        moment, number, id_bytes, value_bytes = _RECORD_HEADER.unpack(header)
        yield SortableEvent(moment, number, file.read(id_bytes), file.read(value_bytes))
