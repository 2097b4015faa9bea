"""Deliveries on disk that arrive while the order ledger cannot be read, or cannot be written for anonymous events.

Only the ledger shows which of them are new, so they are stored as they arrived and processed once Kafka answers.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from agents.serve.hooks.delivery import Delivery
from agents.serve.intake.publishing.event_publisher import NotPublishedError
from agents.serve.intake.publishing.outgoing_record import OutgoingRecord
from agents.serve.intake.publishing.spool_files import Position, SpoolFiles, encode_frames

MAX_BYTES: Final = 256 << 20
"""Of all that are held; more are refused."""

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Delivery).decode


class Held(msgspec.Struct, frozen=True):
    """A delivery that is held.

    Attributes:
        route: of its hook.
        call: of Segment's API; empty for others.
        end: the place after it.
    """

    route: str
    call: str
    delivery: Delivery
    end: Position


class HeldDeliveries:
    """The deliveries in a folder; each is on disk before `add` returns.

    Attributes:
        arrived: set when there are some.
    """

    def __init__(self, folder: Path) -> None:
        """Open the folder.

        Raises:
            FatalError: another process uses it, or it cannot be written.
        """
        self._files = SpoolFiles(folder)
        self._size = sum(stored.size for stored in self._files.read(self._files.delivered))
        self._lock = asyncio.Lock()
        self.arrived = asyncio.Event()
        if self._size:
            self.arrived.set()

    def close(self) -> None:
        """Let other processes use the folder."""
        self._files.close()

    async def add(self, route: str, call: str, delivery: Delivery) -> None:
        """Store a delivery; return when it is on disk.

        Raises:
            NotPublishedError: it is not stored.
        """
        frames = encode_frames([OutgoingRecord(route, call.encode(), _encode(delivery))], delivery.now_ms)
        async with self._lock:
            if self._size + len(frames) > MAX_BYTES:
                raise NotPublishedError(f"Kafka is away, and {self._size} bytes of deliveries wait on disk")
            try:
                await asyncio.to_thread(self._files.append, frames)
            except OSError as error:
                raise NotPublishedError(f"Kafka is away, and the spool cannot be written: {error}") from error
            self._size += len(frames)
            self.arrived.set()

    def waiting(self) -> Iterator[Held]:
        """Yield the deliveries that are not taken, in the order in which they arrived."""
        for stored in self._files.read(self._files.delivered):
            record = stored.record
            with contextlib.suppress(msgspec.MsgspecError):  # of a version with another form
                yield Held(record.topic, (record.key or b"").decode(), _decode(record.value or b""), stored.end)

    async def mark(self, held: Held) -> None:
        """Note that a delivery, and all before it, is taken.

        Raises:
            OSError: it cannot be noted.
        """
        async with self._lock:
            await asyncio.to_thread(self._files.mark, held.end)
            self._size = sum(stored.size for stored in self._files.read(self._files.delivered))
