"""Sort events by a number, however many there are.

Events that do not fit into memory are sorted in parts, written to temporary files and merged from there.
"""

import heapq
import struct
import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import IO, Final, NamedTuple, Self

import msgspec

from agents.importing.events.imported_event import ImportedEvent

_RECORD_HEADER: Final = struct.Struct("<qqI")
MEMORY_BYTES: Final = 128 * 1024 * 1024
_OVERHEAD_BYTES: Final = 200  # of a tuple, a bytes object and two ints (measured)


class _Sortable(NamedTuple):
    number: int
    ordinal: int
    event: bytes


class EventSorter:
    """Accepts events in any order and yields them by number; a context manager, which deletes its temporary files.

    Events of the same number keep the order in which they were added.
    """

    def __init__(self, memory_bytes: int = MEMORY_BYTES) -> None:
        """Use approximately this much memory."""
        self._count = 0
        self._memory_bytes = memory_bytes
        self._in_memory: list[_Sortable] = []
        self._in_memory_bytes = 0
        self._files: list[IO[bytes]] = []
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(ImportedEvent).decode

    def __enter__(self) -> Self:
        """Return self."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Delete the temporary files."""
        for file in self._files:
            file.close()

    def add(self, number: int, event: ImportedEvent) -> None:
        """Add an event."""
        encoded = self._encode(event)
        self._in_memory.append(_Sortable(number, self._count, encoded))
        self._count += 1
        self._in_memory_bytes += len(encoded) + _OVERHEAD_BYTES
        if self._in_memory_bytes > self._memory_bytes:
            self._write_out()

    def __iter__(self) -> Iterator[ImportedEvent]:
        """Yield all events, that of the least number first."""
        self._in_memory.sort()
        for each in heapq.merge(*(_read_back(file) for file in self._files), self._in_memory):
            yield self._decode(each.event)

    def _write_out(self) -> None:
        self._in_memory.sort()
        file = tempfile.TemporaryFile(prefix="goldstream-import-")  # noqa: SIM115 - closed by `__exit__`
        self._files.append(file)
        for number, ordinal, event in self._in_memory:
            file.write(_RECORD_HEADER.pack(number, ordinal, len(event)) + event)
        self._in_memory.clear()
        self._in_memory_bytes = 0


def _read_back(file: IO[bytes]) -> Iterator[_Sortable]:
    file.seek(0)
    while header := file.read(_RECORD_HEADER.size):
        number, ordinal, length = _RECORD_HEADER.unpack(header)
        yield _Sortable(number, ordinal, file.read(length))
