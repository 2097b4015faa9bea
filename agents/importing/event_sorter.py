"""Events put into the order in which they happened, however many there are.

Event mode is exact when a history lies in order, and few exports do. What does not fit into memory is written, sorted,
to temporary files and merged from there.
"""

import heapq
import struct
import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import IO, Final, NamedTuple, Self

_HEAD: Final = struct.Struct("<qqII")
MEMORY_BYTES: Final = 256 * 1024 * 1024
_OVERHEAD_BYTES: Final = 250  # of a tuple, two bytes objects and an int, as measured


class SortableEvent(NamedTuple):
    """An event that waits for its turn; at the same moment, events keep the order in which they were read."""

    occurred_at_ms: int
    number: int
    customer_id: bytes
    value: bytes


class EventSorter:
    """Takes events in any order and gives them back by moment; a context manager, which takes its files away.

    Attributes:
        count: events taken.
    """

    def __init__(self, memory_bytes: int = MEMORY_BYTES) -> None:
        """Hold at most about `memory_bytes` in memory."""
        self.count = 0
        self._memory_bytes = memory_bytes
        self._held: list[SortableEvent] = []
        self._held_bytes = 0
        self._files: list[IO[bytes]] = []

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the temporary files away."""
        for file in self._files:
            file.close()

    def add(self, occurred_at_ms: int, customer_id: bytes, value: bytes) -> None:
        """Take an event."""
        self._held.append(SortableEvent(occurred_at_ms, self.count, customer_id, value))
        self.count += 1
        self._held_bytes += len(customer_id) + len(value) + _OVERHEAD_BYTES
        if self._held_bytes > self._memory_bytes:
            self._write_out()

    def __iter__(self) -> Iterator[SortableEvent]:
        """Give all events, earliest first."""
        self._held.sort()
        return heapq.merge(*(_read_back(file) for file in self._files), self._held)

    def _write_out(self) -> None:
        self._held.sort()
        file = tempfile.TemporaryFile(prefix="goldstream-import-")  # noqa: SIM115 - closed by `__exit__`
        self._files.append(file)
        for moment, number, customer_id, value in self._held:
            file.write(_HEAD.pack(moment, number, len(customer_id), len(value)) + customer_id + value)
        self._held.clear()
        self._held_bytes = 0


def _read_back(file: IO[bytes]) -> Iterator[SortableEvent]:
    file.seek(0)
    while head := file.read(_HEAD.size):
        moment, number, id_bytes, value_bytes = _HEAD.unpack(head)
        yield SortableEvent(moment, number, file.read(id_bytes), file.read(value_bytes))
