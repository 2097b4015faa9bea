"""A record on its way to Kafka."""

from typing import Final, NamedTuple

_OVERHEAD_BYTES: Final = 128
"""Of a record in memory and in a batch, beside its contents: no record takes more in a batch."""


class OutgoingRecord(NamedTuple):
    """A record to publish.

    Attributes:
        topic: full name.
        key: decides the partition; None for any.
    """

    topic: str
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()

    @property
    def size(self) -> int:
        """Bytes that it takes while it waits, and at most in a batch."""
        size = _OVERHEAD_BYTES + len(self.value) + len(self.key or b"")
        return size + sum(len(name) + len(value) + 16 for name, value in self.headers) if self.headers else size
