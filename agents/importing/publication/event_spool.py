"""Events of a file on disk, between the report about them and their publication.

They are read back as often as needed, in the order in which they were added, and take no memory.
"""

import struct
import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import Final, NamedTuple, Self

import msgspec

from agents.importing.events.imported_event import ImportedEvent
from streams.tables.order_ledger import EVENT, ORDER, REFUNDS, entry_key

_HEADER: Final = struct.Struct("<BBqqqHHHHHI32s")
_BUFFER_BYTES: Final = 1 << 20
_KINDS: Final = ("purchase", "refund", "signup", "consent", "contact", "erasure")
_ENTRY_KINDS: Final = ("", ORDER, REFUNDS, EVENT)
_NO_TOTAL: Final = -1


class SpooledEvent(NamedTuple):
    """An event, and the entry of the order ledger by which it is known again.

    Attributes:
        event: as it is published if nothing of it is known.
        entry_kind: `ORDER`, `REFUNDS` or `EVENT` of `streams.tables.order_ledger`; empty for an erasure, which has no
            entry.
        entry_id: of the order or event.
        key: the key of the entry; empty without one.
    """

    event: ImportedEvent
    entry_kind: str
    entry_id: str
    key: bytes


class _Ids(msgspec.Struct):
    event_id: str
    refund_id: str | None = None


_decode_ids: Final = msgspec.json.Decoder(_Ids).decode


class EventSpool:
    """Events in a temporary file; a context manager, which removes it.

    Attributes:
        count: events added.
    """

    def __init__(self) -> None:
        self.count = 0
        self._file = tempfile.TemporaryFile(prefix="goldstream-events-", buffering=_BUFFER_BYTES)  # noqa: SIM115 - closed by `__exit__`

    def __enter__(self) -> Self:
        """Return self."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the file."""
        self._file.close()

    def add(self, event: ImportedEvent) -> SpooledEvent:
        """Add an event, and return it with its entry; nothing may be added once the spool is read."""
        entry_kind, entry_id = _entry_of(event)
        key = entry_key(event.customer_id, entry_kind, entry_id) if entry_kind else b""
        names = (event.customer_id, event.order_id, entry_id, event.mentioned_order, event.order_reference)
        texts = [name.encode() for name in names]
        header = _HEADER.pack(
            _KINDS.index(event.kind),
            _ENTRY_KINDS.index(entry_kind),
            event.occurred_at_ms,
            event.line,
            _NO_TOTAL if event.refunded_minor is None else event.refunded_minor,
            *map(len, texts),
            len(event.value),
            key,
        )
        self._file.write(b"".join((header, *texts, event.value)))
        self.count += 1
        return SpooledEvent(event, entry_kind, entry_id, key)

    def __iter__(self) -> Iterator[SpooledEvent]:
        """Yield all events in the order in which they were added; only one iteration at a time."""
        file = self._file
        file.seek(0)
        while header := file.read(_HEADER.size):
            kind, entry_kind, occurred_at_ms, line, refunded, *lengths, key = _HEADER.unpack(header)
            customer_id, order_id, entry_id, mentioned, reference, value = (file.read(length) for length in lengths)
            event = ImportedEvent(
                _KINDS[kind],
                occurred_at_ms,
                customer_id.decode(),
                order_id.decode(),
                value,
                line,
                None if refunded == _NO_TOTAL else refunded,
                mentioned_order=mentioned.decode(),
                order_reference=reference.decode(),
            )
            yield SpooledEvent(event, _ENTRY_KINDS[entry_kind], entry_id.decode(), key if entry_kind else b"")


def _entry_of(event: ImportedEvent) -> tuple[str, str]:
    """Return the kind and the id of the entry that an event is known again by."""
    if event.kind == "purchase":
        return ORDER, event.order_id
    if event.kind == "erasure":
        return "", ""
    if event.refunded_minor is not None:
        return REFUNDS, event.order_id
    ids = _decode_ids(event.value)
    return EVENT, ids.refund_id or ids.event_id
