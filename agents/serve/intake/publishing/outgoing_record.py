"""A record on its way to Kafka."""

from typing import Final, NamedTuple

_OVERHEAD_BYTES: Final = 128
"""Of a record in memory and in a batch, beside its contents: no record takes more in a batch."""


class OutgoingRecord(NamedTuple):
    """A record to publish.

    Attributes:
        topic: full name.
        key: decides the partition unless `placed_by` does; None for any.
        value: None removes the record of the key from a compacted topic.
        placed_by: what decides the partition, where that is not the key.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    placed_by: bytes | None = None

    @property
    def place(self) -> bytes | None:
        """What decides the partition; None for any."""
        return self.placed_by if self.placed_by is not None else self.key

    @property
    def size(self) -> int:
        """Bytes that it takes while it waits, and at most in a batch."""
        size = _OVERHEAD_BYTES + len(self.value or b"") + len(self.key or b"")
        return size + sum(len(name) + len(value) + 16 for name, value in self.headers) if self.headers else size
