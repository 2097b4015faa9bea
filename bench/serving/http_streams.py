"""Streams of changes (server-sent events) that are open while something else is measured."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from bench.serving.http_client import address_of, get
from bench.testbed.broker import BenchFailed

_OPENS_WITHIN_S: Final = 30.0


@dataclass
class OpenStreams:
    """What all of them have received.

    Attributes:
        changes_per_second: on average, on each stream, once they are closed.
    """

    changes_per_second: float = 0.0


class _Stream(asyncio.Protocol):
    """One stream, whose changes are counted."""

    def __init__(self, request: bytes) -> None:
        self.changes = 0
        self.is_open = asyncio.Event()
        self._request = request

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the changes."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Count the changes."""
        self.is_open.set()
        self.changes += data.count(b"data:")


@contextlib.asynccontextmanager
async def open_streams(url: str, count: int, path: str = "/v1/changes") -> AsyncIterator[OpenStreams]:
    """Keep streams of a path open.

    Raises:
        BenchFailed: they received nothing.
    """
    request = get(f"{url}{path}")
    loop, found, streams = asyncio.get_running_loop(), OpenStreams(), list[_Stream]()
    try:
        for _ in range(count):
            _, stream = await loop.create_connection(lambda: _Stream(request), *address_of(url))
            streams.append(stream)
        async with asyncio.timeout(_OPENS_WITHIN_S):
            await asyncio.gather(*(stream.is_open.wait() for stream in streams))
        begin_s = time.perf_counter()
        before = sum(stream.changes for stream in streams)
        yield found
        changes = sum(stream.changes for stream in streams) - before
        found.changes_per_second = changes / count / (time.perf_counter() - begin_s)
        if min(stream.changes for stream in streams) == 0:
            raise BenchFailed("a stream of changes received none")
    finally:
        for stream in streams:
            stream.transport.close()
