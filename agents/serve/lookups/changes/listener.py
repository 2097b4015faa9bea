"""One client of a stream: what is waiting for it, and when it is written.

A client is written to at most four times a second, each at moments of its own: 200 clients that were written to at the
same moment would delay every other request by the time that takes.
"""

import asyncio
import logging
import math
import random
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Final

from streams.clock import Clock

log = logging.getLogger(__name__)

WRITE_SECONDS: Final = 0.25
"""What arrives in this time is written together."""
MAX_PENDING_BYTES: Final = 4 << 20
"""What may wait for one listener, who is disconnected beyond that."""


class Listener:
    """A client that listens.

    Attributes:
        segment: only changes to this segment are for it; None for all.
        on_drop: called when it does not keep up, after its end.
    """

    def __init__(self, segment: str | None, clock: Clock) -> None:
        self.segment = segment
        self.on_drop: Callable[[], object] = self.end
        self._clock = clock
        self._chunks: deque[bytes] = deque()
        self._pending_bytes = 0
        self._arrived = asyncio.Event()
        self._is_over = False
        self._turn_s = clock.monotonic() + random.random() * WRITE_SECONDS

    def push(self, chunk: bytes) -> None:
        """Add data to write; a listener with too much unwritten data is dropped."""
        if self._is_over:
            return
        if self._pending_bytes + len(chunk) > MAX_PENDING_BYTES and self._chunks:
            log.info("a reader of changes does not keep up: it is disconnected, and may resume")
            self.end()
            self.on_drop()
            return
        self._chunks.append(chunk)
        self._pending_bytes += len(chunk)
        self._arrived.set()

    def end(self) -> None:
        """End the stream after what was added."""
        self._is_over = True
        self._arrived.set()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield what was added, at each turn as much as there is, until the end."""
        while True:
            await self._arrived.wait()
            await self._wait_for_turn()
            self._arrived.clear()
            if self._chunks:
                chunk = b"".join(self._chunks)
                self._chunks.clear()
                self._pending_bytes = 0
                yield chunk
            if self._is_over and not self._chunks:
                return

    async def _wait_for_turn(self) -> None:
        """Wait for the next of this client's moments, unless the stream ends."""
        if self._is_over:
            return
        now_s = self._clock.monotonic()
        turn_s = self._turn_s + max(0, math.ceil((now_s - self._turn_s) / WRITE_SECONDS)) * WRITE_SECONDS
        self._turn_s = turn_s + WRITE_SECONDS
        await self._clock.sleep(turn_s - now_s)
